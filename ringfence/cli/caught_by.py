"""By which rule, when and by which call a number came on a list that rules fill.

Told from call records; reads no list and shows nothing. What put a number there is not kept beside
it: a caller is caught on the way of calls, and the record of that call says all there is to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from ringfence.calllog.filter import CallFilter
from ringfence.calllog.record import CallRecord
from ringfence.cli.session import Store
from ringfence.durations import parse_duration
from ringfence.rules import decode_rule

SECONDS = 5.0
"""So long the call log is searched."""
MOST_RULES = 8
MOST_CALLS = 200
LOOK_BACK = 28 * 86_400
SLACK = 60.0
"""Seconds between a call's record and its entry's expiry, one of a spell that Redis was away in."""


class Filler(NamedTuple):
    """A rule that puts callers on the list, for so long."""

    rule: str
    seconds: int


class Caught(NamedTuple):
    """`rule` put the number on the list by `call` at `at`, until `until` (Unix seconds). On it
    without a gap `since`; `further` where the log may have more calls before that."""

    rule: str
    call: str
    at: float
    until: float
    since: float
    further: bool = False


class Searched(NamedTuple):
    """What was found; `whole` is False where the time was up before the log was through."""

    caught: Caught | None
    whole: bool


class Search(Protocol):
    """The call log."""

    def newest(self, wanted: CallFilter, *, limit: int | None) -> AsyncIterator[CallRecord]:
        """Up to `limit` matching records, the newest first."""


async def fillers(store: Store, name: str) -> list[Filler]:
    """The rules that put callers on this list, as they stand in Redis."""
    found = []
    for rule_id, text in (await store.reader.rules()).items():
        # of thousands of rules a few fill lists: only those are read
        if b"also" not in text or name.encode() not in text:
            continue
        try:
            listings = decode_rule(rule_id, text).listings
        except ValueError:
            continue  # refused: `rule list` says so
        found += [Filler(rule_id, parse_duration(x.for_)) for x in listings if x.list == name]
    return found


async def who_caught(
    search: Search, name: str, number: str, by: Iterable[Filler], now: float
) -> Searched:
    """The call that has put a number on a list for longest, of the last four weeks or of twice the
    time that rules put callers there for."""
    known = list(by)
    back = max(LOOK_BACK, *(2 * filler.seconds for filler in known), 0)
    since = max(now - back, 0.0)
    found: list[Caught] = []
    try:
        async with asyncio.timeout(SECONDS):
            for filler in known[:MOST_RULES]:
                wanted = CallFilter(caller=number, rule=filler.rule, since=since)
                found += await _caught(search, wanted, name, number)
            if not found:
                # by a rule that has gone since, or is another now
                found += await _caught(search, CallFilter(caller=number, since=since), name, number)
    except TimeoutError:
        return Searched(_longest(found), whole=False)
    return Searched(_longest(found), whole=True)


async def _caught(search: Search, wanted: CallFilter, name: str, number: str) -> list[Caught]:
    found, looked_at = [], 0
    async for record in search.newest(wanted, limit=MOST_CALLS):
        looked_at += 1
        if record.caller_e164 != number:
            continue  # another country's, with the same last ten digits
        at = datetime.fromisoformat(record.time).astimezone(UTC).timestamp()
        # who passed a challenge is not caught by the rule that asked for it
        let_off = record.rule if record.outcome == "passed" else ""
        found += [
            Caught(each.rule, record.id, at, at + each.seconds, at)
            for each in record.also
            if each.list == name and each.rule != let_off
        ]
    more = looked_at == MOST_CALLS
    return [each._replace(further=more) for each in found]


def _longest(found: list[Caught]) -> Caught | None:
    if not found:
        return None
    best = max(found, key=lambda each: (each.until, each.at))
    since, further = best.at, best.further
    for each in sorted(found, key=lambda each: -each.at):
        if each.at <= since <= each.until:
            since = each.at
    oldest = min(each.at for each in found)
    return best._replace(since=since, further=further and since == oldest)
