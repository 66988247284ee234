"""Ends the calls in progress of a provider that is blocked, through Asterisk's manager interface.

Only calls that were screened and that the notice's rules would meet now: by the call's own record,
so never a call that goes out to the provider, and never an emergency call. Doing it twice does no
harm, so it happens at least once; the notice says when, and how many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog
from redis.asyncio import Redis
from structlog.typing import FilteringBoundLogger

from ringfence.ami import Ami, AmiFailed, Answer
from ringfence.archive import CallSearch
from ringfence.archive.place import Place
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.record import CallRecord
from ringfence.providers.blocking import rules_of
from ringfence.providers.looking import Open, Register
from ringfence.providers.notice import (
    RINGFENCE,
    Blocked,
    Does,
    Notice,
    Step,
    encode_notice,
    fitting,
)
from ringfence.providers.traffic import Hit
from ringfence.settings import AmiSection
from ringfence.store.keys import Keys
from ringfence.store.writing.fields import FieldChange, Moved
from ringfence.store.writing.writer import Writer

SETTLE = timedelta(seconds=2)
"""By then the rules are in force on every worker, and the calls before are in the call log."""
GIVE_UP = timedelta(seconds=60)
LONGEST_CALL = timedelta(hours=12)
SLACK = timedelta(minutes=1)
"""Between a channel's beginning, by Asterisk, and its call's, by the door."""
AT_ONCE = 20
LOOK_SECONDS = 20.0
CAUSE = "21"
"""Q.850: call rejected."""

Records = Callable[[datetime], AsyncIterator[CallRecord]]
"""Records of calls that began at or after a time, in any order."""


class Asterisk(Protocol):
    """What is asked of the manager interface."""

    async def action(self, name: str, **fields: str) -> Answer:
        """Its answer to one action."""

    async def listing(self, name: str, **fields: str) -> list[Answer]:
        """The events that answer a listing action."""


def calls_in_progress(redis: Redis, keys: Keys, archive: Place, at: AmiSection) -> CallsInProgress:
    """As a process has it: with the whole call log, and the manager interface of the settings."""

    def records(since: datetime) -> AsyncIterator[CallRecord]:
        wanted = CallFilter(since=since.timestamp())
        return CallSearch(redis, keys, archive).newest(wanted, limit=None)

    def ami() -> Ami:
        return Ami(at.host, at.port, at.username, at.password)

    return CallsInProgress(Writer(redis, keys, RINGFENCE), records, ami if at.host else None)


class CallsInProgress:
    """`ami` opens the manager interface; None where it is not set up."""

    def __init__(
        self,
        writer: Writer,
        records: Records,
        ami: Callable[[], AbstractAsyncContextManager[Asterisk]] | None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._writer = writer
        self._records = records
        self._ami = ami
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)

    def is_due(self, notice: Notice) -> bool:
        """Whether the calls of a notice's provider are still to be ended."""
        return notice.hang_up and notice.hung_up is None and notice.blocked is not None

    async def look(self, notices: Open, register: Register, now: datetime) -> None:
        """Hang up for each notice that says so and whose rules have just come into force."""
        for id, (notice, text) in notices.items():
            blocked = notice.blocked
            if blocked and self.is_due(notice) and now >= blocked.at + SETTLE:
                await self._for(id, notice, blocked, text, now, register)

    async def _for(
        self,
        id: str,
        notice: Notice,
        blocked: Blocked,
        text: bytes,
        now: datetime,
        register: Register,
    ) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                ended = await self._hang_up(id, notice, now, register)
            told = f"{ended} call{'' if ended == 1 else 's'} in progress ended"
        except (AmiFailed, TimeoutError) as error:
            why = str(error) or f"it was not done within {LOOK_SECONDS:g} s"
            if self._ami is not None and now < blocked.at + GIVE_UP:
                return
            told = f"calls in progress were not ended: {why}"
            self._log.error("calls in progress go on", notice=id, why=why)
        at = now.replace(microsecond=0)
        moved = msgspec.structs.replace(notice, hung_up=at)
        moved = moved.with_step(Step(at, RINGFENCE, Does.HUNG_UP, told))
        writer = self._writer.signed(RINGFENCE, f"notice {id}: {told}")
        try:
            change = FieldChange("notice", id, text, encode_notice(fitting(moved)))
            await writer.apply([change], "hang-up")
        except Moved:
            return  # another worker has said so, or it is done again at the next look
        self._log.warning("calls in progress", notice=id, what=told)

    async def _hang_up(self, id: str, notice: Notice, now: datetime, register: Register) -> int:
        if self._ami is None:
            raise AmiFailed("ami.host is not set")
        known = register.known(notice.provider)
        if known.provider is None:
            raise AmiFailed(f"provider {notice.provider} is not in the register")
        hit = Hit(rules_of(id, notice, known.provider, known.trunks, now).values())
        async with self._ami() as asterisk:
            up = await channels(asterisk)
            wanted = set[str]()
            if up:
                oldest = now - max(up.values()) - SLACK
                async for record in self._records(oldest):
                    if (record.uniqueid, record.channel) in up and hit.by(record):
                        wanted.add(record.channel)
            return await end(asterisk, sorted(wanted))


async def channels(asterisk: Asterisk) -> dict[tuple[str, str], timedelta]:
    """All channels that are up, as uniqueid and name, and for how long."""
    listed = await asterisk.listing("CoreShowChannels")
    return {
        (str(each.get("uniqueid", "")), str(each.get("channel", ""))): _duration(each)
        for each in listed
    }


def _duration(channel: Answer) -> timedelta:
    parts = str(channel.get("duration", "")).split(":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return LONGEST_CALL
    hours, minutes, seconds = map(int, parts)
    return min(timedelta(hours=hours, minutes=minutes, seconds=seconds), LONGEST_CALL)


async def end(asterisk: Asterisk, names: list[str]) -> int:
    """Hang up these channels; how many were still there."""
    ended = 0
    for first in range(0, len(names), AT_ONCE):
        some = names[first : first + AT_ONCE]
        ended += sum(await asyncio.gather(*(_end(asterisk, name) for name in some)))
    return ended


async def _end(asterisk: Asterisk, name: str) -> bool:
    try:
        await asterisk.action("Hangup", Channel=name, Cause=CAUSE)
    except AmiFailed:
        return False  # it ended by itself meanwhile
    return True
