"""A number list as a file or Redis holds it, entry by entry; knows neither of the two.

Other than `NumberList`, which answers whether a number is under an entry, this tells entries
apart: for exports in a fixed order, and for the difference between two states of a list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from pyroaring import BitMap64

from ringfence.lists import Entry, parse_entry

_PLAIN = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_PENDING = 10_000
SAME_MOMENT = 0.001
"""Seconds: a file says microseconds, and Redis has a binary fraction."""
_LAST_MOMENT = 253_402_300_799.0
"""The year 9999: what runs out later is there for good."""


class ListContents:
    """Entries with their expiry (inf: never), each once, in canonical text.

    A number without expiry takes some 10 bytes, everything else a hundred or two.
    """

    def __init__(self) -> None:
        self._numbers = BitMap64()
        self._pending: list[int] = []
        self._others: dict[str, float] = {}

    def __len__(self) -> int:
        self._settle()
        return len(self._numbers) + len(self._others)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Always in the same order: numbers by their digits, then all else as text sorts."""
        self._settle()
        for number in self._numbers:
            yield f"+{number}", math.inf
        yield from sorted(self._others.items())

    def add(self, text: str, expires: float = math.inf) -> None:
        """Put an entry in, or set its expiry anew. ValueError where `text` is no entry."""
        if expires > _LAST_MOMENT:
            expires = math.inf
        if expires == math.inf and _PLAIN.fullmatch(text):
            # nearly every entry of a long list
            self._others.pop(text, None)
            self._add_number(int(text))
            return
        entry = parse_entry(text)
        number = _number(entry)
        if number and expires == math.inf:
            self._others.pop(entry.text, None)
            self._add_number(number)
            return
        if number:
            self._settle()
            self._numbers.discard(number)
        self._others[entry.text] = expires

    def expiry(self, text: str) -> float:
        """When an entry in canonical text runs out (inf: never); 0 where it is not in."""
        if (found := self._others.get(text)) is not None:
            return found
        self._settle()
        return math.inf if _PLAIN.fullmatch(text) and int(text) in self._numbers else 0.0

    def ranges(self) -> Iterator[tuple[str, float]]:
        """The entries that are ranges, which no look-up by text finds."""
        return ((text, until) for text, until in self._others.items() if "-" in text)

    @property
    def expiries(self) -> Mapping[str, float] | None:
        """The expiry of each entry that has one; None where none has."""
        dated = {text: until for text, until in self._others.items() if until != math.inf}
        return dated or None

    def without(self, other: ListContents) -> ListContents:
        """The entries that `other` has not, whatever their expiry."""
        self._settle()
        other._settle()
        result = ListContents()
        result._numbers = self._numbers - other._numbers
        for text in other._others:
            if _PLAIN.fullmatch(text):
                result._numbers.discard(int(text))
        result._others = {t: until for t, until in self._others.items() if not other.expiry(t)}
        return result

    def other_expiries(self, other: ListContents) -> dict[str, tuple[float, float]]:
        """Entries that both have, with another expiry: the one here and the one there."""
        found = {}
        for text in sorted(self._others.keys() | other._others.keys()):
            here, there = self.expiry(text), other.expiry(text)
            if here and there and here != there and not abs(here - there) < SAME_MOMENT:
                found[text] = here, there
        return found

    def _add_number(self, number: int) -> None:
        self._pending.append(number)
        if len(self._pending) >= _PENDING:
            self._settle()

    def _settle(self) -> None:
        # one by one a bitmap takes three times as long
        self._numbers.update(self._pending)
        self._pending = []


def _number(entry: Entry) -> int:
    return entry.first if entry.first == entry.last else 0
