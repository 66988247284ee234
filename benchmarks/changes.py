"""Owns what changes cost the calls that go on meanwhile: stalls of the event loop, and memory.

A mirror runs here beside a task that wants its turn every millisecond; a child process, the hand,
writes to an embedded Valkey as an admin would. `python -m benchmarks.changes RULES LISTED`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from benchmarks.children import child
from benchmarks.decision import resident
from benchmarks.hand import Hand, Latencies
from benchmarks.rounds import percentile
from benchmarks.ruleset import LISTS
from ringfence import pauses
from ringfence.store.connection import connect_redis
from ringfence.store.embedded import running_valkey
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.mirror.snapshot import SnapshotFile

TICK = 0.001
LONG = 0.005
DATED = 200_000


class Ticker:
    """Wants its turn every millisecond and notes how late it comes.

    A stall counts as ours as far as our own process was at work in it: on a busy machine the rest
    is another process that had the core.
    """

    def __init__(self) -> None:
        self._ours: list[float] = []
        self._late: list[float] = []
        self._collected = 0.0
        self._began = 0.0
        self._watching = False
        self.seen: Callable[[], None] = lambda: None
        gc.callbacks.append(self._collecting)

    def _collecting(self, phase: str, info: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._began = now
        else:
            self._collected = max(self._collected, now - self._began)

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            wall, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK)
            late = time.perf_counter() - wall - TICK
            if self._watching:
                self._late.append(late)
                self._ours.append(min(late, time.process_time() - cpu))
            self.seen()

    @asynccontextmanager
    async def watch(self, what: str) -> AsyncIterator[None]:
        """Say how late the ticks came during something."""
        await asyncio.sleep(0.1)
        self._ours, self._late, self._collected = [], [], 0.0
        began = time.perf_counter()
        self._watching = True
        yield
        self._watching = False
        took = time.perf_counter() - began
        long = sum(each > LONG for each in self._ours)
        say(
            what, f"{took:6.2f} s, stalls: longest {max(self._ours, default=0.0) * 1e3:6.1f} ms, "
            f"p99 {percentile(self._ours, 0.99) * 1e3:5.1f}, {long} over 5 ms; with others' work "
            f"{max(self._late, default=0.0) * 1e3:.1f}; gc {self._collected * 1e3:.1f}",
        )  # fmt: skip


def say(what: str, figures: str) -> None:
    """One line of results."""
    print(f"{what:34} {figures}", flush=True)


async def measure(rule_count: int, listed: int, minutes: float) -> None:
    """Everything in turn."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory(prefix="ringfence-") as folder:
        async with (
            running_valkey(Path(folder)) as url,
            child("-m", "benchmarks.hand", url) as process,
        ):
            hand = Hand(process)
            await hand.do("fill", rule_count, listed)
            await _with_mirror(Path(folder), url, hand, listed, minutes)


async def _with_mirror(folder: Path, url: str, hand: Hand, listed: int, minutes: float) -> None:
    ticker, file = Ticker(), SnapshotFile(folder, structlog.get_logger())
    ticking = asyncio.create_task(ticker.run())
    redis = connect_redis(url)
    mirror = Mirror(redis, Keys(), file)
    pauses.keep_short()
    before = resident()
    async with ticker.watch("load everything"):
        running = asyncio.create_task(mirror.run())
        await mirror.loaded()
        pauses.set_aside()
    grown = resident() - before
    say("memory", f"{grown / 1e6:.0f} MB more; {grown / max(1, listed):.1f} B a number")
    if minutes:
        await _memory(hand, minutes)
    else:
        await _changes(mirror, ticker, hand, listed)
    running.cancel()
    async with ticker.watch("the end"):
        with contextlib.suppress(asyncio.CancelledError):
            await running
    await redis.aclose()
    began = time.perf_counter()
    again = Mirror(redis, Keys(), file)
    await again.restore()
    size = file.path.stat().st_size / 1e6
    say("restored from the snapshot in", f"{time.perf_counter() - began:.2f} s, {size:.0f} MB")
    ticking.cancel()


async def _changes(mirror: Mirror, ticker: Ticker, hand: Hand, listed: int) -> None:
    latencies = Latencies(mirror)
    ticker.seen = latencies.look
    async with ticker.watch("200 rule changes, 20 a second"):
        await hand.do("rules", 200, 20)
    _tell(latencies)
    async with ticker.watch("100 list changes of 1,000 numbers"):
        await hand.do("list", 100, 1_000)
        await _until(lambda: len(mirror.world().lists["other"]) == 100_000)
    async with ticker.watch(f"a new list of {DATED:,} that run out"):
        await hand.do("dated", DATED, 8)
        await _until(lambda: len(mirror.world().lists["dated"]) == DATED)
    async with ticker.watch("snapshots saved meanwhile"):
        await asyncio.sleep(5)
    async with ticker.watch("a sweep of what ran out"):
        await asyncio.sleep(62)
    async with ticker.watch(f"{listed:,} numbers replaced"):
        old = mirror.world().lists[LISTS[0]]
        await hand.do("replace", listed, 0)
        await _until(lambda: mirror.world().lists[LISTS[0]] is not old, 300)  # noqa: F821
        del old
    async with ticker.watch("a snapshot saved"):
        await asyncio.sleep(3)


async def _memory(hand: Hand, minutes: float) -> None:
    ending = asyncio.create_task(hand.do("storm", int(minutes * 60), 0))
    while not ending.done():
        say("resident", f"{resident() / 1e6:.1f} MB")
        await asyncio.wait([ending], timeout=minutes * 6)
    say("resident", f"{resident() / 1e6:.1f} MB after {minutes:g} minutes of changes")


def _tell(latencies: Latencies) -> None:
    took = latencies.taken()
    say(
        "  in force after", f"p50 {percentile(took, 0.5):.1f} ms, p99 "
        f"{percentile(took, 0.99):.1f}, most {max(took):.1f} ({len(took)} seen)",
    )  # fmt: skip


async def _until(condition: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


def main() -> None:
    """The command line."""
    reading = argparse.ArgumentParser(prog="python -m benchmarks.changes", description=__doc__)
    reading.add_argument("rules", type=int, nargs="?", default=10_000)
    reading.add_argument("listed", type=int, nargs="?", default=1_000_000)
    reading.add_argument("--minutes", type=float, default=0.0, help="of changes, for the memory")
    given = reading.parse_args()
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(given.rules, given.listed, given.minutes))


if __name__ == "__main__":
    main()
