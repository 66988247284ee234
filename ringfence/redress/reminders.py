"""Says in the log which disputes are to be answered soon, and which should have been.

One part of each worker; each line comes once, as the worker that writes it keeps that it did in the
dispute. What is due is in `clock`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from redis.asyncio import Redis
from structlog.typing import FilteringBoundLogger

from ringfence.keeping import Every, look_for_ever
from ringfence.providers.deadlines import minute
from ringfence.redress.clock import RINGFENCE, is_overdue, left_text, reminded
from ringfence.redress.register import Disputes
from ringfence.store.keys import Keys
from ringfence.store.writing.dispute_writer import DisputeWriter

LOOK_SECONDS = 30.0


class Reminders:
    """`run` beside the doors. The `clock` says Unix seconds, `pause` waits for so many."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._redis = redis
        self._disputes = Disputes(redis, keys, DisputeWriter(redis, keys, RINGFENCE, clock))
        self._clock = clock
        self._pause = pause
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        self._refused: dict[str, str] = {}

    async def run(self) -> None:
        """Look again and again; what is due while Redis is away is said later."""

        def wait(why: str) -> None:
            self._log.warning("reminders of disputes wait", why=why)

        every = Every(LOOK_SECONDS, LOOK_SECONDS, self._pause)
        await look_for_ever(self.look, self._redis, every, wait)

    async def look(self) -> None:
        """Say all that is due now."""
        kept = await self._disputes.all()
        for id, reason in kept.refused.items():
            if self._refused.get(id) != reason:
                self._log.error("dispute refused", id=id, reason=reason)
        self._refused = kept.refused
        now = datetime.fromtimestamp(int(self._clock()), UTC)
        for found in kept.found:
            new = reminded(found.dispute, now)
            if new is None or not await self._disputes.remind(found, new):
                continue
            overdue = is_overdue(found.dispute, now)
            said = "should have been answered" if overdue else "waits for an answer"
            self._log.warning(
                f"a dispute {said}",
                dispute=found.id,
                due=minute(found.dispute.deadline),
                what=f"{left_text(found.dispute, now)}: `ringfence dispute show {found.id}`",
            )
