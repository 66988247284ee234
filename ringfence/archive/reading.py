"""Searches the day files; knows no Redis. Blocking: for a thread.

Newest day first, one file after the other, so that an answer that is long enough early opens few.
In a file the rarest term of the question leads and the others are looked up for each of its calls;
what comes out is held against the question as a whole.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from ringfence.archive.day import (
    DayDamaged,
    day_and_ms,
    day_path,
    days_in,
    midnight,
    open_to_read,
)
from ringfence.archive.ends import Ends
from ringfence.archive.packing import Unpacker
from ringfence.archive.terms import ALL, TRUNK, Term, is_pattern, terms_wanted, text_key
from ringfence.archive.writing import START, id_key, read_progress
from ringfence.callid import CALL_ID, time_of
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord, decode_record

ENOUGH = 1_000
"""Calls of a term that are counted: of two that have more, either may lead."""
MOST_TRUNKS = 500
FEW_DAYS = 40
"""Files that are asked for by name, rather than by going through the folder."""
NEWEST = 3
"""Files whose positions are looked at: that of the newest is, at worst, a batch behind."""
_DAY_MS = 86_400_000


class ArchiveReader:
    """Answers from one folder; `unread` says of which days nothing could be read, and why."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unread: dict[date, str] = {}
        self.damaged = 0
        self.away = ""

    def position(self) -> StreamId:
        """An entry of the stream up to which everything is here; there may be a little more."""
        found = START
        for day in days_in(self._folder)[:NEWEST]:
            with contextlib.suppress(DayDamaged, ValueError, sqlite3.Error, OSError):
                found = max(found, read_progress(day_path(self._folder, day)).position)
        return found

    def newest(self, wanted: CallFilter) -> Generator[CallRecord, None, None]:
        """All matching records, the newest first."""
        for day in self._days(wanted):
            yield from self._of_day(day, wanted)

    def days(self, wanted: CallFilter) -> list[date]:
        """The days that can hold what is wanted and that there are files of, the newest first."""
        return list(self._days(wanted))

    def count(self, since: float, until: float) -> int:
        """How many calls there are in a span, whatever they are."""
        wanted, total = CallFilter(since=since, until=until), 0
        for day in self._days(wanted):
            with self._open(day) as file:
                if file:
                    total += file.execute(
                        "SELECT count(*) FROM terms WHERE field = ? AND value = ? "
                        "AND at BETWEEN ? AND ?",
                        (*ALL, *_span(day, wanted)),
                    ).fetchone()[0]
        return total

    def _days(self, wanted: CallFilter) -> Iterator[date]:
        first = _day_of(wanted.since) if wanted.since else date.min
        last = _day_of(wanted.until) if wanted.until else date.max
        if CALL_ID.fullmatch(wanted.id):
            # a call's id and its time are of one moment
            first = max(first, _day_of(time_of(wanted.id)))
            last = min(last, first)
        if (last - first).days < FEW_DAYS:
            days = (last - timedelta(days=n) for n in range((last - first).days + 1))
            return (day for day in days if day_path(self._folder, day).exists())
        return (day for day in days_in(self._folder) if first <= day <= last)

    def _of_day(self, day: date, wanted: CallFilter) -> Iterator[CallRecord]:
        with self._open(day) as file:
            if file is None:
                return
            unpacker: Unpacker | None = None
            ends: Ends | None = None
            for (packed,) in self._found(file, day, wanted):
                # most days of a long search have nothing to unpack
                unpacker = unpacker or Unpacker(_dictionary(file))
                try:
                    record = decode_record(unpacker.unpack(packed))
                except ValueError:
                    self.damaged += 1
                    continue
                if wanted.matches(record):
                    ends = ends or Ends(file)
                    yield ends.with_end(record)

    def _found(
        self, file: sqlite3.Connection, day: date, wanted: CallFilter
    ) -> Iterator[tuple[bytes]]:
        if wanted.id:
            yield from file.execute("SELECT record FROM calls WHERE id = ?", (id_key(wanted.id),))
            return
        span = _span(day, wanted)
        terms = _rarest_first(file, set(terms_wanted(wanted)), span)
        if terms is None:
            return
        trunks = _trunks(file, wanted.trunk)
        if trunks == []:
            return
        sql = [
            "SELECT record FROM terms AS t CROSS JOIN calls ON calls.call = t.call "
            "WHERE t.field = ? AND t.value = ? AND t.at BETWEEN ? AND ?"
        ]
        values: list[int] = [*terms[0], *span]
        for term in terms[1:]:
            sql.append(_ALSO.format("= ?"))
            values += term
        if trunks:
            sql.append(_ALSO.format(f"IN ({','.join('?' * len(trunks))})"))
            values += (TRUNK, *trunks)
        sql.append("ORDER BY t.at DESC, t.call DESC")
        yield from file.execute(" ".join(sql), values)

    @contextlib.contextmanager
    def _open(self, day: date) -> Iterator[sqlite3.Connection | None]:
        """The day's file; None, and noted, where it cannot be read, now or any more."""
        try:
            file = open_to_read(day_path(self._folder, day))
        except (DayDamaged, sqlite3.Error, OSError) as error:
            self.unread[day] = error.why if isinstance(error, DayDamaged) else str(error)
            yield None
            return
        with contextlib.closing(file):
            try:
                yield file
            except sqlite3.Error as error:
                self.unread[day] = str(error)


_ALSO = (
    "AND EXISTS (SELECT 1 FROM terms AS o WHERE o.field = ? AND o.value {} "
    "AND o.at = t.at AND o.call = t.call)"
)


def _dictionary(file: sqlite3.Connection) -> bytes:
    dictionary: bytes = file.execute("SELECT dictionary FROM about").fetchone()[0]
    return dictionary


def _rarest_first(
    file: sqlite3.Connection, terms: set[Term], span: tuple[int, int]
) -> list[Term] | None:
    """The terms in the order in which they leave least to be looked at; None where one of them
    has no call. Without any, the day as a whole."""
    if len(terms) < 2:
        return [*terms] or [ALL]
    counted = []
    for term in terms:
        (count,) = file.execute(
            "SELECT count(*) FROM (SELECT 1 FROM terms WHERE field = ? AND value = ? "
            "AND at BETWEEN ? AND ? LIMIT ?)",
            (*term, *span, ENOUGH),
        ).fetchone()
        if not count:
            return None
        counted.append((count, term))
    return [term for _, term in sorted(counted)]


def _trunks(file: sqlite3.Connection, pattern: str) -> Sequence[int] | None:
    """What the trunks of this day that a pattern means are found by; None where it leaves any."""
    if not is_pattern(pattern) or fnmatchcase("", pattern):
        return None
    names = [name for (name,) in file.execute("SELECT name FROM trunks")]
    found = [text_key(name) for name in names if fnmatchcase(name, pattern)]
    return found if len(found) <= MOST_TRUNKS else None


def _span(day: date, wanted: CallFilter) -> tuple[int, int]:
    """The milliseconds of a day that are asked for."""
    first = int((wanted.since - midnight(day).timestamp()) * 1000) - 1 if wanted.since else 0
    last = int((wanted.until - midnight(day).timestamp()) * 1000) + 1 if wanted.until else _DAY_MS
    return max(first, 0), min(last, _DAY_MS)


def _day_of(at: float) -> date:
    try:
        return day_and_ms(datetime.fromtimestamp(at, UTC))[0]
    except (ValueError, OverflowError, OSError):
        return date.max - timedelta(days=1)
