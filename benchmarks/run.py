"""Owns one run of all benchmarks: its options, its order, its end; it measures nothing itself."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec
from rich.console import Console

from benchmarks import report
from benchmarks.children import ChildError
from benchmarks.decision import measure_all
from benchmarks.rounds import climb, run_rounds
from benchmarks.stage import bench
from demo.ringfence import StageError
from lab import LabError

LIMIT_SECONDS = 900.0
CLIMB_RATES = (400.0, 500.0, 600.0, 700.0, 800.0, 900.0)
CLIMB = ("empty-agi", "agi", "empty-ari", "ari")


class Effort(msgspec.Struct, frozen=True):
    """How long to measure: seconds at each rate, rounds, and the grid of the decision."""

    rates: dict[float, float]
    rounds: int
    climb_rates: tuple[float, ...]
    listed_grid: tuple[int, ...]
    rules_grid: tuple[int, ...] = (10, 1_000, 10_000)


# 250 and 750 calls a way and round: a p99 over fewer would be the luck of a call or two.
FULL = Effort({100.0: 2.5, 500.0: 1.5}, 6, CLIMB_RATES, (0, 1_000_000, 10_000_000))
QUICK = Effort({100.0: 1.0, 500.0: 0.6}, 2, (), (0, 1_000_000), (10, 10_000))


def options(words: Sequence[str]) -> argparse.Namespace:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, coarse")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default: 6, quick: 2)")
    parser.add_argument("--rules", type=int, default=10_000, help="rules in force")
    parser.add_argument("--listed", type=int, default=1_000_000, help="numbers in a list")
    parser.add_argument("--only", default="", help="ways, by comma, as: none,empty-agi,agi")
    parser.add_argument("--no-decision", action="store_true", help="leave the decision alone out")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args(words)


async def run(chosen: argparse.Namespace, console: Console) -> report.Results:
    """Measure everything that was chosen."""
    began, load_before = time.monotonic(), os.getloadavg()[0]
    effort = QUICK if chosen.quick else FULL
    only = set(filter(None, chosen.only.split(",")))

    def progress(text: str) -> None:
        status.update(text)

    with console.status("the decision alone") as status:
        decision = []
        if not chosen.no_decision:
            decision = await measure_all(effort.listed_grid, effort.rules_grid)
        progress(f"starting, with {chosen.rules:,} rules and {chosen.listed:,} listed numbers")
        async with bench(chosen.rules, chosen.listed) as up:
            ways = [way for way in up.ways if not only or way.name in only]
            rounds = chosen.rounds or effort.rounds
            calls = await run_rounds(up.place, ways, effort.rates, rounds, progress)
            climbing = [way for way in ways if way.name in CLIMB]
            held = []
            if effort.climb_rates and climbing:
                held = await climb(up.place, climbing, effort.climb_rates, 2.0, progress)
            machine = report.this_machine(up.asterisk_version(), load_before)
            start_seconds = up.start_seconds
    return report.Results(
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=" ".join(["python -m benchmarks", *sys.argv[1:]]),
        seconds=time.monotonic() - began, machine=machine, rules=chosen.rules,
        listed=chosen.listed, rounds=rounds, start_seconds=start_seconds, calls=calls, held=held,
        decision=decision,
    )  # fmt: skip


def main() -> int:
    """Measure, show, save; 1 and one line where something did not come up."""
    chosen = options(sys.argv[1:])
    console = Console()
    try:
        results = asyncio.run(asyncio.wait_for(run(chosen, console), LIMIT_SECONDS))
    except (LabError, StageError, ChildError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except TimeoutError:
        print(f"benchmarks: not done within {LIMIT_SECONDS:.0f} s, given up", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    report.show(console, results)
    console.print(f"all figures: {report.save(results)}", soft_wrap=True)
    if chosen.write_docs:
        console.print(f"written: {report.write_docs(results)}", soft_wrap=True)
    return 0
