"""Counts calls in this process alone: what holds while Redis is away. Knows no Redis.

The windows are the same as in Redis (`scripts/count.lua`), and so is how time is read: a counter's
own time never runs back, unless a clock was set back by more than the window; then it begins anew.
Memory is bounded whatever callers do, and no call pays for what others have left behind.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence

from ringfence.rules.velocity import Demand

MOST_COUNTERS = 100_000
MOST_ENTRIES = 500_000
"""Calls kept in all counters together: 45 MB at most in rates, 95 MB in spreads. What was used
least recently goes first, and whoever calls too often is never that."""
MOST_MEMBERS = 10_000
"""Different values kept in one spread. A rule that wants more of them is met in Redis only."""


class _Rate:
    """When calls came, oldest first; what has run out goes some at a time."""

    __slots__ = ("times",)

    def __init__(self) -> None:
        self.times = array("d")

    def __len__(self) -> int:
        return len(self.times)

    @property
    def newest(self) -> float:
        return self.times[-1]

    def add(self, member: str, at: float, since: float, most: int) -> int:
        times = self.times
        times.append(at)
        gone = bisect_right(times, since)
        count = min(len(times) - gone, most)
        # Moving all that stay for each one that goes would cost as much as there are.
        if len(times) - count > 16 + count // 4:
            del times[: len(times) - count]
        return count


class _Spread:
    """What was seen and when last, oldest first."""

    __slots__ = ("newest", "seen")

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.newest = 0.0

    def __len__(self) -> int:
        return len(self.seen)

    def add(self, member: str, at: float, since: float, most: int) -> int:
        seen = self.seen
        seen.pop(member, None)
        seen[member] = self.newest = at
        too_many = len(seen) - min(most, MOST_MEMBERS)
        # Each was added by a call of its own, so on average one goes for one that comes.
        gone: list[str] = []
        for each, last in seen.items():
            if last > since and len(gone) >= too_many:
                break
            gone.append(each)
        for each in gone:
            del seen[each]
        return len(seen)


class LocalCounters:
    """All counters of this process, the least recently used first."""

    def __init__(
        self, *, most_counters: int = MOST_COUNTERS, most_entries: int = MOST_ENTRIES
    ) -> None:
        self._most_counters = most_counters
        self._most_entries = most_entries
        self._counters: OrderedDict[str, tuple[_Rate | _Spread, int]] = OrderedDict()
        self.entries = 0

    def __len__(self) -> int:
        return len(self._counters)

    def count(self, demands: Sequence[Demand], now: float) -> dict[str, int]:
        """Count one call. The answer has every demand's key."""
        counted = {demand.key: self._count(demand, now) for demand in demands}
        self._make_room(now)
        return counted

    def _count(self, demand: Demand, now: float) -> int:
        key, member, over, at_least = demand
        known = self._counters.pop(key, None)
        counter, at, before = None, now, 0
        if known is not None:
            counter, before = known[0], len(known[0])
            newest = counter.newest
            if now - over < newest <= now + over:
                at = max(now, newest)
            else:
                # Nothing in it counts any more, or a clock was set back.
                counter = None
        if counter is None:
            counter = _Spread() if member else _Rate()
        count = counter.add(member, at, at - over, at_least)
        self._counters[key] = counter, over
        self.entries += len(counter) - before
        return count

    def _make_room(self, now: float) -> None:
        """Drop what is too much, and two that have run out: twice as fast as they can come."""
        counters, tidied = self._counters, 0
        while counters:
            counter, over = next(iter(counters.values()))
            full = len(counters) > self._most_counters or self.entries > self._most_entries
            if not full:
                if tidied == 2 or counter.newest > now - over:
                    break
                tidied += 1
            counters.popitem(last=False)
            self.entries -= len(counter)
