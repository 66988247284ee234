"""Finds the rules that can concern a call without looking at the others; decides nothing.

Each rule hangs on one of its fields (caller, called or trunk) by all of that field's values, so a
call that meets none of them cannot match the rule. What hangs on nothing is always looked at.

An index is never changed once made. `changed` makes another that shares whatever is the same, so
that one rule among ten thousand costs copies of a few tables and not a new index.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ringfence.call import Call
from ringfence.lists import Entry
from ringfence.rules.match import Key, Lists

if TYPE_CHECKING:
    from ringfence.numbers import Number
    from ringfence.rules.compile import CompiledRule

ANCHORS = ("caller", "called", "trunk")
_ALWAYS = ("", Key("always", Entry("")))
_order = attrgetter("order")

Rules = tuple["CompiledRule", ...]
Table = dict[Any, Rules]
Change = tuple[list["CompiledRule"], list["CompiledRule"]]
Changes = dict[Any, Change]
"""What is looked up → the rules taken off and the rules hung on; by table in `ByTable`."""
ByTable = defaultdict[str, Changes]


class NumberIndex:
    """The rules that hang on one number field (caller or called), in one table for each kind."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._lists: Table = {}
        self._exact: Table = {}
        self._prefixes: Table = {}
        self._ranges: Table = {}
        self._lengths: list[int] = []
        self._spans: list[tuple[int, int]] = []
        self._starts: list[int] = []
        self._reach: list[int] = []

    def changed(self, changes: ByTable) -> NumberIndex:
        """The index with other rules in it."""
        if not changes:
            return self
        new = NumberIndex()
        new._tables = self._tables | {
            kind: _rehung(self._tables.get(kind, {}), some) for kind, some in changes.items()
        }
        new._lists = new._tables.get("list", {})
        new._exact = new._tables.get("exact", {})
        new._prefixes = new._tables.get("prefix", {})
        new._ranges = new._tables.get("range", {})
        new._lengths, new._spans = self._lengths, self._spans
        new._starts, new._reach = self._starts, self._reach
        if "prefix" in changes:
            new._lengths = sorted({len(prefix) for prefix in new._prefixes})
        if "range" in changes:
            stay = [span for span in self._spans if span in new._ranges]
            come = (s for s in changes["range"] if s in new._ranges and s not in self._ranges)
            new._spans = sorted([*stay, *come])
            new._starts = [first for first, _ in new._spans]
            # The farthest end among the ranges up to each bounds how far back to look.
            new._reach = list(accumulate((last for _, last in new._spans), max))
        return new

    def find(self, number: Number, lists: Lists, now: float, into: list[CompiledRule]) -> None:
        """Put all rules that hang on this number into `into`."""
        if not self._tables:
            return
        for name, rules in self._lists.items():
            numbers = lists.get(name)
            if numbers is not None and numbers.contains(number, now):
                into += rules
        key = number.key
        if number.anonymous:
            # also with a number: a withheld one is both
            into += self._tables.get("anonymous", {}).get("anonymous", ())
        if not key:
            into += self._tables.get("text", {}).get(number.text, ())
            return
        if found := self._exact.get(key):
            into += found
        if self._lengths:
            digits = number.e164[1:]
            for length in self._lengths:
                if found := self._prefixes.get(digits[:length]):
                    into += found
        at = bisect_right(self._starts, key) - 1
        while at >= 0 and self._reach[at] >= key:
            if self._spans[at][1] >= key:
                into += self._ranges[self._spans[at]]
            at -= 1


class Index:
    """The index of one rule book."""

    def __init__(self) -> None:
        self._caller = NumberIndex()
        self._called = NumberIndex()
        self._trunks: Table = {}
        self._always: Rules = ()
        self._size = 0

    def __len__(self) -> int:
        """How many rules hang here."""
        return self._size

    def changed(self, gone: Iterable[CompiledRule], new: Iterable[CompiledRule]) -> Index:
        """The index without the rules `gone` and with `new`."""
        fields: defaultdict[str, ByTable] = defaultdict(lambda: defaultdict(dict))
        size = self._size
        for which, rules in enumerate((gone, new)):
            for rule in rules:
                size += 1 if which else -1
                for field, key in _hooks(rule):
                    kind, sought = _place(key)
                    fields[field][kind].setdefault(sought, ([], []))[which].append(rule)
        index = Index()
        index._size = size
        index._caller = self._caller.changed(fields["caller"])
        index._called = self._called.changed(fields["called"])
        index._trunks, index._always = self._trunks, self._always
        if trunks := fields["trunk"]:
            index._trunks = _rehung(self._trunks, trunks["trunk"])
        if always := fields[""]:
            (change,) = always["always"].values()
            index._always = tuple(sorted(_revised(self._always, *change), key=_order))
        return index

    def candidates(self, call: Call, lists: Lists, now: float) -> Sequence[CompiledRule]:
        """The rules to hold the call against, in order of evaluation."""
        found: list[CompiledRule] = []
        self._caller.find(call.caller, lists, now, found)
        self._called.find(call.called, lists, now, found)
        found += self._trunks.get(call.trunk, ())
        if not found:
            return self._always
        # A rule may have been found by several of its values.
        once = {rule.order: rule for rule in (*found, *self._always)}
        return [once[order] for order in sorted(once)]


def _hooks(rule: CompiledRule) -> Iterable[tuple[str, Key]]:
    by_name = {field.name: field for field in rule.fields}
    for name in ANCHORS:
        anchor = by_name.get(name)
        if anchor and anchor.wanted:
            keys = [value.key for value in anchor.wanted if value.key]
            if len(keys) == len(anchor.wanted):
                # each once: a value may be written twice
                return dict.fromkeys((name, key) for key in keys)
    return (_ALWAYS,)


def _place(key: Key) -> tuple[str, Any]:
    """The table for a key, and what is looked up there."""
    entry = key.entry
    if key.kind == "prefix":
        return "prefix", entry.prefix
    if key.kind != "range":
        return key.kind, entry.text
    if entry.first == entry.last:
        return "exact", entry.first
    return "range", (entry.first, entry.last)


def _rehung(table: Table, changes: Changes) -> Table:
    table = table.copy()
    for sought, change in changes.items():
        if rules := _revised(table.get(sought, ()), *change):
            table[sought] = rules
        else:
            table.pop(sought, None)
    return table


def _revised(rules: Rules, gone: list[CompiledRule], new: list[CompiledRule]) -> Rules:
    if gone:
        ids = {rule.rule.id for rule in gone}
        rules = tuple(rule for rule in rules if rule.rule.id not in ids)
    return (*rules, *new)
