"""Hears of changes in Redis: the stream of announced ones, and whatever is changed by hand.

Knows two connections and what comes in on them, nothing of what is done about it. Each notices
by itself that its peer is dead, also one that is stopped and still accepts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ringfence.store.keys import Keys
from ringfence.store.mirror.mirrored_list import StreamId

BLOCK_SECONDS = 1.0
"""How long a read of the stream waits in Redis: a dead peer is noticed after this plus ANSWER."""
ANSWER_SECONDS = 1.5
CHANGES_AT_ONCE = 10
INVALIDATIONS = "__redis__:invalidate"


class Line:
    """One connection of our own, outside the pool: it never reconnects behind our back."""

    def __init__(self, redis: Redis) -> None:
        pool: Any = redis.connection_pool
        self._connection = pool.make_connection()

    async def open(self) -> None:
        """Connect and log in."""
        await self._connection.connect()

    @property
    def transport(self) -> Any:
        """What lies under the open connection, for who reads and writes it without redis-py."""
        return self._connection._writer.transport

    async def call(self, *command: str | bytes | int, within: float = ANSWER_SECONDS) -> Any:
        """Send a command and return its answer; TimeoutError where none comes in time."""
        async with asyncio.timeout(within):
            await self.send(*command)
            return await self._connection.read_response(timeout=math.inf)

    async def send(self, *command: str | bytes | int) -> None:
        """Send a command whose answer is for `receive`."""
        if not self._connection.is_connected:
            raise RedisConnectionError("the connection was closed")
        # redis-py's own health check cannot tell PONG in a subscribed connection.
        await self._connection.send_command(*command, check_health=False)

    async def receive(self, within: float) -> Any:
        """What comes next; None where nothing comes."""
        return await self._connection.read_response(timeout=within)

    async def close(self) -> None:
        """Close at once, without waiting for a peer that may be stopped."""
        await self._connection.disconnect(nowait=True)


class Change(NamedTuple):
    """One announcement. `after` is the one before it, as its writer saw the stream."""

    id: StreamId
    after: StreamId | None
    fields: Mapping[str, bytes]


class ChangeStream:
    """Announced changes, read from the last one known: a reader that was slow misses none."""

    def __init__(self, line: Line, keys: Keys) -> None:
        self._line = line
        self._key = keys.changes

    async def read(self, last: StreamId) -> list[Change]:
        """What follows `last`, or nothing after a second."""
        answer = await self._line.call(
            *("XREAD", "COUNT", CHANGES_AT_ONCE, "BLOCK", int(BLOCK_SECONDS * 1000)),
            *("STREAMS", self._key, str(last)),
            within=BLOCK_SECONDS + ANSWER_SECONDS,
        )
        return [_change(id, pairs) for _, entries in answer or () for id, pairs in entries]


class Invalidations:
    """Keys that were changed, by anyone and any command, through client tracking.

    Keyspace notifications would need a CONFIG of the server's; this needs none. The connection
    is redirected to itself, which makes tracking work in RESP2.
    """

    def __init__(self, line: Line, prefixes: Sequence[str]) -> None:
        self._line = line
        self._prefixes = prefixes

    async def begin(self) -> None:
        """Ask for tracking. ResponseError where the server has none or denies it."""
        own = await self._line.call("CLIENT", "ID")
        words = [word for prefix in self._prefixes for word in ("PREFIX", prefix)]
        await self._line.call("CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST", *words)
        await self._line.call("SUBSCRIBE", INVALIDATIONS)

    async def next(self) -> list[bytes] | None:
        """Keys that changed; None where all did (FLUSHDB). Waits for ever on a live peer."""
        asked = False
        while True:
            message = await self._line.receive(ANSWER_SECONDS if asked else BLOCK_SECONDS)
            if message is None:
                if asked:
                    raise TimeoutError
                await self._line.send("PING")
                asked = True
            elif message[0] == b"message":
                keys: list[bytes] | None = message[2]
                return keys
            else:
                asked = False


def _change(id: bytes, pairs: Sequence[bytes] | None) -> Change:
    words = list(pairs or ())
    fields = {
        name.decode(errors="replace"): value
        for name, value in zip(words[::2], words[1::2], strict=False)
    }
    try:
        after = StreamId.parse(fields["after"])
    except (KeyError, ValueError):
        # somebody wrote to the stream by hand
        after = None
    return Change(StreamId.parse(id), after, fields)
