"""Writes records into the database, each once, and says how far it has come; knows no Redis.

Blocking: for a thread of its own. Rows, position and fence are one transaction. Where nobody knows
whether one was committed, the batch comes again, and rows that are there already are told by the
id of the call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import date

from psycopg import sql

from ringfence.archive.day import midnight
from ringfence.archive.packing import DICTIONARY, Packer
from ringfence.archive.postgresql.columns import TEXTS, also_of, key_of_id, text, texts_of
from ringfence.archive.postgresql.connecting import WRITE_SECONDS, Connection, Server
from ringfence.archive.postgresql.ends import by_day, insert_ends
from ringfence.archive.postgresql.tables import (
    ALSO,
    CALLS,
    ENDS,
    drop_before,
    make_day,
    make_tables,
    partition_of,
)
from ringfence.archive.writing import START, Entry, LeaseLost, Progress
from ringfence.calllog.ended import CallEnd
from ringfence.calllog.query import StreamId

_COLUMNS = ("at", "id", "packed_by", "anonymous", "action", *TEXTS, "record")


class ServerWriter:
    """One database, for one holder of the lease. Used by one thread at a time."""

    def __init__(self, server: Server, *, seconds: float = WRITE_SECONDS) -> None:
        self._server = server
        self._seconds = seconds
        self._connection: Connection | None = None
        self._packer = Packer()
        self._dictionary = 0
        self._days: set[tuple[str, date]] = set()

    def progress(self) -> Progress:
        """What the database says, with tables made where there are none."""
        with self._open() as connection:
            found = connection.execute("SELECT fence, position FROM ringfence_archive").fetchone()
        fence, position = found or (0, "")
        return Progress(StreamId.parse(position) if position else START, int(fence))

    def write(self, entries: Sequence[Entry], position: StreamId, fence: int) -> int:
        """All entries, committed when this returns, and that `position` is reached; how many were
        new. All of it or nothing."""
        days: dict[date, list[Entry]] = {}
        for entry in entries:
            days.setdefault(entry.day, []).append(entry)
        with self._transaction(fence) as connection:
            new = sum(self._write_day(connection, day, days[day]) for day in sorted(days))
            connection.execute("UPDATE ringfence_archive SET position = %s", (str(position),))
        return new

    def write_ends(self, ends: Sequence[CallEnd], fence: int) -> int:
        """Each end once, with every day whose calls it may belong to; how many were new."""
        new: set[int] = set()
        with self._transaction(fence) as connection:
            for day, some in sorted(by_day(ends).items()):
                self._make_day(connection, ENDS, day)
                new |= insert_ends(connection, day, some)
        return len(new)

    def remove_before(self, day: date) -> list[date]:
        """Days before this one; which they were."""
        with self._open() as connection:
            gone = drop_before(connection, day)
        self._days.clear()
        return gone

    def close(self) -> None:
        """Let go of the connection."""
        self._days.clear()
        if self._connection:
            self._connection.close()
            self._connection = None

    def _write_day(self, connection: Connection, day: date, entries: Sequence[Entry]) -> int:
        self._make_day(connection, CALLS, day)
        self._make_day(connection, ALSO, day)
        keys = [key_of_id(entry.record.id) for entry in entries]
        done = connection.execute(
            _insert(partition_of(CALLS, day)),
            (
                midnight(day),
                self._dictionary,
                [entry.at for entry in entries],
                keys,
                [entry.record.anonymous for entry in entries],
                [text(entry.record.action) or "" for entry in entries],
                *map(list, zip(*(texts_of(entry.record) for entry in entries), strict=True)),
                [self._packer.pack(entry.data) for entry in entries],
            ),
        )
        new = {key for (key,) in done.fetchall()}
        also = {
            (*each, key, entry.at)
            for entry, key in zip(entries, keys, strict=True) if key in new
            for each in also_of(entry.record)
        }  # fmt: skip
        if also:
            fields, values, ids, ats = map(list, zip(*sorted(also), strict=True))
            connection.execute(_also(partition_of(ALSO, day)),
                               (midnight(day), fields, values, ids, ats))  # fmt: skip
        trunks = sorted({text(entry.record.trunk) or "" for entry in entries} - {""})
        connection.execute(
            "INSERT INTO ringfence_days AS d VALUES (%s, %s, %s) ON CONFLICT (day) DO UPDATE SET "
            "calls = d.calls + excluded.calls, trunks = CASE WHEN d.trunks @> excluded.trunks "
            "THEN d.trunks ELSE ARRAY(SELECT unnest(d.trunks) UNION SELECT unnest(excluded.trunks))"
            " END",
            (day, len(new), trunks),
        )
        return len(new)

    def _make_day(self, connection: Connection, table: str, day: date) -> None:
        if (table, day) not in self._days:
            make_day(connection, table, day)
            self._days.add((table, day))

    @contextlib.contextmanager
    def _transaction(self, fence: int) -> Iterator[Connection]:
        with self._open() as connection, connection.transaction():
            # holds the row: nobody else writes, or makes a day, before this ends
            changed = connection.execute(
                "UPDATE ringfence_archive SET fence = %s WHERE fence <= %s", (fence, fence)
            )
            if changed.rowcount != 1:
                raise LeaseLost(f"{self._server.shown} has a later writer")
            yield connection

    @contextlib.contextmanager
    def _open(self) -> Iterator[Connection]:
        """The connection; after any failure there is a new one, and nothing is known of it."""
        try:
            with self._server.explained():
                if self._connection is None:
                    self._connection = self._server.connect(self._seconds)
                    make_tables(self._connection, self._server.shown)
                    self._dictionary = _dictionary_in(self._connection)
                yield self._connection
        except BaseException:
            self.close()
            raise


def _dictionary_in(connection: Connection) -> int:
    """The number that ours has there."""
    connection.execute(
        "INSERT INTO ringfence_dictionaries (dictionary) SELECT %s "
        "WHERE NOT EXISTS (SELECT 1 FROM ringfence_dictionaries WHERE dictionary = %s) "
        "ON CONFLICT DO NOTHING",
        (DICTIONARY, DICTIONARY),
    )
    found = connection.execute(
        "SELECT number FROM ringfence_dictionaries WHERE dictionary = %s", (DICTIONARY,)
    ).fetchone()
    return int(found[0]) if found else 0


def _insert(partition: str) -> sql.Composed:
    kinds = ["int[]", "bytea[]", "bool[]", *["text[]"] * (1 + len(TEXTS)), "bytea[]"]
    names = [name for name in _COLUMNS if name != "packed_by"]
    return sql.SQL(
        "WITH day AS (SELECT %s::timestamptz AS begins, %s::smallint AS packed_by) "
        "INSERT INTO {} ({}) SELECT day.begins + x.at * interval '1 millisecond', {} "
        "FROM day, unnest({}) AS x ({}) ON CONFLICT (id) DO NOTHING RETURNING id"
    ).format(
        sql.Identifier(partition),
        sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
        sql.SQL(", ").join(
            sql.Identifier("day" if name == "packed_by" else "x", name) for name in _COLUMNS[1:]
        ),
        sql.SQL(", ").join(
            # bytes as they are, and not in hexadecimal digits
            sql.SQL("%b::" if kind == "bytea[]" else "%s::") + sql.SQL(kind) for kind in kinds
        ),
        sql.SQL(", ").join(map(sql.Identifier, names)),
    )  # fmt: skip


def _also(partition: str) -> sql.Composed:
    return sql.SQL(
        "WITH day AS (SELECT %s::timestamptz AS begins) "
        "INSERT INTO {} (field, value, at, id) "
        "SELECT x.field, x.value, day.begins + x.at * interval '1 millisecond', x.id "
        "FROM day, unnest(%s::text[], %s::text[], %b::bytea[], %s::int[]) "
        "AS x (field, value, id, at) ON CONFLICT DO NOTHING"
    ).format(sql.Identifier(partition))
