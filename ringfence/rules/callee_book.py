"""All called customers' choices as one immutable book; finds whose number was called.

Knows no store. What is the same in two books is shared between them as far as that is cheap: a
change among a hundred thousand customers costs the copies of a few small tables. Nothing in it can
be part of a cycle, so the garbage collector is spared the walk over all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec

from ringfence.call import Call
from ringfence.lists import Entry
from ringfence.numbers import Number
from ringfence.rules.callees import Callee, CompiledCallee, compile_callee
from ringfence.rules.choice import NO_CHOICE, Choice, released_by
from ringfence.rules.match import Lists


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Whose a number is. `width` is how many numbers a range has, 0 where it is none; `size` the
    length of its numbers, the + included. The narrowest comes first, then the lower id."""

    width: int
    id: str
    size: int
    owner: CompiledCallee


Claims = tuple[Claim, ...]
Table = dict[int | str, Claims]
_NONE: Claims = ()
_order = attrgetter("width", "id")
SHARDS = 256
"""Exact numbers are spread over so many tables: a change copies those that it touches."""


class CalleeBook:
    """Never changed once made; `changed` makes another.

    An exact number counts before a prefix, the longest prefix before a range, the narrowest range
    before others. Of two that claim the same the lower id counts.
    """

    def __init__(self, exact: Sequence[Table], stems: Table, lengths: Counter[int]) -> None:
        self._exact = exact
        # Prefixes, and ranges cut into prefixes: both are found by the first digits of a number.
        # Short codes are among them: they have no + in front.
        self._stems = stems
        self._lengths = lengths
        self._longest_first = sorted(lengths, reverse=True)

    def choice(self, call: Call, lists: Lists, now: float) -> Choice:
        """What the called customer has chosen for this call, and whether its caller was released;
        `NO_CHOICE` where neither has a word on it."""
        owner = self.owner(call.called)
        released = released_by(call, lists, now)
        if owner is None:
            return Choice(released=released) if released else NO_CHOICE
        allowed = owner.allow.test(call, lists, now) if owner.allow else ""
        blocked = owner.block.test(call, lists, now) if owner.block and not allowed else ""
        return Choice(owner.id, allowed, blocked, owner.callee.analytics, released)

    def owner(self, called: Number) -> CompiledCallee | None:
        """Whose number this is."""
        key, stems = called.key, self._stems
        if not key:
            found = stems.get(called.text)
            return found[0].owner if found else None
        if found := self._exact[key % SHARDS].get(key):
            return found[0].owner
        best: Claim | None = None
        e164 = called.e164
        for length in self._longest_first:
            for claim in stems.get(e164[:length], _NONE):
                if not claim.width:
                    return claim.owner
                if claim.size == len(e164):
                    best = claim if best is None else min(best, claim, key=_order)
                    break
        return best.owner if best else None

    @property
    def list_names(self) -> frozenset[str]:
        """The lists that callees name, whether or not they exist."""
        return frozenset(
            name
            for table in (*self._exact, self._stems)
            for claims in table.values()
            for claim in claims
            for name in claim.owner.list_names
        )

    def changed(self, gone: Iterable[CompiledCallee], new: Iterable[CompiledCallee]) -> CalleeBook:
        """Another book: this one without `gone` and with `new`."""
        draft = _Draft(self._exact, self._stems, self._lengths)
        for owner in gone:
            for entry in owner.entries:
                draft.take_out(owner, entry)
        for owner in new:
            for entry in owner.entries:
                draft.put_in(owner, entry)
        return CalleeBook(draft.exact, draft.stems, +draft.lengths)


class _Draft:
    """Tables on their way to another book: what is not touched stays that of the first."""

    def __init__(self, exact: Sequence[Table], stems: Table, lengths: Counter[int]) -> None:
        self.exact = list(exact)
        self.stems = stems
        self.lengths = lengths.copy()
        self._own: set[int] = set()

    def put_in(self, owner: CompiledCallee, entry: Entry) -> None:
        """A number, prefix or range is this owner's."""
        width = 0 if entry.prefix else entry.last - entry.first and entry.last - entry.first + 1
        claim = Claim(width, owner.id, len(f"+{entry.last}"), owner)
        table = self._table_of(entry)
        for key in _keys_of(entry):
            claims = table.get(key, _NONE)
            table[key] = tuple(sorted((*claims, claim), key=_order)) if claims else (claim,)
            if not claims and isinstance(key, str) and key[0] == "+":
                self.lengths[len(key)] += 1

    def take_out(self, owner: CompiledCallee, entry: Entry) -> None:
        """It no longer is. Two entries of one owner may meet under a key: both go at once."""
        table = self._table_of(entry)
        for key in _keys_of(entry):
            claims = table.pop(key, _NONE)
            if left := tuple(claim for claim in claims if claim.id != owner.id):
                table[key] = left
            elif claims and isinstance(key, str) and key[0] == "+":
                self.lengths[len(key)] -= 1

    def _table_of(self, entry: Entry) -> Table:
        at = entry.first % SHARDS if entry.first and entry.first == entry.last else -1
        if at not in self._own:
            self._own.add(at)
            if at < 0:
                self.stems = self.stems.copy()
            else:
                self.exact[at] = self.exact[at].copy()
        return self.stems if at < 0 else self.exact[at]


def _keys_of(entry: Entry) -> Iterator[int | str]:
    """A number or short code itself, a prefix itself; of a range the prefixes that make it up: 100
    to 129 are 10, 11 and 12."""
    if entry.prefix:
        yield "+" + entry.prefix
        return
    if entry.first == entry.last:
        yield entry.first or entry.text
        return
    at = entry.first
    while at <= entry.last:
        step = 1
        while at % (step * 10) == 0 and at + step * 10 - 1 <= entry.last:
            step *= 10
        yield f"+{at // step}"
        at += step


def compile_callees(callees: Mapping[str, Callee]) -> CalleeBook:
    """The book of these callees, by id. ValueError where one of them is not in order."""
    return EMPTY_CALLEES.changed((), (compile_callee(*item) for item in callees.items()))


EMPTY_CALLEES = CalleeBook([{}] * SHARDS, {}, Counter())
