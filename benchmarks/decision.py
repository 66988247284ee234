"""Owns what the decision alone costs: `Screener.screen` on a world in memory, no network.

Each number of listed entries is measured in a process of its own, so that its memory is its own:
`python -m benchmarks.decision LISTED RULES...` prints the results as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.children import ChildError, child
from benchmarks.rounds import percentile
from benchmarks.ruleset import LISTS, blocked_callers, listed_numbers, passing_callers, rules
from ringfence.call import CallAttempt
from ringfence.lists import NumberList
from ringfence.rules import compile_rules
from ringfence.screening import Screener
from ringfence.world import World

CALLS = 20_000
Clock = Callable[[], int]
PAGE = resource.getpagesize()


class Decided(msgspec.Struct):
    """One cell of the grid; times in microseconds, 0 bytes per number where none is listed.

    `cpu_p99` is by the thread's own clock, which stands still while others have the processor.
    """

    rules: int
    listed: int
    p50: float
    p99: float
    cpu_p99: float
    blocked_p50: float
    blocked_p99: float
    compile_ms: float
    fill_seconds: float
    bytes_per_number: float


async def measure(listed: int, rule_counts: Sequence[int]) -> list[Decided]:
    """All rule counts with one list of so many numbers."""
    numbers = NumberList(LISTS[0])
    gc.collect()
    before, began = resident(), time.perf_counter()
    numbers.extend_numbers(listed_numbers(listed))
    fill, each = time.perf_counter() - began, (resident() - before) / max(1, listed)
    lists = {LISTS[0]: numbers, LISTS[1]: NumberList(LISTS[1])}
    cells = []
    for count in rule_counts:
        made = rules(count)
        began = time.perf_counter()
        book = compile_rules(made)
        compiling = time.perf_counter() - began
        world = World(book, lists, {})
        screener = Screener(lambda world=world: world)  # type: ignore[misc]
        passed = await _times(screener, passing_callers())
        cpu = await _times(screener, passing_callers(), time.thread_time_ns)
        blocked = await _times(screener, blocked_callers(listed))
        cells.append(Decided(
            count, listed, percentile(passed, 0.5), percentile(passed, 0.99), percentile(cpu, 0.99),
            percentile(blocked, 0.5), percentile(blocked, 0.99),
            round(compiling * 1e3, 2), round(fill, 2), round(each, 2) if listed else 0.0,
        ))  # fmt: skip
    return cells


async def _times(
    screener: Screener, callers: Sequence[str], clock: Clock = time.perf_counter_ns
) -> list[float]:
    attempts = [
        CallAttempt(
            called="12025550123", caller=callers[n % len(callers)], caller_name="Some One",
            presentation="allowed_not_screened", trunk="carrier-a", source="192.0.2.1:5060",
            sip_call_id=f"{n}@192.0.2.1", channel=f"PJSIP/carrier-a-{n:08x}", uniqueid=f"1.{n}",
        )
        for n in range(CALLS)
    ]  # fmt: skip
    # as the service has it: what was loaded is out of the collector's sight
    gc.collect()
    gc.freeze()
    took = []
    for attempt in attempts:
        began = clock()
        screener.screen(attempt, "agi")
        took.append((clock() - began) / 1000)
    return took


def resident() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - a pseudo file, read once
        return int(statm.read().split()[1]) * PAGE


async def measure_all(listed: Sequence[int], rule_counts: Sequence[int]) -> list[Decided]:
    """The whole grid, one process per list."""
    cells: list[Decided] = []
    for count in listed:
        patience = 60.0 + count / 50_000
        words = ("-m", "benchmarks.decision", str(count), *map(str, rule_counts))
        async with child(*words, ready="") as process:
            assert process.stdout
            line = await asyncio.wait_for(process.stdout.readline(), patience)
        if not line:
            raise ChildError(f"the decision benchmark with {count} listed numbers ended early")
        cells += msgspec.json.decode(line, type=list[Decided])
    return cells


if __name__ == "__main__":
    done = asyncio.run(measure(int(sys.argv[1]), [int(word) for word in sys.argv[2:]]))
    print(msgspec.json.encode(done).decode(), flush=True)
