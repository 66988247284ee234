"""Brings what a worker has counted into Redis, and reads it back; no call waits for it.

Owns when it is written, and that nothing is written twice; what a hit is, `tally` knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Annotated, cast
from uuid import uuid4

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.typing import FilteringBoundLogger

from ringfence.store.connection import address_of, explain_failure
from ringfence.store.counting.tally import Tallier, Tallies
from ringfence.store.keys import HITS_WRITTEN_SECONDS, Keys
from ringfence.verdict import Verdict

EVERY = 1.0
BATCH = 100
"""Rules in one script call: half a millisecond of Redis's time, a fifth of that of the loop's."""
COMMAND_SECONDS = 2.0
BACKOFF_MOST = 10.0
PRUNE_EVERY = 3_600.0
GONE_SECONDS = 30 * 86_400
"""How long the hits of a removed rule are kept: whoever undoes a removal gets them back."""
COUNTING = "(counting)"
PAGE = 1_000

# what is outside, somebody wrote by hand
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Moment = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
_Failures = (RedisError, OSError, TimeoutError)


class Hits(msgspec.Struct, frozen=True):
    """A rule's hits on all workers. `would_hits`: in monitor mode. Unix seconds, 0: never."""

    hits: _Count = 0
    would_hits: _Count = 0
    last_hit: _Moment = 0.0
    last_would_hit: _Moment = 0.0

    @property
    def last(self) -> float:
        """The last time that the rule matched a call, in whichever mode."""
        return max(self.last_hit, self.last_would_hit)


NEVER = Hits()


class HitCounter:
    """One worker's: `put` verdicts, `run` beside the doors, `close` at the end.

    A process that is killed loses what it has counted in the last second.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        every: float = EVERY,
        clock: Callable[[], float] = time.time,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._every = every
        self._clock = clock
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        folder = files("ringfence.store") / "scripts"
        self._add = redis.register_script((folder / "hits_add.lua").read_text())
        self._prune = redis.register_script((folder / "hits_prune.lua").read_text())
        self._written = keys.hits_written(uuid4().hex)
        self._tallier = Tallier()
        # A batch keeps its number and what is in it until Redis says that it has it. The first
        # one may be empty: it says since when there is counting.
        self._number = 1
        self._batch: Tallies | None = {}
        self._prune_at = float("-inf")
        self._sending = asyncio.Lock()
        self._ending = asyncio.Event()
        self._error = ""

    @property
    def pending(self) -> int:
        """Rules with hits that Redis has not acknowledged."""
        return len(self._tallier) + len(self._batch or ())

    @property
    def written(self) -> int:
        """Batches that Redis has acknowledged."""
        return self._number - 1

    def put(self, verdict: Verdict, at: float) -> None:
        """Count one call, screened at `at`."""
        self._tallier.add(verdict, at)

    async def run(self) -> None:
        """Write what was counted every second until closed. Redis may be away: then it waits."""
        backoff = self._every
        while not self._ending.is_set():
            try:
                await self._write()
                await self._prune_when_due()
            except _Failures as error:
                self._away(error)
                backoff = min(backoff * 2, BACKOFF_MOST)
            else:
                self._back()
                backoff = self._every
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff):
                    await self._ending.wait()

    async def close(self, deadline: float) -> None:
        """Write what is left, within `deadline` seconds; what does not get in is lost and told."""
        self._ending.set()
        try:
            async with asyncio.timeout(deadline):
                while self.pending:
                    try:
                        await self._write()
                    except _Failures as error:
                        self._away(error)
                        await asyncio.sleep(0.1)
        except TimeoutError:
            self._log.warning("hits of rules are lost", rules=self.pending, why=self._error)

    async def _write(self) -> None:
        # Both the end and the last round of `run` may be here.
        async with self._sending:
            while self._batch is not None or self._tallier:
                if self._batch is None:
                    self._batch = self._tallier.take(BATCH)
                async with asyncio.timeout(COMMAND_SECONDS):
                    await self._add(
                        keys=[self._keys.hits, self._written],
                        args=[
                            *(self._number, HITS_WRITTEN_SECONDS, int(self._clock())),
                            msgspec.json.encode(self._batch),
                        ],
                    )
                self._number += 1
                self._batch = None

    async def _prune_when_due(self) -> None:
        if time.monotonic() >= self._prune_at:
            await self.prune()
            self._prune_at = time.monotonic() + PRUNE_EVERY

    async def prune(self) -> None:
        """Drop the hits of rules that were removed long ago."""
        cursor, now = b"0", int(self._clock())
        while True:
            async with asyncio.timeout(COMMAND_SECONDS):
                cursor, _ = await self._prune(
                    keys=[self._keys.hits, self._keys.rules],
                    args=[cursor, BATCH, now, now - GONE_SECONDS],
                )
            if cursor == b"0":
                return

    def _away(self, error: BaseException) -> None:
        said = explain_failure(error, address_of(self._redis))
        if said != self._error:
            self._log.warning("hits of rules wait in memory", why=said)
        self._error = said

    def _back(self) -> None:
        if self._error:
            self._log.info("hits of rules go into Redis again")
        self._error = ""


class HitsReader:
    """What all workers have counted, for commands that show it."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._key = keys.hits

    async def all(self) -> dict[str, Hits]:
        """Rule id, or a reserved name in brackets, to its hits."""
        return {
            name.decode(errors="replace"): _read(text)
            async for name, text in self._redis.hscan_iter(self._key, count=PAGE)
            if name != COUNTING.encode()
        }

    async def of(self, rule_id: str) -> Hits:
        """One rule's."""
        return _read(await self._get(rule_id))

    async def since(self) -> float | None:
        """Since when there is counting, in Unix seconds; None where no worker has begun."""
        try:
            return msgspec.json.decode(await self._get(COUNTING) or b"", type=dict[str, float])[
                "since"
            ]
        except (msgspec.MsgspecError, KeyError, UnicodeDecodeError):
            return None

    async def _get(self, name: str) -> bytes | None:
        return await cast("Awaitable[bytes | None]", self._redis.hget(self._key, name))


def _read(text: bytes | None) -> Hits:
    try:
        return msgspec.json.decode(text, type=Hits) if text else NEVER
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NEVER  # somebody's by hand; the next hit puts it right
