"""Keeps the deadlines of notices: reminds, raises the alarm, blocks. One part of each worker.

Owns when it looks and how what it does is written: the notice and its rules in one step, and only
where the notice is still what was looked at. So each thing happens once, however many workers look,
and one that is killed has done all of it or nothing. What is to be done is in `progress`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog
from redis.asyncio import Redis
from structlog.typing import FilteringBoundLogger

from ringfence.call import clean
from ringfence.keeping import Every, look_for_ever
from ringfence.providers.looking import NOBODY, Open, Register, RegisterReader, Texts
from ringfence.providers.notice import RINGFENCE, Notice, decode_notice, encode_notice, fitting
from ringfence.providers.progress import Move, next_move
from ringfence.rules import encode_rule
from ringfence.store.keys import Keys
from ringfence.store.reader import Reader
from ringfence.store.writing.fields import FieldChange, Moved
from ringfence.store.writing.history import version_of
from ringfence.store.writing.writer import Writer

LOOK_SECONDS = 1.0
AWAY_SECONDS = 5.0
FOLLOW_SECONDS = 5.0
"""How often the register is read again for a block that is in force, or that waits."""


class HangUp(Protocol):
    """Ends the calls in progress of blocked providers."""

    def is_due(self, notice: Notice) -> bool:
        """Whether something of that is still to be done for a notice."""

    async def look(self, notices: Open, register: Register, now: datetime) -> None:
        """Do what is to be done now."""


class Enforcer:
    """`run` beside the doors. The `clock` says Unix seconds, `pause` waits for so many."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        hang_up: HangUp | None = None,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._redis = redis
        self._reader = Reader(redis, keys)
        self._writer = Writer(redis, keys, RINGFENCE, clock)
        self._notices = Texts(decode_notice)
        self._register = RegisterReader(self._reader)
        self._hang_up = hang_up
        self._clock = clock
        self._pause = pause
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        # Overdue notices for which nothing was to be done, as they were when that was found.
        self._settled: dict[str, bytes] = {}
        self._followed = float("-inf")
        self._unwritten: dict[str, str] = {}
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Look again and again. Redis may be away: a deadline that passes then is kept later."""

        def wait(why: str) -> None:
            self._log.warning("deadlines of notices wait", why=why)

        every = Every(LOOK_SECONDS, AWAY_SECONDS, self._pause)
        await look_for_ever(self.look, self._redis, every, wait)

    async def look(self) -> None:
        """Do all that notices call for now."""
        texts = await self._reader.notices()
        notices = await self._notices.decoded(texts)
        self._tell(self._notices.refused | self._unwritten)
        unwritten = {}
        now = datetime.fromtimestamp(self._clock(), UTC)
        found = {id: (each, texts[id]) for id, each in notices.items() if each.is_open}
        overdue = {id for id, (each, _) in found.items() if each.blocked or each.deadline <= now}
        if must_read := self._must_read(found, overdue):
            register = await self._register.read()
            self._followed = self._clock()
        else:
            register = NOBODY
        for id, (notice, text) in found.items():
            if must_read or id not in overdue:
                try:
                    settled = await self._proceed(id, notice, text, now, register)
                except (ValueError, ArithmeticError) as error:
                    # One that cannot be written keeps none of the others from being looked at.
                    unwritten[id] = str(error)
                    continue
                if settled and id in overdue:
                    self._settled[id] = text
        self._unwritten = unwritten
        self._tell(self._notices.refused | unwritten)
        if self._hang_up is not None and must_read:
            await self._hang_up.look(found, register, now)

    def _must_read(self, found: Open, overdue: set[str]) -> bool:
        """Whether the register decides what is to be done now."""
        if not overdue:
            return False
        since = self._clock() - self._followed
        if not 0 <= since < FOLLOW_SECONDS:
            return True
        due = self._hang_up.is_due if self._hang_up is not None else lambda notice: False
        return any(self._settled.get(id) != found[id][1] or due(found[id][0]) for id in overdue)

    async def _proceed(
        self, id: str, notice: Notice, text: bytes, now: datetime, register: Register
    ) -> bool:
        """Do what one notice calls for; True where that is nothing."""
        known = register.known(notice.provider)._replace(left=await self._left(notice))
        move = next_move(id, notice, now, known)
        if move is None:
            return True
        writer = self._writer.signed(RINGFENCE, f"notice {id}: {move.said[0].text}")
        try:
            await writer.apply(await self._changes(id, notice, text, move), move.op)
        except Moved:
            return False  # another worker was faster, or an admin: the next look sees what is left
        for said in move.said:
            tell = self._log.error if said.level == "error" else self._log.warning
            tell(said.event, notice=id, provider=notice.provider, what=said.text)
        return False

    async def _changes(self, id: str, notice: Notice, text: bytes, move: Move) -> list[FieldChange]:
        changes = [FieldChange("notice", id, text, encode_notice(fitting(move.notice)))]
        for name, rule in move.rules.items():
            stands = await self._reader.rule(name)
            changes.append(FieldChange("rule", name, stands, encode_rule(rule)))
        return changes

    async def _left(self, notice: Notice) -> frozenset[str]:
        """The notice's rules that are not as they were written."""
        written = notice.blocked.rules if notice.blocked else {}
        stand = {name: await self._reader.rule(name) for name in written}
        return frozenset(
            name for name, text in stand.items()
            if text is None or version_of(text) != written[name]
        )  # fmt: skip

    def _tell(self, refused: dict[str, str]) -> None:
        for id, reason in refused.items():
            if self._told.get(id) != reason:
                self._log.error("notice refused", id=clean(id, 80), reason=clean(reason, 500))
        self._told = dict(refused)
