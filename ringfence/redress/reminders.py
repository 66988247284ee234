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
from redis.exceptions import RedisError
from structlog.typing import FilteringBoundLogger

from ringfence.providers.deadlines import minute
from ringfence.redress.clock import RINGFENCE, is_overdue, left_text, reminded
from ringfence.redress.register import Disputes
from ringfence.store.connection import address_of, explain_failure
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
        self._error = ""

    async def run(self) -> None:
        """Look again and again; what is due while Redis is away is said later."""
        while True:
            try:
                await self.look()
                self._error = ""
            except (RedisError, OSError, TimeoutError) as error:
                said = explain_failure(error, address_of(self._redis))
                if said != self._error:
                    self._log.warning("reminders of disputes wait", why=said)
                self._error = said
            await self._pause(LOOK_SECONDS)

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
