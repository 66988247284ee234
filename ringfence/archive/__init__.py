"""The archive of the call log: what was in the stream, in one SQLite file a day, for over a year.

`Archiver` is what a process builds and runs: one worker of all at a time holds the `lease`, moves
records from the stream into the day files by `writing`, and trims what is safe there. `day` is one
file: its tables, how it is opened. `packing` makes a record small, `terms` says what it is found
by. `reading` searches the files, `search` the files and the stream as one. `traceback` answers
where a call came from.
"""

from ringfence.archive.archiver import Archiver
from ringfence.archive.search import CallSearch

__all__ = ["Archiver", "CallSearch"]
