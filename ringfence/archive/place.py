"""Where the archive is, by the settings: day files in a folder, or a PostgreSQL server.

Owns what every kind of archive offers, and the choice; knows no table, and imports the code of a
server only where the settings name one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

from ringfence.archive.day import beside, day_path, days_in, folder_in
from ringfence.archive.reading import ArchiveReader
from ringfence.archive.writing import DayFiles, Entry, Progress
from ringfence.calllog.ended import CallEnd
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord
from ringfence.settings import Settings, SettingsRefused


class ArchiveAway(OSError):  # noqa: N818 - what happened, in the past
    """The archive's server cannot be used now; the text says in one line why and what to do."""


class ArchiveWriter(Protocol):
    """Writes for one holder of the lease; blocking, and used by one thread at a time."""

    def progress(self) -> Progress:
        """How far the archive is; makes what there must be to write."""

    def write(self, entries: Sequence[Entry], position: StreamId, fence: int) -> int:
        """All entries, safe when this returns, and that `position` is reached; how many were
        new. LeaseLost where a later fence has written."""

    def write_ends(self, ends: Sequence[CallEnd], fence: int) -> int:
        """The ends of calls, each once; how many were new. LeaseLost as in `write`."""

    def remove_before(self, day: date) -> list[date]:
        """Days before this one go; which they were, the newest first."""

    def close(self) -> None:
        """Let go of everything; the next call opens it again."""


class ArchiveSource(Protocol):
    """Answers questions; blocking. What it could not read it says in `unread`, `damaged` and
    `away`, and answers with the rest."""

    unread: dict[date, str]
    damaged: int
    away: str

    def position(self) -> StreamId:
        """An entry of the stream up to which everything is here; there may be a little more."""

    def newest(self, wanted: CallFilter) -> Generator[CallRecord, None, None]:
        """All matching records, the newest first."""

    def days(self, wanted: CallFilter) -> list[date]:
        """The days that can hold what is wanted and that are here, the newest first."""

    def count(self, since: float, until: float) -> int:
        """How many calls there are in a span, whatever they are."""


class Holding(NamedTuple):
    """What an archive holds: its days, the newest first, calls where that is known, bytes, and
    what is wrong with it."""

    days: list[date]
    size: int
    calls: int | None = None
    damaged: tuple[str, ...] = ()
    problem: str = ""


class Place(Protocol):
    """One archive, not opened yet. `shown` is for people: a folder, or a server without its
    password."""

    @property
    def shown(self) -> str:
        """Where it is."""

    def writer(self) -> ArchiveWriter:
        """For the holder of the lease."""

    def source(self) -> ArchiveSource:
        """For questions."""

    def holding(self) -> Holding:
        """What is in it; blocking."""


class DayFolder:
    """The archive in day files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def shown(self) -> str:
        """The folder."""
        return str(self.folder)

    def writer(self) -> ArchiveWriter:
        """For the holder of the lease."""
        return DayFiles(self.folder)

    def source(self) -> ArchiveSource:
        """For questions."""
        return ArchiveReader(self.folder)

    def holding(self) -> Holding:
        """Its files; how many calls are in them, nobody counts."""
        days = days_in(self.folder)
        paths = [path for day in days for path in beside(day_path(self.folder, day))]
        size = sum(path.stat().st_size for path in paths if path.exists())
        damaged = sorted(path.name for path in self.folder.glob("*.damaged-*"))
        # beside them may lie what SQLite had put beside the file
        return Holding(days, size, damaged=tuple(n for n in damaged if n[-1].isdigit()))


def archive_of(settings: Settings) -> Place:
    """The archive that the settings name. SettingsRefused where it cannot be used at all."""
    if not settings.calllog.archive:
        return DayFolder(folder_in(settings.state.path))
    try:
        from ringfence.archive.postgresql.place import PostgresqlPlace
    except ImportError:
        raise SettingsRefused(
            "calllog.archive names a PostgreSQL server and psycopg is not installed: "
            "pip install 'ringfence[postgresql]'"
        ) from None
    return PostgresqlPlace(settings.calllog.archive)


async def oldest_day(place: Place) -> date | None:
    """The first day that there are calls of; None where there is none, or nobody can say."""
    days = await asyncio.to_thread(lambda: place.source().days(CallFilter()))
    return min(days, default=None)
