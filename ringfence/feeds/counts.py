"""Complaints about numbers, by day, and which numbers have how many of late. Does no I/O.

A complaint counts for `WINDOW` days. So each number's entry in a list of a level runs out by
itself on the day on which it falls below it: a score decays without anything being done.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import msgspec

from ringfence.feeds.model import DAY
from ringfence.store.imports.entry_set import EntrySet

WINDOW = 90
LEVELS = (1, 5, 20)
MOST_PACKED = 256_000_000

Counts = dict[int, Counter[int]]
"""Day (of Unix time) → number → complaints."""


def day_number(now: float) -> int:
    """The day of a moment in UTC."""
    return int(now // DAY)


def pack(counts: Counts) -> bytes:
    """As a field of Redis: some 6 bytes for a number on a day."""
    days = []
    for day, of_day in sorted(counts.items()):
        numbers = sorted(of_day)
        steps = [b - a for a, b in zip([0, *numbers], numbers, strict=False)]
        days.append([day, steps, [of_day[number] for number in numbers]])
    return zlib.compress(msgspec.msgpack.encode(days))


def unpack(data: bytes) -> Counts:
    """What `pack` has made. ValueError where a hand has spoilt it."""
    try:
        opened = zlib.decompressobj()
        text = opened.decompress(data, MOST_PACKED)
        days: list[Any] = msgspec.msgpack.decode(text, type=list[tuple[int, list[int], list[int]]])
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"kept complaints cannot be read: {error}") from None
    return {
        day: Counter(dict(zip(accumulate(steps), of_each, strict=False)))
        for day, steps, of_each in days
    }


def without_old(counts: Counts, today: int) -> Counts:
    """Those days that still count."""
    return {day: of_day for day, of_day in counts.items() if today - WINDOW < day <= today}


def expiries(all_counts: Iterable[Counts], today: int) -> dict[int, list[tuple[EntrySet, float]]]:
    """Level → groups of numbers, and when those fall below that level if nobody complains again.

    A level stands and falls with one day's complaint: who has five or more is at that level for as
    long as the fifth newest counts.
    """
    days: defaultdict[int, list[tuple[array[int], array[int]]]] = defaultdict(list)
    for counts in all_counts:
        for day, of_day in without_old(counts, today).items():
            days[day].append((array("Q", of_day.keys()), array("Q", of_day.values())))
    found: dict[int, list[tuple[EntrySet, float]]] = {level: [] for level in LEVELS}
    totals: dict[int, int] = {}
    for day in sorted(days, reverse=True):
        reached: dict[int, EntrySet] = {level: EntrySet() for level in LEVELS}
        for numbers, complaints in days.pop(day):
            for number, more in zip(numbers, complaints, strict=True):
                before = totals.get(number, 0)
                totals[number] = before + more
                for level in LEVELS:
                    if before < level <= before + more:
                        reached[level].numbers.add(number)
        for level, entries in reached.items():
            if len(entries):
                found[level].append((entries, float((day + WINDOW) * DAY)))
    return found
