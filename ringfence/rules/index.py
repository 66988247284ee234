"""Finds the rules that can concern a call without looking at the others; decides nothing.

Each rule hangs on one of its fields (caller, called or trunk) by all of that field's values, so a
call that meets none of them cannot match the rule. What hangs on nothing is always looked at.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ringfence.call import Call
from ringfence.rules.match import Key, Lists

if TYPE_CHECKING:
    from ringfence.numbers import Number
    from ringfence.rules.compile import Field

ANCHORS = ("caller", "called", "trunk")


class NumberIndex:
    """Ranks of the rules that hang on one number field (caller or called)."""

    def __init__(self) -> None:
        self.exact: defaultdict[int, list[int]] = defaultdict(list)
        self.prefixes: defaultdict[str, list[int]] = defaultdict(list)
        self.texts: defaultdict[str, list[int]] = defaultdict(list)
        self.lists: defaultdict[str, list[int]] = defaultdict(list)
        self.anonymous: list[int] = []
        self.ranges: list[tuple[int, int, int]] = []
        self.lengths: list[int] = []
        self._reach: list[int] = []

    def add(self, key: Key, rank: int) -> None:
        entry = key.entry
        if key.kind == "anonymous":
            self.anonymous.append(rank)
        elif key.kind == "list":
            self.lists[entry.text].append(rank)
        elif key.kind == "prefix":
            self.prefixes[entry.prefix].append(rank)
        elif key.kind == "text":
            self.texts[entry.text].append(rank)
        elif entry.first == entry.last:
            self.exact[entry.first].append(rank)
        else:
            self.ranges.append((entry.first, entry.last, rank))

    def freeze(self) -> None:
        """Make it ready for look-ups once all rules are in."""
        self.ranges.sort()
        self.lengths = sorted({len(prefix) for prefix in self.prefixes})
        farthest = 0
        for _, last, _ in self.ranges:
            farthest = max(farthest, last)
            self._reach.append(farthest)

    def find(self, number: Number, lists: Lists, now: float, into: list[int]) -> None:
        """Put the ranks of all rules that hang on this number into `into`."""
        for name, ranks in self.lists.items():
            numbers = lists.get(name)
            if numbers is not None and numbers.contains(number, now):
                into += ranks
        key = number.key
        if number.anonymous:
            into += self.anonymous
        if not key:
            into += self.texts.get(number.text, ())
            return
        if found := self.exact.get(key):
            into += found
        digits = number.e164[1:]
        for length in self.lengths:
            if found := self.prefixes.get(digits[:length]):
                into += found
        at = bisect_right(self.ranges, key, key=lambda span: span[0]) - 1
        while at >= 0 and self._reach[at] >= key:
            if self.ranges[at][1] >= key:
                into.append(self.ranges[at][2])
            at -= 1


class Index:
    """The index of one rule book."""

    def __init__(self) -> None:
        self.caller = NumberIndex()
        self.called = NumberIndex()
        self.trunks: defaultdict[str, list[int]] = defaultdict(list)
        self.always: list[int] = []
        self.lists_named: set[str] = set()

    def add(self, fields: Sequence[Field], rank: int) -> None:
        by_name = {field.name: field for field in fields}
        for field in fields:
            for value in (*field.wanted, *field.excluded):
                if value.key and value.key.kind == "list":
                    self.lists_named.add(value.key.entry.text)
        for name in ANCHORS:
            anchor = by_name.get(name)
            if anchor and anchor.wanted and all(value.key for value in anchor.wanted):
                for value in anchor.wanted:
                    assert value.key
                    self._hang(name, value.key, rank)
                return
        self.always.append(rank)

    def _hang(self, name: str, key: Key, rank: int) -> None:
        if name == "trunk":
            self.trunks[key.entry.text].append(rank)
        elif name == "caller":
            self.caller.add(key, rank)
        else:
            self.called.add(key, rank)

    def candidates(self, call: Call, lists: Lists, now: float) -> Iterable[int]:
        """Ranks of the rules to hold the call against, in order of evaluation."""
        found: list[int] = []
        self.caller.find(call.caller, lists, now, found)
        self.called.find(call.called, lists, now, found)
        found += self.trunks.get(call.trunk, ())
        if not found:
            return self.always
        return sorted({*found, *self.always})


def build_index(rules: Iterable[Sequence[Field]]) -> Index:
    """The index over rules given by their fields, in order of evaluation."""
    index = Index()
    for rank, fields in enumerate(rules):
        index.add(fields, rank)
    index.caller.freeze()
    index.called.freeze()
    return index
