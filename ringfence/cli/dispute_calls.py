"""What the call log says of a disputed number: whose call an id was, and what had blocked it.

Shows nothing and writes nothing.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import NamedTuple

import click

from ringfence.archive.place import Place
from ringfence.calllog.filter import CallFilter
from ringfence.cli.output import one_line
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store
from ringfence.redress.blocking import Blockers
from ringfence.redress.model import BlockedBy, disputed_number
from ringfence.reports.source import CallRecords

LOOK_BACK = timedelta(days=28)


class Looked(NamedTuple):
    """A number, what had blocked it in the last 28 days, and what there is to say of that."""

    number: str
    blocked_by: tuple[BlockedBy, ...]
    notes: tuple[str, ...]


async def about(store: Store, place: Place, number: str, call_id: str, now: datetime) -> Looked:
    """By a number, by the id of a rejected call, or by both, which must belong together."""
    notes: tuple[str, ...] = ()
    if call_id:
        caller = await _caller_of(store, place, call_id)
        if caller is None:
            if not number:
                raise Refused(f"no call {one_line(call_id)[:40]} in the log: give the number too")
            notes = (f"no call {call_id[:40]} in the log",)
        elif not number:
            number = caller
        elif _e164(number) != caller:
            raise Refused(f"call {call_id[:40]} came from {one_line(caller)[:40]}: check both")
    if not number:
        raise click.UsageError("give the number, or --id of a rejected call")
    looked = await look(store, place, _e164(number), now)
    return looked._replace(notes=(*notes, *looked.notes))


async def look(store: Store, place: Place, number: str, now: datetime) -> Looked:
    """What had blocked a number."""
    records = CallRecords(store.redis, store.keys, place)
    blockers = Blockers()
    wanted = CallFilter(caller=number, since=(now - LOOK_BACK).timestamp())
    async with contextlib.aclosing(records.of(wanted)) as found:
        async for record in found:
            # the last ten digits may be another country's too
            if record.caller_e164 == number:
                blockers.add(record)
    return Looked(number, blockers.found, tuple(records.notes()))


async def _caller_of(store: Store, place: Place, call_id: str) -> str | None:
    records = CallRecords(store.redis, store.keys, place)
    async with contextlib.aclosing(records.of(CallFilter(id=call_id))) as found:
        async for record in found:
            return record.caller_e164 or record.caller
    return None


def _e164(number: str) -> str:
    try:
        return disputed_number(number).e164
    except ValueError as error:
        raise Refused(str(error)) from None
