"""Numbers that two callees claim, where nothing but the order of their ids says whose they are.

Pure. A number inside a prefix of somebody else's, or a range inside a wider one, is no such thing:
there the narrower counts, and is meant to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ringfence.rules.callees import CompiledCallee


class Overlap(NamedTuple):
    """`entry` is what both claim; `counts` has it, `other` has not."""

    entry: str
    counts: str
    other: str

    def __str__(self) -> str:
        return (
            f"{self.entry} is claimed by callees {self.counts} and {self.other}: the first has it"
        )


class _Range(NamedTuple):
    digits: int
    first: int
    last: int
    id: str


def overlaps_of(callees: Iterable[CompiledCallee]) -> Iterator[Overlap]:
    """All of them, in the order of callees' ids and then of numbers."""
    owners: dict[str, str] = {}
    ranges: list[_Range] = []
    for owner in sorted(callees, key=lambda each: each.id):
        for entry in owner.entries:
            if entry.first != entry.last:
                ranges.append(_Range(len(str(entry.first)), entry.first, entry.last, owner.id))
            elif (first := owners.setdefault(entry.text, owner.id)) != owner.id:
                yield Overlap(entry.text, first, owner.id)
    yield from _crossing(ranges)


def _crossing(ranges: list[_Range]) -> Iterator[Overlap]:
    around: list[_Range] = []
    for each in sorted(ranges, key=lambda one: (one.digits, one.first, -one.last, one.id)):
        while around and (around[-1].digits != each.digits or around[-1].last < each.first):
            around.pop()
        for other in around:
            same = (other.first, other.last) == (each.first, each.last)
            if other.id != each.id and (same or other.first < each.first <= other.last < each.last):
                # the narrower range counts, as in the book of callees; of two as wide the lower id
                counts, loses = sorted(
                    (other, each), key=lambda one: (one.last - one.first, one.id)
                )
                common = f"+{each.first}-+{min(each.last, other.last)}"
                yield Overlap(common, counts.id, loses.id)
        around.append(each)
