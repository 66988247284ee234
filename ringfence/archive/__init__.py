"""The archive of the call log: what was in the stream, for over a year.

`Archiver` is what a process builds and runs: one worker of all at a time holds the `lease`, moves
records from the stream into the archive, and trims what is safe there; `ended` does so with how
calls ended, which has a stream of its own. `place` says where that is:
in one SQLite file a day, or, by the modules of `postgresql`, on a server.

Of the files `writing` writes them and `reading` searches them; `day` is one file: its tables, how
it is opened, and `ends` what it has of how calls ended. `packing` makes a record small, `terms`
says what it is found by. `search` searches the archive and the stream as one. `traceback` answers
where a call came from.
"""

from ringfence.archive.archiver import Archiver
from ringfence.archive.place import archive_of
from ringfence.archive.search import CallSearch

__all__ = ["Archiver", "CallSearch", "archive_of"]
