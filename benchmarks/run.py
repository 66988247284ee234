"""Owns one run of all benchmarks: its options, its order, its end; it measures nothing itself."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from rich.console import Console

from benchmarks import page, paths, report
from benchmarks.children import ChildError
from benchmarks.climb import climb
from benchmarks.decision import measure_all
from benchmarks.dialplan_steps import measure_told
from benchmarks.living import measure_apart
from benchmarks.results import Results, ResultsError, load, save, this_machine
from benchmarks.rounds import Measured, run_rounds
from benchmarks.stage import bench
from benchmarks.verify.cost import ROUNDS
from benchmarks.verify.cost import measure_apart as measure_verify
from demo.ringfence import StageError
from lab import LabError

LIMIT_SECONDS = 1200.0
CLIMB_SECONDS = 1.5


class Effort(msgspec.Struct, frozen=True):
    """How long to measure: seconds at each rate, rounds, and the sizes that are tried.

    `climb` is for how many seconds the highest rates are looked for, `steps` for how many the
    dialplan's steps are timed; with 0 they are not. `verify` is how many rounds of verifications.
    """

    rates: dict[float, float]
    rounds: int
    climb: float
    steps: float
    listed_grid: tuple[int, ...]
    living: tuple[int, ...]
    verify: int = ROUNDS
    rules_grid: tuple[int, ...] = (10, 1_000, 10_000)


# From 100 calls a way and round at the lowest rate to 600 at the highest: a p99 over fewer would
# be the luck of a call or two.
FULL = Effort({50.0: 2.0, 100.0: 2.0, 200.0: 1.5, 500.0: 1.2}, 3, 200.0, 12.0,
              (0, 1_000_000, 10_000_000), (10_000_000,))  # fmt: skip
QUICK = Effort({50.0: 1.0, 500.0: 0.4}, 1, 0.0, 0.0, (0, 1_000_000), (100_000,), 1, (10, 10_000))


def options(words: Sequence[str]) -> argparse.Namespace:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute, coarse")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default: 3, quick: 1)")
    parser.add_argument("--rules", type=int, default=10_000, help="rules in force")
    parser.add_argument("--listed", type=int, default=1_000_000, help="numbers in a list")
    parser.add_argument("--only", default="", help="ways, by comma, as: none,empty-agi,agi")
    parser.add_argument(
        "--no-decision", action="store_true", help="leave decisions and verifications alone out"
    )
    parser.add_argument("--no-living", action="store_true", help="leave start and changes out")
    parser.add_argument("--no-climb", action="store_true", help="leave the highest rates out")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument(
        "--page",
        nargs="?",
        const="",
        metavar="RESULTS.json",
        help="measure nothing: docs/benchmarks.md from the last run, or from that",
    )
    chosen = parser.parse_args(words)
    chosen.only = frozenset(filter(None, chosen.only.split(",")))
    known = [way.name for way in paths.ways("0.0.0.0")]
    if unknown := chosen.only - set(known):
        parser.error(f"no way {', '.join(sorted(unknown))}: choose of {', '.join(known)}")
    return chosen


async def run(chosen: argparse.Namespace, console: Console) -> Results:
    """Measure everything that was chosen."""
    began, load_before = time.monotonic(), os.getloadavg()[0]
    effort = QUICK if chosen.quick else FULL
    rounds = chosen.rounds or effort.rounds

    def progress(text: str) -> None:
        status.update(text)

    with console.status("the decision alone") as status:
        decision, living, steps, verified = [], [], [], []
        if not chosen.no_decision:
            decision = await measure_all(effort.listed_grid, effort.rules_grid)
            progress("one verification alone")
            verified = await measure_verify(effort.verify)
        if not chosen.no_living:
            progress("start, and changes in force")
            living = [await measure_apart(chosen.rules, listed) for listed in effort.living]
        if effort.steps:
            progress("steps of the dialplan")
            steps = await measure_told(effort.steps)
        progress(f"starting, with {chosen.rules:,} rules and {chosen.listed:,} listed numbers")
        async with bench(chosen.rules, chosen.listed, chosen.only) as up:
            calls = await run_rounds(up.place, up.ways, effort.rates, rounds, progress)
            held = []
            if effort.climb and not chosen.no_climb:
                main = [way for way in up.ways if way.main]
                held = await climb(
                    up.place, main, _carried(calls), CLIMB_SECONDS, progress, effort.climb
                )
            machine = this_machine(up.versions(), load_before)
            start_seconds = up.start_seconds
    return Results(
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=" ".join(["python -m benchmarks", *sys.argv[1:]]),
        seconds=time.monotonic() - began, machine=machine, rules=chosen.rules,
        listed=chosen.listed, rounds=rounds, start_seconds=start_seconds, calls=calls, held=held,
        decision=decision, living=living, steps=steps, verified=verified,
    )  # fmt: skip


def _carried(calls: Collection[Measured]) -> dict[str, float]:
    """The highest rate of the rounds at which each way lost nothing: where to look on.

    A way that lost calls at every rate begins at the lowest.
    """
    found = {each.way: min(other.rate for other in calls) for each in calls}
    for each in calls:
        if not each.lost and not each.unexpected:
            found[each.way] = max(each.rate, found[each.way])
    return found


def main() -> int:
    """Measure, show, save; 1 and one line where something did not come up."""
    chosen = options(sys.argv[1:])
    console = Console()
    if (chosen.write_docs or chosen.page is not None) and (missing := page.why_not()):
        print(f"benchmarks: {missing}", file=sys.stderr)
        return 1
    try:
        if chosen.page is not None:
            print(f"written: {page.write(load(chosen.page))}")
            return 0
        results = asyncio.run(asyncio.wait_for(run(chosen, console), LIMIT_SECONDS))
    except (LabError, StageError, ChildError, ResultsError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except TimeoutError:
        print(f"benchmarks: not done within {LIMIT_SECONDS:.0f} s, given up", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    report.show(console, results)
    console.print(f"all figures: {save(results)}", soft_wrap=True)
    if chosen.write_docs:
        console.print(f"written: {page.write(results)}", soft_wrap=True)
    return 0
