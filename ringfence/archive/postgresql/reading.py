"""Searches the database; knows no Redis. Blocking: for a thread.

A question is asked by pages, each a query of its own: what is kept of a long answer is one page,
and nobody who stops in the middle holds anything on the server. What comes out is held against the
question as a whole.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from psycopg.pq import TransactionStatus

from ringfence.archive.day import day_and_ms
from ringfence.archive.packing import Unpacker
from ringfence.archive.place import ArchiveAway, Holding
from ringfence.archive.postgresql.columns import LONGEST, text
from ringfence.archive.postgresql.connecting import READ_SECONDS, Connection, Server
from ringfence.archive.postgresql.ends import with_ends
from ringfence.archive.postgresql.questions import Reached, Span, beside_of, page_of, spans_of
from ringfence.archive.postgresql.tables import are_there
from ringfence.archive.terms import is_pattern
from ringfence.archive.writing import START
from ringfence.callid import CALL_ID, time_of
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord, decode_record

FIRST_PAGE, PAGE = 100, 1_000
MOST_TRUNKS = 500


class ServerReader:
    """Answers from one database; `away` says why it could not, or not to the end."""

    def __init__(self, server: Server, *, seconds: float = READ_SECONDS) -> None:
        self._server = server
        self._seconds = seconds
        self.unread: dict[date, str] = {}
        self.damaged = 0
        self.away = ""
        # One at most, for the next question: connecting takes longer than most answers.
        self._idle: list[Connection] = []
        weakref.finalize(self, _close, self._idle)

    def position(self) -> StreamId:
        """An entry of the stream up to which everything is here."""
        with self._open() as connection:
            if connection:
                row = connection.execute("SELECT position FROM ringfence_archive").fetchone()
                return StreamId.parse(row[0]) if row and row[0] else START
        return START

    def newest(self, wanted: CallFilter) -> Generator[CallRecord, None, None]:
        """All matching records, the newest first."""
        with self._open() as connection:
            if connection:
                yield from self._newest(connection, wanted)

    def days(self, wanted: CallFilter) -> list[date]:
        """The days that can hold what is wanted and that there are calls of, the newest first."""
        with self._open() as connection:
            return _days(connection, wanted) if connection else []
        return []

    def count(self, since: float, until: float) -> int:
        """How many calls there are in a span, whatever they are."""
        wanted, total = CallFilter(since=since, until=until), 0
        with self._open() as connection:
            if connection:
                for span in spans_of(_days(connection, wanted), wanted):
                    row = connection.execute(
                        "SELECT count(*) FROM ringfence_calls WHERE at >= %s AND at < %s", span
                    ).fetchone()
                    total += row[0] if row else 0
        return total

    def holding(self) -> Holding:
        """Days, bytes and calls."""
        with self._open() as connection:
            if connection:
                rows = connection.execute(
                    "SELECT day, calls FROM ringfence_days ORDER BY day DESC"
                ).fetchall()
                size = connection.execute(
                    "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint "
                    "FROM pg_inherits WHERE inhparent IN ('ringfence_calls'::regclass, "
                    "'ringfence_also'::regclass, 'ringfence_ends'::regclass)"
                ).fetchone()
                days = [day for day, _ in rows]
                return Holding(days, size[0] if size else 0, sum(calls for _, calls in rows))
        return Holding([], 0, problem=self.away)

    def _newest(self, connection: Connection, wanted: CallFilter) -> Iterator[CallRecord]:
        days = _days(connection, wanted)
        unpackers: dict[int, Unpacker] = {}
        for span in spans_of(days, wanted):
            after: Reached | None = None
            limit = FIRST_PAGE
            trunks = _trunks(connection, wanted.trunk, span.since.date(), span.until.date())
            if trunks == []:
                continue
            beside = _beside(connection, wanted, span)
            while True:
                page = page_of(wanted, trunks, beside, span, after, limit)
                rows = connection.execute(*page).fetchall()
                records = self._decoded(connection, rows, unpackers)
                yield from with_ends(connection, [r for r in records if wanted.matches(r)])
                if len(rows) < limit:
                    break
                after, limit = Reached(*rows[-1][:2]), PAGE

    def _decoded(
        self,
        connection: Connection,
        rows: Sequence[tuple[Any, ...]],
        unpackers: dict[int, Unpacker],
    ) -> Iterator[CallRecord]:
        if not unpackers.keys() >= {number for _, _, number, _ in rows}:
            found = connection.execute("SELECT number, dictionary FROM ringfence_dictionaries")
            unpackers.update({number: Unpacker(data) for number, data in found.fetchall()})
        for _, _, number, packed in rows:
            try:
                yield decode_record(unpackers[number].unpack(packed))
            except (KeyError, ValueError):
                self.damaged += 1

    @contextlib.contextmanager
    def _open(self) -> Iterator[Connection | None]:
        """A connection; None where there are no tables yet, or, which is noted, no server."""
        connection, there = None, False
        try:
            connection, there = self._connected()
        except ArchiveAway as error:
            self.away = str(error)
        try:
            with self._server.explained():
                yield connection if there else None
        except ArchiveAway as error:
            self.away = str(error)
        finally:
            # a question that was left early leaves nothing under way: it was between two pages
            if connection and not self._idle and _is_at_rest(connection):
                self._idle.append(connection)
            elif connection:
                connection.close()

    def _connected(self) -> tuple[Connection, bool]:
        """A connection that answers, and whether there are tables. One that lay idle may be cut."""
        while self._idle:
            kept = self._idle.pop()
            with contextlib.suppress(ArchiveAway), self._server.explained():
                return kept, are_there(kept, self._server.shown)
            kept.close()
        fresh = self._server.connect(self._seconds, read_only=True)
        try:
            with self._server.explained():
                return fresh, are_there(fresh, self._server.shown)
        except BaseException:
            fresh.close()
            raise


def _close(connections: list[Connection]) -> None:
    while connections:
        connections.pop().close()


def _is_at_rest(connection: Connection) -> bool:
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


def _days(connection: Connection, wanted: CallFilter) -> list[date]:
    first = _day(wanted.since) if wanted.since else date.min
    last = _day(wanted.until) if wanted.until else date.max
    if CALL_ID.fullmatch(wanted.id):
        # a call's id and its time are of one moment
        first = max(first, _day(time_of(wanted.id)))
        last = min(last, first)
    found = connection.execute(
        "SELECT day FROM ringfence_days WHERE day BETWEEN %s AND %s ORDER BY day DESC",
        (first, last),
    )
    return [day for (day,) in found.fetchall()]


def _beside(connection: Connection, wanted: CallFilter, span: Span) -> set[str]:
    question = beside_of(wanted, span)
    return {column for (column,) in connection.execute(*question)} if question else set()


def _trunks(connection: Connection, pattern: str, first: date, last: date) -> Sequence[str] | None:
    """The trunks of these days that are meant; None where that leaves any."""
    if not pattern or (is_pattern(pattern) and fnmatchcase("", pattern)):
        return None
    if not is_pattern(pattern):
        return [text(pattern) or ""]
    rows = connection.execute(
        "SELECT DISTINCT unnest(trunks) FROM ringfence_days WHERE day BETWEEN %s AND %s",
        (first, last),
    )
    # a name that was cut may be any that begins so
    names = [name for (name,) in rows.fetchall()]
    found = [name for name in names if len(name) == LONGEST or fnmatchcase(name, pattern)]
    return found if len(found) <= MOST_TRUNKS else None


def _day(at: float) -> date:
    try:
        return day_and_ms(datetime.fromtimestamp(at, UTC))[0]
    except (ValueError, OverflowError, OSError):
        return date.max - timedelta(days=1)
