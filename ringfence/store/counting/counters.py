"""Counts calls in Redis, for all workers together, within a bound that no call ever waits beyond.

Knows one script and one connection; what is counted comes in as demands, and why it matters is the
rules' concern. Every call is counted in this process too: while Redis is away that is what holds,
and it does not begin at nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from itertools import count as numbers
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.typing import FilteringBoundLogger

from ringfence.rules.velocity import Counted, Demand
from ringfence.store.connection import address_of, explain_failure
from ringfence.store.counting.local_counters import LocalCounters
from ringfence.store.counting.pipelined import Pipelined, Reply, Word
from ringfence.store.ending import end_if_cancelled
from ringfence.store.keys import Keys

OPEN_SECONDS = 1.0
RETRY_SECONDS = 1.0
"""Between two tries while Redis is away. It is tried in the background: calls are left alone."""
STEADY_SECONDS, RETRY_MOST = 10.0, 30.0
"""Each time that Redis counts for less than ten seconds the next try waits twice as long: it costs
a call 50 ms, and the log two lines."""
IDLE_SECONDS = 1.0
"""After so long without a word Redis is asked whether it is there, so that no call finds out."""
TELL_SECONDS = 60.0
PROBE = Demand("(probe)", "", 1, 1)
"""Counted before calls are: a Redis that answers PING may still take no writes."""


class RedisCounters:
    """`run` it beside the doors; `count` never waits for a Redis that did not answer before."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        local: LocalCounters | None = None,
        *,
        log: FilteringBoundLogger | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._prefix = keys.count_prefix
        self._local = LocalCounters() if local is None else local
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        self._timer = timer
        self._script = script_text("count")
        self._name = ""
        # No two calls have the same name in Redis, of whichever worker they are.
        self._worker = secrets.token_urlsafe(6)
        self._numbers = numbers(1)
        self._line: Pipelined | None = None
        self._wrong_told_at = float("-inf")
        self.error = ""

    @property
    def shared(self) -> bool:
        """True while Redis counts."""
        return self._line is not None and not self._line.lost.done()

    async def count(self, demands: Sequence[Demand], now: float) -> Counted:
        """Count one call under each demand, and say how many there are in all workers.

        Within 50 ms, else how many there are in this one. The larger of both counts: each knows
        only of calls that there were, and Redis may have lost some.
        """
        counted = self._local.count(demands, now)
        line = self._line
        if line is None:
            return counted
        reply = await self._ask(line, demands, now)
        if isinstance(reply, list):
            for demand, found in zip(demands, cast("list[int]", reply), strict=True):
                if found < 0:
                    self._wrong_type(demand)
                elif found > counted[demand.key]:
                    counted[demand.key] = found
        elif reply is not None:
            self._refused(line, reply)
        return counted

    async def run(self) -> None:
        """Keep a connection, for ever. Redis may be away, hang or come back at any time."""
        pause = RETRY_SECONDS
        while True:
            lived = await self._spell()
            end_if_cancelled()
            if lived is not None:
                pause = RETRY_SECONDS if lived >= STEADY_SECONDS else min(pause * 2, RETRY_MOST)
            await asyncio.sleep(pause)

    async def _spell(self) -> float | None:
        """From a connection to its loss: how long Redis counted, None where it never did."""
        line, since = Pipelined(self._redis), None
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self._name = await line.open(self._script)
                reply = await self._ask(line, [PROBE], time.time())
            if not isinstance(reply, list):
                raise reply or line.lost.result()
            self._back()
            self._line, since = line, self._timer()
            raise await self._watch(line)
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)
        finally:
            self._line = None
            await line.close()
        return None if since is None else self._timer() - since

    async def _watch(self, line: Pipelined) -> Exception:
        """Why the connection is no more."""
        while True:
            done, _ = await asyncio.wait([line.lost], timeout=IDLE_SECONDS)
            if done:
                return line.lost.result()
            if line.idle >= IDLE_SECONDS:
                await line.ask("PING")

    def _ask(self, line: Pipelined, demands: Sequence[Demand], now: float) -> asyncio.Future[Reply]:
        words: list[Word] = [b"EVALSHA", self._name, len(demands)]
        prefix = self._prefix
        # what strangers sent is in the keys: nothing in it may keep it from being encoded
        words += [f"{prefix}{demand.key}".encode(errors="replace") for demand in demands]
        words += [repr(now), f"{self._worker}:{next(self._numbers):x}"]
        for demand in demands:
            words += [demand.member.encode(errors="replace"), demand.over, demand.at_least]
        return line.ask(*words)

    def _refused(self, line: Pipelined, error: Exception) -> None:
        if "NOSCRIPT" in str(error):
            # somebody's SCRIPT FLUSH; the next call finds it
            line.ask("SCRIPT", "LOAD", self._script)
        else:
            line.fail(error)

    def _wrong_type(self, demand: Demand) -> None:
        if self._timer() - self._wrong_told_at >= TELL_SECONDS:
            self._wrong_told_at = self._timer()
            key = self._prefix + demand.key
            self._log.warning(
                "a counter's key has a wrong type in Redis, each worker counts by itself: DEL it",
                key=key,
            )

    def _away(self, error: Exception) -> None:
        said = explain_failure(error, address_of(self._redis))
        if not self.error:
            self._log.warning(
                "calls are not counted in Redis: each worker counts its own, so rules with a rate "
                "or a spread see fewer than there are",
                why=said,
            )
        self.error = said

    def _back(self) -> None:
        if self.error:
            self._log.info("calls are counted in Redis again, for all workers together")
        self.error = ""


class Peek:
    """Says what `count` would, and counts nothing: for commands that try a call out.

    Raises `RedisError` where Redis is away, as who tries out is to know.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._prefix = keys.count_prefix
        self._peek = redis.register_script(script_text("peek"))

    async def count(self, demands: Sequence[Demand], now: float) -> Counted:
        """How many there would be with this call, in all workers."""
        if not demands:
            return {}
        words: list[Word] = [repr(now)]
        for demand in demands:
            words += [demand.member, demand.over, demand.at_least]
        found = await self._peek(keys=[self._prefix + each.key for each in demands], args=words)
        return {demand.key: int(each) for demand, each in zip(demands, found, strict=True)}


def script_text(name: str) -> str:
    """A script that stands by itself."""
    return (files("ringfence.store") / "scripts" / f"{name}.lua").read_text()
