"""Makes SQL of what is asked for; all that came from outside is a parameter. Asks nothing itself.

A value that stands in a column for some calls, and beside it, in `ringfence_also`, for others makes
two branches of a query: each goes through one index in the order of time, where an OR would have
everything sorted first. For most values there is nothing beside: that is asked first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

from psycopg import sql

from ringfence.archive.day import midnight
from ringfence.archive.postgresql.columns import (
    CALLED,
    CALLER,
    RULE,
    USUAL_RULE,
    key_of_id,
    number,
    text,
)
from ringfence.calllog.filter import CallFilter
from ringfence.verdict import Action

_MS = timedelta(milliseconds=1)
_CHUNKS = (1, 4, 16, 32)
"""Days in one query: few at first, as most answers are there; later many, as each costs a way to
the server and back."""


class Span(NamedTuple):
    """From one moment to before another."""

    since: datetime
    until: datetime


class Reached(NamedTuple):
    """Where a page ended: the time and the key of its last call."""

    at: datetime
    id: bytes


class _Part(NamedTuple):
    """A condition with its values; `join` is what it needs beside the calls."""

    where: str
    values: tuple[Any, ...]
    join: bool = False


def spans_of(days: Sequence[date], wanted: CallFilter) -> Iterator[Span]:
    """The days, newest first, in pieces that are asked for at once."""
    left, n = list(days), 0
    while left:
        size = _CHUNKS[min(n, len(_CHUNKS) - 1)]
        some, left, n = left[:size], left[size:], n + 1
        since, until = midnight(some[-1]), _end(some[0])
        if wanted.since:
            since = max(since, _moment(wanted.since) - _MS)
        if wanted.until:
            until = min(until, _moment(wanted.until) + 2 * _MS)
        yield Span(since, until)


def beside_of(wanted: CallFilter, span: Span) -> tuple[sql.Composed, list[Any]] | None:
    """Asks in which columns' place there is anything in `ringfence_also`; None where in none."""
    columns = list(_values(wanted).items())
    if wanted.id or not columns:
        return None
    each = (
        "SELECT %s WHERE EXISTS (SELECT 1 FROM ringfence_also "
        "WHERE field = %s AND value = %s AND at >= %s AND at < %s)"
    )
    values = [value for column, text in columns for value in (column, column, text, *span)]
    return _sql(" UNION ALL ".join([each] * len(columns))), values


def page_of(
    wanted: CallFilter,
    trunks: Sequence[str] | None,
    beside: Collection[str],
    span: Span,
    after: Reached | None,
    limit: int,
) -> tuple[sql.Composed, list[Any]]:
    """One page, the newest first: SQL and its values. `trunks` are those that a pattern means,
    `beside` the columns that `beside_of` has found."""
    branches, values = [], []
    for parts in product(*_choices(wanted, trunks, beside)):
        joins, where = list[str](), ["c.at >= %s AND c.at < %s"]
        given: list[Any] = [*span]
        if after:
            where.append("c.at <= %s AND (c.at, c.id) < (%s, %s)")
            given += [after.at, *after]
        for n, part in enumerate(parts):
            if part.join:
                joins.append(f"JOIN ringfence_also AS a{n} ON a{n}.at = c.at AND a{n}.id = c.id")
                where.append(f"a{n}.at >= %s AND a{n}.at < %s")
                given += [*span]
            where.append(part.where.format(n=n))
            given += part.values
        branches.append(
            f"(SELECT c.at, c.id, c.packed_by, c.record FROM ringfence_calls AS c "
            f"{' '.join(joins)} WHERE {' AND '.join(where)} "
            "ORDER BY c.at DESC, c.id DESC LIMIT %s)"
        )
        values += [*given, limit]
    whole = " UNION ALL ".join(branches)
    if len(branches) > 1:
        whole = f"SELECT * FROM ({whole}) AS b ORDER BY at DESC, id DESC LIMIT %s"
        values.append(limit)
    return _sql(whole), values


def _choices(
    wanted: CallFilter, trunks: Sequence[str] | None, beside: Collection[str]
) -> Iterator[list[_Part]]:
    if wanted.id:
        yield [_Part("c.id = %s", (key_of_id(wanted.id),))]
        return
    if wanted.caller == "anonymous":
        yield [_Part("c.anonymous", ())]
    for column, value in _values(wanted).items():
        here = _Part(f"c.{column} = %s", (value,))
        there = _Part("a{n}.field = %s AND a{n}.value = %s", (column, value), join=True)
        yield [here, there] if column in beside else [here]
    if wanted.action:
        # said once more, or the index of all but the usual one could not be used
        more = " AND c.action <> 'allow'" if wanted.action != Action.ALLOW else ""
        yield [_Part(f"c.action = %s{more}", (text(wanted.action),))]
    for column in ("provider", "sip_call_id", "signer", "callee"):
        if value := getattr(wanted, column):
            yield [_Part(f"c.{column} = %s", (text(value),))]
    if trunks is not None:
        yield [
            _Part("c.trunk = %s", (trunks[0],)) if len(trunks) == 1
            else _Part("c.trunk = ANY(%s)", ([*trunks],))
        ]  # fmt: skip


def _values(wanted: CallFilter) -> dict[str, str | None]:
    """What is asked for of columns that a call may have more values of than one."""
    values: dict[str, str | None] = {}
    if wanted.caller and wanted.caller != "anonymous":
        values[CALLER] = number(wanted.caller)
    if wanted.called:
        values[CALLED] = number(wanted.called)
    if wanted.rule and wanted.rule != USUAL_RULE:
        values[RULE] = text(wanted.rule)
    return values


def _sql(made_of_words_of_this_module: str) -> sql.Composed:
    return sql.Composed([sql.SQL(made_of_words_of_this_module)])


def _moment(at: float) -> datetime:
    try:
        return min(datetime.fromtimestamp(at, UTC), datetime.max.replace(tzinfo=UTC) - 9 * _MS)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC) - 9 * _MS


def _end(day: date) -> datetime:
    return midnight(day + timedelta(days=1)) if day < date.max else datetime.max.replace(tzinfo=UTC)
