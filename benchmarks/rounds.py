"""Owns the order of rounds and the statistics over them; it must not know what a way is made of.

Rounds are interleaved, A B C A B C, and what is compared is compared within a round, so that a
machine that gets slower meanwhile does so for everybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from statistics import median

import msgspec

from benchmarks.load import Leg
from benchmarks.paths import Way

Place = Callable[[Way, float, float, int], Awaitable[Leg]]
SATURATED = 0.1
"""Of a leg's calls without the right answer: such a rate, and higher ones, are not tried again."""


class Measured(msgspec.Struct):
    """One way at one rate, over all rounds: milliseconds, and calls that went wrong.

    `ratio` is p50 by the floor's p50, `ratio_p99` likewise, each the median of the rounds' own.
    `adds_rounds` are the milliseconds by which p50 is above the floor's, `adds` how many it may be.
    `cpu_us` is what one call took of each process's processor time.
    """

    way: str
    title: str
    rate: float
    calls: int
    lost: int
    unexpected: int
    p50: float
    p95: float
    p99: float
    p50_rounds: list[float]
    p99_rounds: list[float]
    floor: str = ""
    ratio: float = 0.0
    ratio_p99: float = 0.0
    ratio_rounds: list[float] = []
    floor_lost: int = 0
    bar: float = 0.0
    cpu_us: dict[str, float] = {}
    main: bool = False
    adds: float = 0.0
    adds_rounds: list[float] = []

    @property
    def saturated(self) -> bool:
        """More than could be carried: its latency is that of a queue that grew."""
        return self.lost + self.unexpected > SATURATED * self.calls


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed (nearest rank); 0 where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


async def run_rounds(
    place: Place, ways: Sequence[Way], rates: dict[float, float], rounds: int,
    progress: Callable[[str], None],
) -> list[Measured]:  # fmt: skip
    """All ways at all `rates` (calls per second → seconds), `rounds` times."""
    legs: dict[tuple[str, float], list[Leg]] = {}
    too_much: dict[str, float] = {}
    for way in ways:
        await place(way, 50.0, 0.5, 0)  # warm
    for turn in range(rounds):
        for rate, seconds in rates.items():
            for way in ways:
                if rate >= too_much.get(way.name, float("inf")):
                    continue
                progress(f"round {turn + 1} of {rounds}, {rate:.0f} calls/s, {way.title}")
                leg = await place(way, rate, seconds, int(turn * rate * seconds))
                legs.setdefault((way.name, rate), []).append(leg)
                if _missed(way, leg) > SATURATED * sum(leg.statuses.values()):
                    too_much[way.name] = rate
    return [
        _measured(way, rate, legs) for rate in rates for way in ways if (way.name, rate) in legs
    ]


def _missed(way: Way, leg: Leg) -> int:
    return max(leg.lost, sum(leg.statuses.values()) - leg.statuses.get(way.expected, 0))


def _measured(way: Way, rate: float, legs: dict[tuple[str, float], list[Leg]]) -> Measured:
    mine = legs[way.name, rate]
    p50, p95, p99 = (_rounds(mine, share) for share in (0.5, 0.95, 0.99))
    calls = sum(sum(leg.statuses.values()) for leg in mine)
    answered = sum(leg.statuses.get(way.expected, 0) for leg in mine)
    silent = sum(leg.statuses.get(0, 0) for leg in mine)
    spent = sum((Counter(leg.cpu) for leg in mine), Counter[str]())
    out = Measured(
        way.name, way.title, rate, calls, sum(leg.lost for leg in mine), calls - answered - silent,
        median(p50), median(p95), median(p99), p50, p99, way.floor, bar=way.bar, main=way.main,
        cpu_us={name: round(seconds / calls * 1e6, 1) for name, seconds in spent.items()},
        adds=way.adds,
    )  # fmt: skip
    if floor := legs.get((way.floor, rate)):
        out.ratio_rounds = _ratios(p50, _rounds(floor, 0.5))
        pairs = zip(p50, _rounds(floor, 0.5), strict=False)
        out.adds_rounds = [round(mine - below, 3) for mine, below in pairs]
        out.floor_lost = sum(leg.lost for leg in floor)
        out.ratio = median(out.ratio_rounds)
        out.ratio_p99 = median(_ratios(p99, _rounds(floor, 0.99)))
    return out


def _rounds(legs: Sequence[Leg], share: float) -> list[float]:
    return [round(percentile(leg.setup_ms, share), 3) for leg in legs]


def _ratios(mine: Sequence[float], floor: Sequence[float]) -> list[float]:
    # A way that was given up has fewer rounds than its floor, the first ones.
    return [round(a / b, 3) if b else 0.0 for a, b in zip(mine, floor, strict=False)]
