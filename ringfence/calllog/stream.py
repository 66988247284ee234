"""The stream of call records in Redis, from the writing side: one atomic append, once each.

Owns what is sent to Redis and how long that may take; knows nothing of files or of records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from redis.asyncio import Redis

from ringfence.calllog.segment import Line
from ringfence.store.keys import Keys

STREAM_LIMIT = 1_000_000
"""Records kept in the stream, about 1 GB of memory: half an hour at 500 calls a second, a week at
100,000 calls a day. They wait there to be archived; a stream without a bound would one day take
the memory that rules and lists live in."""

COMMAND_SECONDS = 2.0
"""A Redis that hangs is given up after this; a batch takes it some milliseconds."""


class Appended(NamedTuple):
    """`last`: the writer's last number in Redis. `behind`: fewer than had been acknowledged."""

    last: int
    behind: bool


class Appender:
    """Appends batches. Every failure comes out as RedisError, OSError or TimeoutError."""

    def __init__(self, redis: Redis, keys: Keys, *, limit: int = STREAM_LIMIT) -> None:
        script = files("ringfence.calllog").joinpath("scripts/append_calls.lua").read_text()
        self._redis = redis
        self._keys = keys
        self._limit = limit
        self._script = redis.register_script(script)

    async def append(
        self, writer: str, acknowledged: int, lines: Sequence[Line], seconds: float
    ) -> Appended:
        """One round trip; what Redis already has of `lines` is skipped there."""
        args: list[str | bytes | int] = [writer, self._limit, acknowledged]
        for line in lines:
            args += line
        async with asyncio.timeout(min(seconds, COMMAND_SECONDS)):
            last, behind = await self._script(
                keys=[self._keys.calls, self._keys.calls_written], args=args
            )
        return Appended(int(last), bool(behind))

    async def last(self, writer: str, seconds: float) -> int:
        """The writer's last number in Redis, 0 where it is unknown there."""
        async with asyncio.timeout(min(seconds, COMMAND_SECONDS)):
            last = await self._redis.hget(self._keys.calls_written, writer)
        return int(last or 0)

    async def forget(self, writer: str, seconds: float) -> None:
        """The writer has ended and had a reply to all that it sent: nothing more can arrive."""
        async with asyncio.timeout(min(seconds, COMMAND_SECONDS)):
            await self._redis.hdel(self._keys.calls_written, writer)
