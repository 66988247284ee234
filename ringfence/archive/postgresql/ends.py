"""The ends of calls on the server: each once, and found with their calls; knows no lease.

An end may come before its call, and long after it: it is kept by itself, with every day whose
calls it may belong to, and is put to its call when that is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from psycopg import sql

from ringfence.archive.day import day_and_ms
from ringfence.archive.postgresql.connecting import Connection
from ringfence.archive.postgresql.tables import ENDS, partition_of
from ringfence.calllog.ended import CallEnd, days_of, key_of, with_end
from ringfence.calllog.record import CallRecord

Ends = dict[int, CallEnd]


def by_day(ends: Sequence[CallEnd]) -> dict[date, Ends]:
    """The ends that can be kept, by the day and by what they are known by."""
    days: dict[date, Ends] = {}
    for end in ends:
        key = key_of(end.uniqueid, end.channel)
        if key is not None:
            for day in days_of(end):
                days.setdefault(day, {}).setdefault(key, end)
    return days


def insert_ends(connection: Connection, day: date, ends: Ends) -> set[int]:
    """Into that day's partition; what those are known by that were new."""
    done = connection.execute(
        sql.SQL(
            "INSERT INTO {} SELECT %s, * FROM "
            "unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::integer[]) "
            "ON CONFLICT (day, key) DO NOTHING RETURNING key"
        ).format(sql.Identifier(partition_of(ENDS, day))),
        (
            day,
            list(ends),
            [end.answered for end in ends.values()],
            [end.ended for end in ends.values()],
            [end.cause for end in ends.values()],
        ),
    )
    return {key for (key,) in done.fetchall()}


def with_ends(connection: Connection, records: Sequence[CallRecord]) -> Iterator[CallRecord]:
    """The same records, those with an end that is known with it."""
    keys = [key_of(each.uniqueid, each.channel) for each in records]
    days = [_day_of(each) for each in records]
    asked = [(day, key) for day, key in zip(days, keys, strict=True) if day and key is not None]
    found: dict[tuple[date | None, int | None], tuple[int | None, int, int]] = {}
    if asked:
        rows = connection.execute(
            "SELECT e.day, e.key, answered, ended, cause FROM ringfence_ends AS e "
            "JOIN unnest(%s::date[], %s::bigint[]) AS x (day, key) "
            "ON e.day = x.day AND e.key = x.key WHERE e.day BETWEEN %s AND %s",
            (*map(list, zip(*asked, strict=True)), min(asked)[0], max(asked)[0]),
        )
        for day, key, answered, ended, cause in rows.fetchall():
            found[day, key] = answered, ended, cause
    for record, of in zip(records, zip(days, keys, strict=True), strict=True):
        yield with_end(record, *found[of]) if of in found else record


def _day_of(record: CallRecord) -> date | None:
    try:
        return day_and_ms(datetime.fromisoformat(record.time))[0]
    except (ValueError, OverflowError):
        return None
