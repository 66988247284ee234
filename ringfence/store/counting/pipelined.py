"""One connection on which many commands are under way at once; knows no key and no command.

Replies come in the order of the commands, so one connection serves all calls of a process and
none waits for another's. An answer is there within `ANSWER_SECONDS` or never: what is late takes
the whole connection down, as all behind it would be late too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from ringfence.store.mirror.tracking import Line

ANSWER_SECONDS = 0.05
"""What a call waits at most: a fifth of the dialplan's deadline, and a hundred times what Redis
takes on a good day."""
SECOND_LOOK = 0.005
"""Part of it. Where the loop was held up for long, time ran out while the answer lay in the socket:
only who looks twice with a read in between can tell that from a Redis that is silent."""

Word = bytes | str | int
Reply = Any


class Pipelined(asyncio.Protocol):
    """Open it once. When it is lost it is done with, and `lost` says why."""

    def __init__(self, redis: Redis) -> None:
        self._line = Line(redis)
        self._reader = hiredis.Reader(replyError=ResponseError)
        self._waiting: deque[tuple[asyncio.Future[Reply], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._heard = self._loop.time()
        self.lost: asyncio.Future[Exception] = self._loop.create_future()

    @property
    def idle(self) -> float:
        """Seconds since the last word from Redis."""
        return self._loop.time() - self._heard

    async def open(self, script: str) -> str:
        """Connect, log in and load a script; returns the name to call it by."""
        await self._line.open()
        name: bytes = await self._line.call("SCRIPT", "LOAD", script)
        # redis-py has logged in with all that a URL can say; but a read through its streams
        # takes 0.1 ms of the loop's time, which is shared by all calls.
        self._transport = self._line.transport
        self._transport.set_protocol(self)
        return name.decode()

    def ask(self, *words: Word) -> asyncio.Future[Reply]:
        """Send a command; what comes back is its reply, an error as a value, None when lost."""
        answer: asyncio.Future[Reply] = self._loop.create_future()
        if self._transport is None or self.lost.done():
            answer.set_result(None)
            return answer
        self._waiting.append((answer, self._loop.time()))
        self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]
        if self._timer is None:
            self._timer = self._loop.call_later(ANSWER_SECONDS - SECOND_LOOK, self._look)
        return answer

    def fail(self, error: Exception) -> None:
        """Be done with this connection, and let nobody wait for it."""
        if not self.lost.done():
            self.lost.set_result(error)
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = self._waiting, deque()
        for answer, _ in waiting:
            if not answer.done():
                answer.set_result(None)

    async def close(self) -> None:
        """Drop the connection at once."""
        self.fail(RedisConnectionError("the connection was closed"))
        if self._transport is not None:
            # a peer that is stopped would never take what it was sent
            self._transport.abort()
        await self._line.close()

    def data_received(self, data: bytes) -> None:
        """Give replies to those who wait, in order. Who has gone meanwhile wants none."""
        self._heard = self._loop.time()
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                answer, _ = self._waiting.popleft()
                if not answer.done():
                    answer.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            self.fail(RedisConnectionError("what came in on the connection is no reply"))

    def connection_lost(self, error: Exception | None) -> None:
        """The peer has closed it, or it broke."""
        self.fail(error or RedisConnectionError("Redis closed the connection"))

    def _look(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        answer, asked = self._waiting[0]
        due = asked + ANSWER_SECONDS - SECOND_LOOK
        if due > self._loop.time():
            self._timer = self._loop.call_at(due, self._look)
        else:
            self._timer = self._loop.call_later(SECOND_LOOK, self._look_again, answer)

    def _look_again(self, answer: asyncio.Future[Reply]) -> None:
        if self._waiting and self._waiting[0][0] is answer:
            self.fail(TimeoutError())
        else:
            self._look()
