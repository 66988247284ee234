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
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
from redis.asyncio import Redis

from benchmarks.children import child
from benchmarks.decision import resident
from benchmarks.rounds import percentile
from benchmarks.ruleset import LISTS, listed_numbers, rules
from ringfence import pauses
from ringfence.rules.model import Rule, When, encode_rule
from ringfence.store.connection import connect_redis
from ringfence.store.embedded import running_valkey
from ringfence.store.keys import Keys
from ringfence.store.mirror import Mirror
from ringfence.store.snapshot import SnapshotFile
from ringfence.store.writer import Writer
from ringfence.verdict import Action

TICK = 0.001
LONG = 0.005
PROBE = "0-probe"
BATCH = 5_000
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
        async with running_valkey(Path(folder)) as url:
            words = ("-m", "benchmarks.changes", "--hand", url)
            async with child(*words) as process:
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
    latencies.tell()
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


class Latencies:
    """From before a write to its being in force, by the write's own time in the rule's note."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._last = ""
        self._took: list[float] = []

    def look(self) -> None:
        """Whether there is a new one."""
        book = self._mirror.world().rules
        if book.rules and book.rules[0].rule.id == PROBE:
            note = book.rules[0].rule.note
            if note != self._last:
                self._last = note
                self._took.append((time.monotonic() - float(note)) * 1e3)

    def tell(self) -> None:
        """Say it."""
        took, self._took = self._took, []
        say(
            "  in force after", f"p50 {percentile(took, 0.5):.1f} ms, p99 "
            f"{percentile(took, 0.99):.1f}, most {max(took):.1f} ({len(took)} seen)",
        )  # fmt: skip


async def _until(condition: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


class Hand:
    """The process that writes. Started once, as starting one takes its time here too."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, action: str, *numbers: int) -> None:
        """Have something written, and wait for it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{action} {' '.join(map(str, numbers))}\n".encode())
        while line := await self._process.stdout.readline():
            if line == b"done\n":
                return
            print(line.decode(), end="", flush=True)
        raise RuntimeError(f"the hand ended while at {action}")


async def _be_the_hand(url: str) -> None:
    redis = connect_redis(url, timeout=30.0)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        action, one, two = [*line.split(), "0"][:3]
        await _write(redis, action, int(one), int(two))
        print("done", flush=True)
    await redis.aclose()


async def _write(redis: Redis, action: str, one: int, two: int) -> None:
    keys = Keys()
    writer = Writer(redis, keys)
    if action == "fill":
        for at in range(0, one, BATCH):
            some: Any = {rule.id: encode_rule(rule) for rule in rules(one)[at : at + BATCH]}
            await redis.hset(keys.rules, mapping=some)
        numbers = listed_numbers(two)
        while batch := [f"+{number}" for number in islice(numbers, BATCH)]:
            await redis.sadd(keys.list(LISTS[0]), *batch)
    elif action == "rules":
        for _ in range(one):
            await _probe(writer)
            await asyncio.sleep(1 / two)
    elif action == "list":
        for n in range(one):
            await writer.add_to_list("other", (f"+1303{n * two + i:07}" for i in range(two)))
    elif action == "dated":
        dated = (f"+1303{n * 13 % 10_000_000:07}" for n in range(one))
        await writer.add_to_list("dated", dated, expires=time.time() + two)
    elif action == "replace":
        began = time.monotonic()
        await writer.replace_list(LISTS[0], (f"+{number}" for number in listed_numbers(one)))
        say("  the import took", f"{time.monotonic() - began:.1f} s")
    elif action == "storm":
        await _storm(writer, time.monotonic() + one)


async def _storm(writer: Writer, until: float) -> None:
    turn = 0
    while time.monotonic() < until:
        turn += 1
        await _probe(writer)
        await writer.add_to_list("other", [f"+1404{turn % 5_000:07}"])
        await writer.remove_from_list("other", [f"+1404{(turn - 1_000) % 5_000:07}"])
        await asyncio.sleep(0.05)


async def _probe(writer: Writer) -> None:
    # Elsewhere in the index each time.
    now = time.monotonic()
    when = When(caller=f"+1505{int(now * 1000) % 10_000_000:07}")
    rule = Rule(id=PROBE, priority=0, action=Action.BLOCK, when=when, note=repr(now))
    await writer.set_rule(PROBE, rule)


def main() -> None:
    """The command line."""
    if sys.argv[1:2] == ["--hand"]:
        asyncio.run(_be_the_hand(sys.argv[2]))
        return
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
