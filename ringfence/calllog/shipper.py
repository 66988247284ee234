"""Ships spooled records to the stream: in batches, with backoff, and with a deadline at the end.

Owns when and in what order; how each record gets in once is `stream`'s, how it waits `spool`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from redis.exceptions import RedisError
from structlog.typing import FilteringBoundLogger

from ringfence.calllog.folders import SpoolFolder, orphans
from ringfence.calllog.losses import LossLog
from ringfence.calllog.segment import Line, Trail
from ringfence.calllog.spool import Spool
from ringfence.calllog.stream import Appender
from ringfence.store.connection import explain_failure

BATCH = 100
"""Records in one round trip. A backlog then holds the loop, where calls are screened, for a
millisecond or two at a time, and Redis for less; larger batches ship hardly more."""
BATCH_BYTES = 250_000
LINGER_SECONDS = 0.1
"""Records of 100 ms share a round trip, which costs the loop as much as ten records do;
`ringfence calls --follow` is no further behind."""
BACKOFF_FIRST, BACKOFF_MOST = 0.1, 2.0
ORPHANS_EVERY = 30.0
FORGET_SECONDS = 0.5


class Source(Protocol):
    """One writer's records in order."""

    writer: str

    @property
    def acknowledged(self) -> int: ...
    def peek(self, count: int, size: int) -> Sequence[Line]: ...
    def acknowledge(self, sequence: int) -> None: ...
    def rewind(self, sequence: int) -> None: ...


class Leftover(NamedTuple):
    """What one writer that is gone has left, with the lock that lets us ship it."""

    trail: Trail
    folder: SpoolFolder


class Shipper:
    """Runs beside the doors; nothing on a call's way waits for it."""

    def __init__(
        self,
        spool: Spool,
        root: Path,
        appender: Appender,
        losses: LossLog,
        log: FilteringBoundLogger,
        address: str,
    ) -> None:
        self._spool = spool
        self._root = root
        self._appender = appender
        self._losses = losses
        self._log = log
        self._address = address
        self._orphans: list[Leftover] = []
        self._orphans_at = float("-inf")
        self._known: set[str] = set()
        self._wake = asyncio.Event()
        self._ending = asyncio.Event()
        self._backoff = 0.0
        self._unsure = False
        self._end_at = float("inf")
        self.shipped = 0
        self.damaged = 0
        self.error = ""

    @property
    def leftovers(self) -> int:
        """Writers that are gone whose records are not all in Redis yet."""
        return len(self._spool.leftovers) + len(self._orphans)

    def wake(self) -> None:
        """There is something to ship."""
        self._wake.set()

    def end(self, deadline: float) -> None:
        """Ship what this run has spooled, for `deadline` seconds at most; then `run` returns."""
        self._end_at = time.monotonic() + deadline
        self._ending.set()
        self._wake.set()

    async def run(self) -> None:
        """Ship until told to `end`. Redis may be away, hang or come back at any time."""
        try:
            while not self._finished():
                self._wake.clear()
                self._losses.tell()
                try:
                    busy = await self._round()
                    if not busy and not self._ending.is_set():
                        await self._gather()
                except (RedisError, OSError, TimeoutError) as error:
                    self._away(error)
                    await self._back_off()
        finally:
            for leftover in self._orphans:
                leftover.folder.release()
            self._orphans.clear()
            self._known.clear()
            self._orphans_at = float("-inf")
            self._losses.tell(now=True)

    async def forget(self) -> None:
        """This run's writer has shipped everything; Redis need not know it any longer."""
        # After a lost reply a copy of that batch might still arrive, and the number keeps it out.
        if self.shipped and not self._unsure:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self._appender.forget(self._spool.writer, FORGET_SECONDS)

    def _finished(self) -> bool:
        if not self._ending.is_set():
            return False
        try:
            return time.monotonic() >= self._end_at or not self._spool.peek(BATCH, BATCH_BYTES)
        except OSError:
            return False  # the next round says why

    async def _gather(self) -> None:
        """Until there is something to ship, and then for others to come along."""
        waiting = len(self._spool.peek(BATCH, BATCH_BYTES))
        if not waiting:
            await _wait(self._wake, ORPHANS_EVERY)
        if waiting < BATCH:
            await _wait(self._ending, LINGER_SECONDS)

    async def _round(self) -> bool:
        """A batch of everything there is; True while there may be more."""
        busy = await self._ship(self._spool) >= BATCH
        if self._ending.is_set():
            return busy  # what others left waits for the next run
        for trail in list(self._spool.leftovers):
            if await self._ship_leftover(trail):
                busy = True
            else:
                self._spool.leftovers.remove(trail)
        for leftover in list(self._orphans):
            if await self._ship_leftover(leftover.trail):
                busy = True
            else:
                self._orphans.remove(leftover)
                if not any(other.folder is leftover.folder for other in self._orphans):
                    leftover.folder.release()
        if time.monotonic() - self._orphans_at >= ORPHANS_EVERY:
            self._orphans_at = time.monotonic()
            for folder in orphans(self._root):
                self._orphans += [Leftover(trail, folder) for trail in folder.leftovers()]
            busy = busy or bool(self._orphans)
        return busy

    async def _ship_leftover(self, trail: Trail) -> bool:
        """True while there is more of it."""
        if trail.writer not in self._known:
            self._known.add(trail.writer)
            trail.acknowledge(await self._appender.last(trail.writer, self._left()))
            self._back()
            self._log.info("shipping what an earlier run has spooled", writer=trail.writer)
        if await self._ship(trail):
            return True
        trail.remove()
        self._known.discard(trail.writer)
        if trail.damaged or trail.missing:
            self.damaged += trail.damaged + trail.missing
            self._log.warning(
                "a spool had damaged lines, which a crash leaves",
                damaged=trail.damaged,
                missing_files=trail.missing,
            )
        return False

    async def _ship(self, source: Source) -> int:
        """One batch; how many records it had."""
        lines = source.peek(BATCH, BATCH_BYTES)
        if not lines:
            return 0
        count, before = len(lines), source.acknowledged
        try:
            appended = await self._appender.append(source.writer, before, lines, self._left())
        except BaseException:
            self._unsure = True
            raise
        self._back()
        if appended.behind:
            self._rewind(source, before, appended.last)
        else:
            source.acknowledge(appended.last)
            self.shipped += count
        return count

    def _rewind(self, source: Source, before: int, found: int) -> None:
        source.rewind(found)
        lines = source.peek(BATCH, BATCH_BYTES)
        if not lines:
            source.acknowledge(before)
        self._log.warning(
            "Redis has lost call records that it had acknowledged; those at hand go in again",
            acknowledged=before,
            found=found,
            at_hand_from=lines[0].sequence if lines else None,
        )

    def _left(self) -> float:
        return max(self._end_at - time.monotonic(), 0.05)

    def _back(self) -> None:
        if self.error:
            self._log.info("call records go into Redis again", pending=self._spool.pending)
        self.error = ""
        self._backoff = 0.0

    def _away(self, error: Exception) -> None:
        said = explain_failure(error, self._address)
        if said != self.error:
            self._log.warning("call records wait in the spool", why=said)
        self.error = said
        self._backoff = min(max(self._backoff * 2, BACKOFF_FIRST), BACKOFF_MOST)

    async def _back_off(self) -> None:
        # A new record is no reason to try earlier, the end is one.
        if self._ending.is_set():
            await asyncio.sleep(min(self._backoff, self._left()))
        else:
            await _wait(self._ending, self._backoff)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
