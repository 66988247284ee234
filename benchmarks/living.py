"""Owns how soon rules and lists are in force: at a start, and after a change; no call is placed.

A mirror runs here as in the service, beside an embedded Valkey that another process writes to.
`python -m benchmarks.living RULES LISTED` prints the results as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
import uvloop

from benchmarks.children import ChildError, child
from benchmarks.decision import resident
from benchmarks.hand import Hand, Latencies
from benchmarks.rounds import percentile
from ringfence import pauses
from ringfence.store.connection import connect_redis
from ringfence.store.embedded import running_valkey
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.mirror.snapshot import SnapshotFile

LOOK_SECONDS = 0.0005
PATIENCE = 300.0


class Changed(msgspec.Struct):
    """Milliseconds from before a write to its being in force, over so many changes."""

    what: str
    count: int
    p50: float
    p99: float


class Living(msgspec.Struct):
    """All of it: `load` is from an empty process and Redis, `restore` from the last snapshot.

    `grown_mb` is what a process takes more with rules and lists than without.
    """

    rules: int
    listed: int
    load_seconds: float
    restore_seconds: float
    grown_mb: float
    changes: list[Changed]


async def measure(rule_count: int, listed: int) -> Living:
    """Start, change, start again."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    with tempfile.TemporaryDirectory(prefix="ringfence-") as name:
        folder = Path(name)
        async with (
            running_valkey(folder) as url,
            child("-m", "benchmarks.hand", url) as process,
        ):
            hand = Hand(process)
            await hand.do("fill", rule_count, listed)
            return await _with_mirror(folder, url, hand, rule_count, listed)


async def _with_mirror(folder: Path, url: str, hand: Hand, rule_count: int, listed: int) -> Living:
    file = SnapshotFile(folder, structlog.get_logger())
    redis = connect_redis(url)
    mirror = Mirror(redis, Keys(), file)
    pauses.keep_short()
    before, began = resident(), time.perf_counter()
    running = asyncio.create_task(mirror.run())
    await mirror.loaded()
    load = time.perf_counter() - began
    pauses.set_aside()
    grown = resident() - before
    latencies = Latencies(mirror)
    watching = asyncio.create_task(_look(latencies))
    changes = []
    for what, action, count, per_second in (
        ("a rule, through Ringfence", "rules", 100, 25),
        ("a rule, by redis-cli", "by-hand", 20, 4),
    ):
        await hand.do(action, count, per_second)
        await asyncio.sleep(0.2)
        changes.append(_changed(what, latencies.taken()))
    changes.append(_changed("1,000 numbers on a list", await _lists(mirror, hand, 20)))
    for task in (watching, running):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    began = time.perf_counter()
    await Mirror(redis, Keys(), file).restore()
    restore = time.perf_counter() - began
    await redis.aclose()
    return Living(
        rule_count, listed, round(load, 2), round(restore, 3),
        round(grown / 1e6, 1), changes,
    )  # fmt: skip


async def _look(latencies: Latencies) -> None:
    while True:
        latencies.look()
        await asyncio.sleep(LOOK_SECONDS)


async def _lists(mirror: Mirror, hand: Hand, times: int) -> list[float]:
    took = []
    for turn in range(times):
        began = time.perf_counter()
        await hand.do("numbers", turn, 1_000)
        wanted = (turn + 1) * 1_000
        await _until(lambda wanted=wanted: len(mirror.world().lists.get("other", ())) == wanted)  # type: ignore[misc]
        took.append((time.perf_counter() - began) * 1e3)
    return took


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60.0):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(LOOK_SECONDS)


def _changed(what: str, took: list[float]) -> Changed:
    return Changed(
        what, len(took), round(percentile(took, 0.5), 2), round(percentile(took, 0.99), 2)
    )


async def measure_apart(rule_count: int, listed: int) -> Living:
    """The same in a process of its own, so that its memory is its own."""
    words = ("-m", "benchmarks.living", str(rule_count), str(listed))
    async with child(*words, ready="") as process:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    if not line:
        raise ChildError(f"starting with {listed} listed numbers was not measured: it ended early")
    return msgspec.json.decode(line, type=Living)


if __name__ == "__main__":
    done = uvloop.run(measure(int(sys.argv[1]), int(sys.argv[2])))
    print(msgspec.json.encode(done).decode(), flush=True)
