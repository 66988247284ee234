"""Answers a traceback: where a call came from, in the terms in which that is asked for.

47 CFR 64.1200(n)(1): within 24 hours, fully. The answer is the provider from which the call came
directly and how to reach it; or that this hop is the origin, with the customer; or that there is
no such call, with what was looked at. Knows the call log and the register, and shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

import msgspec

from ringfence.archive.search import CallSearch
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.record import CallRecord
from ringfence.providers.model import Contact, Provider
from ringfence.providers.register import with_providers
from ringfence.trunk import Trunk

MOST = 1_000
"""Calls of one pair of numbers in a window; more is no traceback but a campaign."""
OTHERS = 10
"""Calls to the same number from others that are named: callers are changed on the way."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The request: numbers as they were written, and a moment, give or take the window."""

    called: str
    caller: str
    at: datetime
    window: timedelta

    @property
    def since(self) -> datetime:
        """When the window begins."""
        return self.at - self.window

    @property
    def until(self) -> datetime:
        """When it ends."""
        return self.at + self.window


class Result(StrEnum):
    """What the answer is."""

    PROVIDER = "received-from"
    UNLISTED = "received-from-unlisted"
    """From a provider that is not in the register: its name and telephone are to be found out."""
    ORIGIN = "origin"
    """The call began at a customer of ours."""
    NOT_FOUND = "not-found"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where one call came in, and whose that is. `now` says that the register says so today and
    the record, at the time of the call, did not."""

    result: Result
    provider: str = ""
    name: str = ""
    role: str = ""
    contacts: tuple[Contact, ...] = ()
    trunk: str = ""
    address: str = ""
    now: bool = False


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One call that fits; `apart` is how many seconds from the moment that was asked for."""

    source: Source
    apart: float
    call: CallRecord


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at: `days` with a file in the archive, `missing` without, `unread` with why,
    `records` calls in the window as a whole, `others` to the same number from other callers."""

    since: datetime
    until: datetime
    days: tuple[date, ...] = ()
    missing: tuple[date, ...] = ()
    unread: dict[date, str] = {}
    begins: date | None = None
    records: int = 0
    others: int = 0
    near: tuple[CallRecord, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer; the call that is nearest to what was asked for comes first."""

    result: Result
    asked: Asked
    matches: tuple[Match, ...]
    searched: Searched


async def trace(
    search: CallSearch,
    asked: Asked,
    trunks: Mapping[str, Trunk],
    providers: Mapping[str, Provider],
) -> Answer:
    """Look for the call. Raises what Redis raises."""
    since, until = asked.since.timestamp(), asked.until.timestamp()
    wanted = CallFilter(called=asked.called, since=since, until=until)
    pair = wanted._replace(caller=asked.caller)
    owners = with_providers(trunks, providers)
    matches: list[Match] = []
    near: list[CallRecord] = []
    others = 0
    async with aclosing(search.newest(wanted, limit=None)) as found:
        async for record in found:
            if not pair.matches(record):
                others += 1
                near = [*near, record][:OTHERS]
            elif len(matches) < MOST:
                owner = owners[record.trunk].provider if record.trunk in owners else ""
                matches.append(_match(record, asked, owner, providers))
    matches.sort(key=lambda match: match.apart)
    days = [asked.since.astimezone(UTC).date() + timedelta(days=n)
            for n in range((asked.until.astimezone(UTC).date()
                            - asked.since.astimezone(UTC).date()).days + 1)]  # fmt: skip
    here = search.archive.days(CallFilter())
    records = await search.count(since, until)
    return Answer(
        result=matches[0].source.result if matches else Result.NOT_FOUND,
        asked=asked,
        matches=tuple(matches),
        searched=Searched(
            since=asked.since,
            until=asked.until,
            days=tuple(day for day in days if day in here and day not in search.archive.unread),
            missing=tuple(day for day in days if day not in here),
            unread={day: why for day, why in search.archive.unread.items() if day in days},
            begins=min(here, default=None),
            records=records,
            others=others,
            near=tuple(near),
        ),
    )


def _match(
    record: CallRecord, asked: Asked, owner: str, providers: Mapping[str, Provider]
) -> Match:
    id = record.provider or owner
    provider = providers.get(id)
    if provider is None:
        result = Result.UNLISTED
    else:
        result = Result.ORIGIN if provider.role == "customer" else Result.PROVIDER
    return Match(
        source=Source(
            result=result,
            provider=id,
            name=provider.name if provider else "",
            role=provider.role if provider else "",
            contacts=_traceback_first(provider) if provider else (),
            trunk=record.trunk,
            address=record.source,
            now=bool(owner) and not record.provider,
        ),
        apart=round(abs((_moment(record, asked.at) - asked.at).total_seconds()), 3),
        call=record,
    )


def _traceback_first(provider: Provider) -> tuple[Contact, ...]:
    return tuple(sorted(provider.contacts, key=lambda each: each.role.lower() != "traceback"))


def _moment(record: CallRecord, otherwise: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(record.time)
    except ValueError:
        return otherwise
    return moment if moment.tzinfo else otherwise
