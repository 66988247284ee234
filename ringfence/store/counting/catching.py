"""Puts callers on lists by themselves: those that a rule has caught, those that passed a challenge.

Owns what waits to be written and when; what a list is, Redis and the mirrors know. Nothing here is
on a call's way: the call has its verdict before its caller comes here. An entry is never made
shorter: what an admin put on a list for longer, or for good, stays so.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice
from typing import ClassVar, NamedTuple

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from structlog.typing import FilteringBoundLogger

from ringfence.screening import Screened
from ringfence.store.connection import address_of, explain_failure
from ringfence.store.keys import Keys
from ringfence.store.writing.list_writer import MAX_CONVERTED
from ringfence.store.writing.scripting import Argument, Scripts, WriteRefused

LINGER_SECONDS = 0.005
"""Callers of 5 ms share a round trip and an announcement."""
BATCH = 500
"""Callers in one script call: half of what one announcement takes, a millisecond of Redis's."""
MOST_WAITING = 10_000
"""Callers that wait while Redis is away. Who finds no place is caught again by the next call."""
MOST_KNOWN = 20_000
AGAIN_SECONDS = 5.0
"""Who calls all the time is written so often at most; so much later an entry is back that an admin
has removed. Sooner only where the entry would last longer by `GROWTH`."""
GROWTH = 0.1
BACKOFF_FIRST, BACKOFF_MOST = 0.1, 2.0
TELL_SECONDS = 60.0

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


class Caught(NamedTuple):
    """A caller who is to be on a list until `until` (Unix seconds), in the name of `who`."""

    number: str
    list: str
    until: int
    who: str


class Extender(Scripts):
    """Writes entries that last for a time, and only ever for longer than before."""

    NAMES: ClassVar[tuple[str, ...]] = ("list_extend",)

    async def extend(self, name: str, caught: list[Caught]) -> int:
        """Put callers on one list; how many are new on it or stay longer."""
        keys = [self._keys.list(name), self._keys.changes]
        arguments: list[Argument] = [name, repr(self._clock()), MAX_CONVERTED]
        for each in sorted(caught, key=lambda each: each.until):
            arguments += [each.until, each.number]
        try:
            return int(await self._run("list_extend", keys, arguments, None))
        except ResponseError as error:
            if "TOOLARGE" in str(error):
                raise WriteRefused(
                    f"list {name} has over {MAX_CONVERTED} entries that never run out: let rules "
                    "put callers on a list of their own"
                ) from None
            raise


class Catcher:
    """`put` and `remember` callers, `run` beside the doors, `close` at the end."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        log: FilteringBoundLogger | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._redis = redis
        self._extender = Extender(redis, keys, "ringfence", clock)
        self._clock = clock
        self._timer = timer
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        self._most_waiting = most_waiting
        self._waiting: dict[tuple[str, str], Caught] = {}
        self._known: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._wake = asyncio.Event()
        self._ending = asyncio.Event()
        self._writing = asyncio.Lock()
        self._told_at = float("-inf")
        self._left_out = 0
        self._failing = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, screened: Screened, outcome: str = "") -> None:
        """Take one call: its caller goes where its verdict says, if there is a number. Who
        ``passed`` a challenge is not caught by the rule that asked for it."""
        if (also := screened.verdict.also) and screened.call is not None:
            let_off = screened.verdict.rule if outcome == "passed" else ""
            for each in also:
                if each.rule != let_off:
                    self.remember(
                        screened.call.caller.e164, each.list, each.seconds, f"rule:{each.rule}"
                    )

    def remember(self, number: str, name: str, seconds: int, who: str) -> None:
        """Have `number` on list `name` for so long from now, unless it is written just so."""
        if not _NUMBER.fullmatch(number):
            return
        key, now = (name, number), self._clock()
        # Whole seconds: callers of one second share an announcement.
        until = math.ceil(now + seconds)
        noted_at, noted_until = self._known.get(key, (-math.inf, 0))
        if 0 <= now - noted_at < AGAIN_SECONDS and until - noted_until <= seconds * GROWTH:
            return
        waiting = self._waiting.get(key)
        if waiting is None and len(self._waiting) >= self._most_waiting:
            self._left_out += 1
            self._tell("too many callers wait to be put on lists")
            return
        if waiting is None or waiting.until < until:
            self._waiting[key] = Caught(number, name, until, who)
        self._known[key] = now, until
        self._known.move_to_end(key)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        self._wake.set()

    async def run(self) -> None:
        """Write who waits, a few milliseconds later, until closed. Redis may be away."""
        backoff = 0.0
        while not self._ending.is_set():
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            await self._pause(backoff or LINGER_SECONDS)
            try:
                await self._write()
                backoff = 0.0
            except (RedisError, OSError, TimeoutError) as error:
                self._away(error)
                backoff = min(max(backoff * 2, BACKOFF_FIRST), BACKOFF_MOST)

    async def close(self, deadline: float) -> None:
        """Write who waits, within `deadline` seconds."""
        self._ending.set()
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                while self._waiting:
                    try:
                        await self._write()
                    except (RedisError, OSError, TimeoutError):
                        await asyncio.sleep(BACKOFF_FIRST)
        if self._waiting:
            self._log.warning("callers are not on their lists", callers=len(self._waiting))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()

    async def _write(self) -> None:
        # Both the end and the last round of `run` may be here.
        async with self._writing:
            while some := list(islice(self._waiting.values(), BATCH)):
                groups: dict[tuple[str, str], list[Caught]] = {}
                now = self._clock()
                for caught in some:
                    if caught.until <= now:
                        self._done([caught])
                    else:
                        groups.setdefault((caught.list, caught.who), []).append(caught)
                for (name, who), together in groups.items():
                    try:
                        await self._extender.signed(who).extend(name, together)
                    except ValueError as error:
                        # Waiting would not mend it: the list has a wrong type, or is too large.
                        self._tell("callers cannot be put on a list", list=name, why=str(error))
                    self._done(together)
                self._back()

    def _done(self, caught: list[Caught]) -> None:
        for each in caught:
            key = each.list, each.number
            # the same call may have come again while this was on its way
            if self._waiting.get(key) is each:
                del self._waiting[key]

    def _away(self, error: Exception) -> None:
        self._failing = True
        self._tell(
            "callers wait to be put on lists",
            why=explain_failure(error, address_of(self._redis)),
            callers=len(self._waiting),
        )

    def _back(self) -> None:
        if self._failing:
            self._log.info("callers are put on lists again", left_out=self._left_out)
            self._left_out = 0
        self._failing = False

    def _tell(self, event: str, **fields: object) -> None:
        if self._timer() - self._told_at >= TELL_SECONDS:
            self._told_at = self._timer()
            self._log.warning(event, left_out=self._left_out, **fields)
