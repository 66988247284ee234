"""Owns the order of rounds and the statistics over them; it must not know what a way is made of.

Rounds are interleaved, A B C A B C, and what is compared is compared within a round, so that a
machine that gets slower meanwhile does so for everybody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from statistics import median

import msgspec

from benchmarks.load import Leg
from benchmarks.paths import Way

Place = Callable[[Way, float, float, int], Awaitable[Leg]]


class Measured(msgspec.Struct):
    """One way at one rate, over all rounds: milliseconds, and calls that went wrong.

    `ratio` is p50 by the floor's p50, `ratio_p99` likewise, each the median of the rounds' own.
    """

    way: str
    title: str
    rate: float
    calls: int
    lost: int
    unexpected: int
    p50: float
    p99: float
    p50_rounds: list[float]
    p99_rounds: list[float]
    floor: str = ""
    ratio: float = 0.0
    ratio_p99: float = 0.0
    ratio_rounds: list[float] = []
    floor_lost: int = 0
    bar: float = 0.0


class Held(msgspec.Struct):
    """The highest of the tried rates at which every call had its right answer, and the next."""

    way: str
    title: str
    rate: float
    failed_at: float


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
    for way in ways:
        await place(way, 100.0, 1.0, 0)  # warm
    for turn in range(rounds):
        for rate, seconds in rates.items():
            progress(f"round {turn + 1} of {rounds}, {rate:.0f} calls/s")
            for way in ways:
                leg = await place(way, rate, seconds, int(turn * rate * seconds))
                legs.setdefault((way.name, rate), []).append(leg)
    return [_measured(way, rate, legs) for rate in rates for way in ways]


def _measured(way: Way, rate: float, legs: dict[tuple[str, float], list[Leg]]) -> Measured:
    mine = legs[way.name, rate]
    p50, p99 = _rounds(mine, 0.5), _rounds(mine, 0.99)
    calls = sum(sum(leg.statuses.values()) for leg in mine)
    answered = sum(leg.statuses.get(way.expected, 0) for leg in mine)
    silent = sum(leg.statuses.get(0, 0) for leg in mine)
    out = Measured(
        way.name, way.title, rate, calls, sum(leg.lost for leg in mine), calls - answered - silent,
        median(p50), median(p99), p50, p99, way.floor, bar=way.bar,
    )  # fmt: skip
    if floor := legs.get((way.floor, rate)):
        out.ratio_rounds = _ratios(p50, _rounds(floor, 0.5))
        out.floor_lost = sum(leg.lost for leg in floor)
        out.ratio = median(out.ratio_rounds)
        out.ratio_p99 = median(_ratios(p99, _rounds(floor, 0.99)))
    return out


def _rounds(legs: Sequence[Leg], share: float) -> list[float]:
    return [round(percentile(leg.setup_ms, share), 3) for leg in legs]


def _ratios(mine: Sequence[float], floor: Sequence[float]) -> list[float]:
    return [round(a / b, 3) if b else 0.0 for a, b in zip(mine, floor, strict=True)]


async def climb(
    place: Place, ways: Sequence[Way], rates: Sequence[float], seconds: float,
    progress: Callable[[str], None],
) -> list[Held]:  # fmt: skip
    """Raise the rate for every way in turn until a call is lost or answered wrongly."""
    held = {way.name: Held(way.name, way.title, 0.0, 0.0) for way in ways}
    for rate in rates:
        for way in ways:
            mine = held[way.name]
            if mine.failed_at:
                continue
            progress(f"calls held: {way.title}, {rate:.0f} calls/s")
            leg = await place(way, rate, seconds, 0)
            if leg.lost or set(leg.statuses) != {way.expected}:
                mine.failed_at = rate
            else:
                mine.rate = rate
    return list(held.values())
