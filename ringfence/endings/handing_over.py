"""Leaves ends in a stream in Redis, a batch at a time; knows nothing of who hears of them.

Bounded on both sides: while Redis is away the newest wait here, and while nobody archives the
newest wait there. A batch that was sent and not acknowledged is sent again: the archive takes each
end once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from itertools import islice

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.typing import FilteringBoundLogger

from ringfence.calllog.ended import CallEnd, encode_end
from ringfence.store.connection import address_of, explain_failure
from ringfence.store.ending import end_if_cancelled
from ringfence.store.keys import Keys

STREAM_LIMIT = 1_000_000
"""Ends in Redis, some 80 MB: as many as there may be records that wait to be archived."""
MOST_WAITING = 100_000
BATCH = 500
EVERY = 0.5
"""Seconds between two batches: what a kill can cost."""
AGAIN = 2.0
COMMAND_SECONDS = 2.0
LAST_SECONDS = 1.0


class HandingOver:
    """`put` ends, and `run` beside it."""

    def __init__(
        self, redis: Redis, keys: Keys, *, most: int = MOST_WAITING, every: float = EVERY,
        log: FilteringBoundLogger | None = None,
    ) -> None:  # fmt: skip
        self._redis = redis
        self._key = keys.ended
        self._waiting: deque[CallEnd] = deque()
        self._most = most
        self._every = every
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        self._away = False
        self.lost = 0

    def put(self, end: CallEnd) -> None:
        """Take one; beyond the bound the oldest goes."""
        self._waiting.append(end)
        if len(self._waiting) > self._most:
            self._waiting.popleft()
            self.lost += 1
            if self.lost == 1:
                self._log.warning("ends of calls are lost: Redis has been away for too long")

    async def run(self) -> None:
        """Write what there is, for ever; cancelled, once more."""
        try:
            while True:
                done = await self._try()
                end_if_cancelled()
                await asyncio.sleep(self._every if done else max(self._every, AGAIN))
        finally:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._write()

    async def _try(self) -> bool:
        try:
            await self._write()
        except (RedisError, OSError, TimeoutError) as error:
            if not self._away:
                why = explain_failure(error, address_of(self._redis))
                self._log.warning("ends of calls wait for Redis", why=why)
            self._away = True
            return False
        if self._away:
            self._log.info("ends of calls go to Redis again", lost=self.lost)
        self._away, self.lost = False, 0
        return True

    async def _write(self) -> None:
        while self._waiting:
            some = list(islice(self._waiting, BATCH))
            lost = self.lost
            async with asyncio.timeout(COMMAND_SECONDS):
                async with self._redis.pipeline(transaction=False) as pipe:
                    for end in some:
                        pipe.xadd(self._key, {"end": encode_end(end)}, maxlen=STREAM_LIMIT)
                    await pipe.execute()
            # meanwhile the oldest may have had to go
            for _ in range(len(some) - (self.lost - lost)):
                self._waiting.popleft()
