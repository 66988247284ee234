"""Writes records into the day files, each once, and says how far it has come; knows no Redis.

Blocking: for a thread of its own. A batch may be of several days, and several files cannot be
committed as one. So the position in the stream is committed last, with the rows of the newest day
in it; when a process is killed before that, the batch comes again, and rows that are there already
are told by the id of the call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from ringfence.archive.day import (
    DayDamaged,
    DayRefused,
    day_path,
    days_in,
    is_damage,
    open_to_read,
    open_to_write,
    remove_day,
    seal,
)
from ringfence.archive.ends import insert_ends
from ringfence.archive.packing import Packer
from ringfence.archive.terms import terms_of
from ringfence.callid import CALL_ID
from ringfence.calllog.ended import CallEnd, days_of
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord

OPEN_AT_MOST = 3
"""Files: today's, yesterday's at midnight, and one for what was spooled long."""
START = StreamId(0, 0)


class LeaseLost(Exception):  # noqa: N818 - what happened, in the past
    """A writer with a later lease has been at the file."""


class Entry(NamedTuple):
    """One record, on its way into the archive: its day, milliseconds of that day, and its JSON."""

    day: date
    at: int
    record: CallRecord
    data: bytes


class Progress(NamedTuple):
    """How far the archive goes, and the highest fence in it."""

    position: StreamId
    fence: int


class DayFiles:
    """The files of one folder, for one holder of the lease. Used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[date, _Day] = {}

    def progress(self) -> Progress:
        """Over all files. What is no file of ours is passed over: nothing hangs on it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        position, fence = START, 0
        for day in days_in(self._folder):
            with contextlib.suppress(DayDamaged, DayRefused, ValueError):
                found = read_progress(day_path(self._folder, day))
                position, fence = max(position, found.position), max(fence, found.fence)
        return Progress(position, fence)

    def write(self, entries: Sequence[Entry], position: StreamId, fence: int) -> int:
        """All entries, on the disk when this returns, and that `position` is reached; how many
        were new. Nothing of a day is kept where it fails in the middle of that day."""
        days: dict[date, list[Entry]] = {}
        for entry in entries:
            days.setdefault(entry.day, []).append(entry)
        new = 0
        for day in sorted(days):
            last = day == max(days)
            new += self._file(day).write(days[day], position if last else None, fence)
        return new

    def write_ends(self, ends: Sequence[CallEnd], fence: int) -> int:
        """The ends of calls, on the disk when this returns; how many were new. No position goes
        with them: what is written twice is there once."""
        days: dict[date, list[CallEnd]] = {}
        for end in ends:
            for day in days_of(end):
                days.setdefault(day, []).append(end)
        return sum(self._file(day).write_ends(days[day], fence) for day in sorted(days))

    def remove_before(self, day: date) -> list[date]:
        """Files of days before this one; which they were."""
        gone = [each for each in days_in(self._folder) if each < day]
        for each in gone:
            if each in self._open:
                self._open.pop(each).close()
            remove_day(day_path(self._folder, each))
        return gone

    def close(self) -> None:
        """Let go of all files."""
        while self._open:
            self._open.popitem()[1].close()

    def _file(self, day: date) -> _Day:
        if day in self._open:
            self._open[day] = self._open.pop(day)
            return self._open[day]
        while len(self._open) >= OPEN_AT_MOST:
            oldest = next(iter(self._open))
            self._open.pop(oldest).close()
        self._open[day] = _Day(day_path(self._folder, day))
        return self._open[day]


class _Day:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_to_write(path)
        (dictionary,) = self._file.execute("SELECT dictionary FROM about").fetchone()
        self._packer = Packer(dictionary)
        self._trunks: set[str] = set()

    def write(self, entries: Sequence[Entry], position: StreamId | None, fence: int) -> int:
        with self._transaction(fence):
            new = self._insert(entries)
            if position is not None:
                self._file.execute("UPDATE about SET position = ?", (str(position),))
        return new

    def write_ends(self, ends: Sequence[CallEnd], fence: int) -> int:
        with self._transaction(fence):
            return insert_ends(self._file, ends)

    def close(self) -> None:
        seal(self._file)
        self._file.close()

    def _insert(self, entries: Sequence[Entry]) -> int:
        terms: list[tuple[int, int, int, int]] = []
        new = 0
        for entry in entries:
            done = self._file.execute(
                "INSERT INTO calls (id, record) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
                (id_key(entry.record.id), self._packer.pack(entry.data)),
            )
            if done.rowcount == 1:
                new += 1
                call = done.lastrowid or 0
                terms += [(*term, entry.at, call) for term in terms_of(entry.record)]
                self._note_trunk(entry.record.trunk)
        # in the order of the index, which then is gone through once
        terms.sort()
        self._file.executemany("INSERT INTO terms VALUES (?, ?, ?, ?)", terms)
        return new

    def _note_trunk(self, name: str) -> None:
        if name and name not in self._trunks:
            self._trunks.add(name)
            self._file.execute("INSERT OR IGNORE INTO trunks VALUES (?)", (name,))

    @contextlib.contextmanager
    def _transaction(self, fence: int) -> Iterator[None]:
        try:
            self._file.execute("BEGIN IMMEDIATE")
            changed = self._file.execute(
                "UPDATE about SET fence = ? WHERE fence <= ?", (fence, fence)
            )
            if changed.rowcount != 1:
                raise LeaseLost(f"{self._path.name} has a later writer")
            yield
            self._file.execute("COMMIT")
        except BaseException as error:
            self._trunks.clear()
            # a failed COMMIT may have ended it already
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            if is_damage(error):
                raise DayDamaged(self._path, str(error)) from None
            raise


def read_progress(path: Path) -> Progress:
    """What one file says. DayDamaged, or ValueError where what it says makes no sense."""
    with contextlib.closing(open_to_read(path)) as file:
        fence, position = file.execute("SELECT fence, position FROM about").fetchone()
    return Progress(StreamId.parse(position) if position else START, int(fence))


def id_key(id: str) -> bytes:
    """A call's id as it is kept: ours in half the room."""
    return bytes.fromhex(id) if CALL_ID.fullmatch(id) else id.encode("utf-8", "replace")
