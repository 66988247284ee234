"""Owns the search for the highest rate that each way carries; it must not know what a way is.

Up by steps of 1.4 until a rate is not carried, then halving the step. Every way in turn takes one
step, so that a machine that gets slower meanwhile does so for everybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from benchmarks.load import Leg
from benchmarks.paths import Way
from benchmarks.rounds import Place, percentile

STEP = 1.4
FINE = 1.05
LOWEST, HIGHEST = 5.0, 20_000.0
QUEUE_MS = 100.0
BEHIND = 0.95
"""Of the rate that was asked for: a load generator slower than that is what could not keep up."""


class Held(msgspec.Struct):
    """The highest rate at which every call had its right answer in time, and the next tried.

    `cores` is how much of a core each process took at the highest rate held.
    """

    way: str
    title: str
    rate: float = 0.0
    failed_at: float = 0.0
    why: str = ""
    cores: dict[str, float] = {}


class Search:
    """One way's search."""

    def __init__(self, way: Way, start: float) -> None:
        self.way = way
        self.held = Held(way.name, way.title)
        self._start = start
        self._doubted = False

    @property
    def next_rate(self) -> float:
        """What to try next; 0 where there is nothing left to find out."""
        good, bad = self.held.rate, self.held.failed_at
        if not bad:
            rate = good * STEP if good else self._start
        elif not good:
            rate = bad / STEP
        else:
            rate = (good * bad) ** 0.5 if bad / good > FINE else 0.0
        rate = float(round(rate / 5) * 5)
        return rate if LOWEST <= rate <= HIGHEST and rate not in (good, bad) else 0.0

    def tell(self, rate: float, leg: Leg, seconds: float) -> None:
        """What came of it. A rate is given up when it failed twice: the machine has its moods."""
        why = not_carried(self.way, rate, leg)
        if not why:
            self.held.rate = rate
            self.held.cores = {name: round(each / seconds, 2) for name, each in leg.cpu.items()}
        elif self._doubted:
            self.held.failed_at, self.held.why = rate, why
        self._doubted = bool(why) and not self._doubted


def not_carried(way: Way, rate: float, leg: Leg) -> str:
    """Why this rate is more than the way carries; empty where it carries it.

    A short leg's calls may all be answered although more come than go, so a queue counts too.
    """
    calls = sum(leg.statuses.values())
    if leg.lost:
        return f"{leg.lost} of {calls} lost"
    if wrong := calls - leg.statuses.get(way.expected, 0):
        return f"{wrong} of {calls} answered wrongly"
    if percentile(leg.setup_ms[-(calls // 4) :], 0.5) > QUEUE_MS:
        return "a queue grew"
    return f"only {leg.offered:.0f} offered" if leg.offered < BEHIND * rate else ""


async def climb(
    place: Place, ways: Sequence[Way], starts: Mapping[str, float], seconds: float,
    progress: Callable[[str], None], within: float,
) -> list[Held]:  # fmt: skip
    """The highest rates; `starts` has a rate for each way to begin with.

    After `within` seconds the ways that are still open keep the step they have.
    """
    searches = [Search(way, starts.get(way.name, LOWEST)) for way in ways]
    until = time.monotonic() + within
    while time.monotonic() < until:
        open_ones = [each for each in searches if each.next_rate]
        if not open_ones:
            break
        for search in open_ones:
            rate = search.next_rate
            progress(f"calls held: {search.way.title}, {rate:.0f} calls/s")
            leg = await place(search.way, rate, seconds, 0)
            search.tell(rate, leg, seconds)
    return [each.held for each in searches]
