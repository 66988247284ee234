"""Rounds are interleaved, and a way that cannot keep up does not hold the others up."""

from __future__ import annotations

from benchmarks.load import Leg
from benchmarks.paths import Way
from benchmarks.rounds import run_rounds

FAST = Way("none", "fast", "bench-none", (), floor="")
SLOW = Way("slow", "slow", "bench-slow", ())
RATES = {50.0: 1.0, 100.0: 1.0, 200.0: 1.0}


async def test_a_saturated_way_is_not_tried_again_at_that_rate_or_above() -> None:
    placed: list[tuple[str, float]] = []

    async def place(way: Way, rate: float, seconds: float, offset: int) -> Leg:
        placed.append((way.name, rate))
        calls = int(rate * seconds)
        lost = calls // 2 if way is SLOW and rate >= 100 else 0
        return Leg([2.0] * (calls - lost), {603: calls - lost, 0: lost}, lost, rate)

    measured = await run_rounds(place, [FAST, SLOW], RATES, 2, lambda text: None)

    warm, timed = placed[:2], placed[2:]
    assert {rate for _, rate in warm} == {50.0}
    assert timed.count(("slow", 50.0)) == 2
    assert timed.count(("slow", 100.0)) == 1
    assert ("slow", 200.0) not in timed
    assert timed.count(("none", 200.0)) == 2
    saturated = {(each.way, each.rate) for each in measured if each.saturated}
    assert saturated == {("slow", 100.0)}


async def test_a_ratio_is_taken_within_a_round() -> None:
    speeds = {FAST.name: iter([1.0, 1.0, 4.0]), SLOW.name: iter([2.0, 2.0, 8.0])}

    async def place(way: Way, rate: float, seconds: float, offset: int) -> Leg:
        return Leg([next(speeds[way.name])] * 10, {603: 10}, 0, rate, {"Asterisk": 0.01})

    measured = await run_rounds(place, [FAST, SLOW], {100.0: 0.1}, 2, lambda text: None)

    slow = next(each for each in measured if each.way == "slow")
    assert slow.ratio_rounds == [2.0, 2.0]
    assert slow.cpu_us == {"Asterisk": 1000.0}
