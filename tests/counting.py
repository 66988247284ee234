"""What counters must give, in the plainest words there are: for all tests of counters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count

from hypothesis import strategies as st

from ringfence.rules.velocity import Counted, Demand

Step = tuple[float, list[Demand]]


class PlainCounters:
    """Every call ever counted, in a list that is searched from end to end."""

    def __init__(self) -> None:
        self._calls: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        self._names = count()

    def count(self, demands: Sequence[Demand], now: float) -> Counted:
        return {demand.key: self._count(demand, now) for demand in demands}

    def _count(self, demand: Demand, now: float) -> int:
        calls = self._calls[demand.key]
        newest = max((at for at, _ in calls), default=now)
        if newest > now + demand.over:
            calls.clear()  # a clock was set back
            newest = now
        at = max(now, newest)
        calls.append((at, demand.member or f"call {next(self._names)}"))
        seen = {member for when, member in calls if when > at - demand.over}
        return min(len(seen), demand.at_least)


def rate(key: str = "r:rate:+12025550123", over: int = 60, at_least: int = 10) -> Demand:
    return Demand(key, "", over, at_least)


def spread(
    member: str, key: str = "s:spread:+12025550123", over: int = 60, at_least: int = 20
) -> Demand:
    return Demand(key, member, over, at_least)


_KINDS = [
    rate("a:rate:1", 60, 5),
    rate("a:rate:2", 60, 5),
    rate("b:rate:1", 3, 40),
    rate("c:rate:1", 5, 1),
    *(spread(member, "d:spread:1", 60, 4) for member in "abcdefg"),
    *(spread(member, "e:spread:1", 5, 50) for member in "abcdefg"),
]
_EACH_ONCE = st.lists(st.sampled_from(_KINDS), min_size=1, max_size=3, unique_by=lambda d: d.key)


def _in_time(steps: list[tuple[float, list[Demand]]]) -> list[Step]:
    now, placed = 1_800_000_000.0, []
    for wait, demands in steps:
        now += wait
        placed.append((now, demands))
    return placed


# Mostly onwards, by spans that meet the edges of windows; now and then a clock is set back.
_WAITS = st.one_of(
    st.sampled_from([0.0, 0.001, 1.0, 2.5, 3.0, 5.0, 20.0, 60.0, 61.0]),
    st.floats(0, 10),
    st.sampled_from([-0.5, -4.0, -5.0, -59.0, -60.0, -3_600.0, 3_600.0]),
)
STEPS = st.lists(st.tuples(_WAITS, _EACH_ONCE), max_size=60).map(_in_time)
