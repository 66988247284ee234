"""Number lists: exact numbers, prefixes and ranges, each with an optional expiry.

Knows numbers, nothing of Redis or rules. Exact numbers without expiry live in a compressed
bitmap (5 to 15 bytes each); a look-up costs about a microsecond at any size. What takes long with
millions of them comes as a generator of small steps, so that calls are screened in between.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice
from typing import NamedTuple

import msgspec
from pyroaring import BitMap64

from ringfence.dated import DatedNumbers
from ringfence.numbers import Number

SPAN = 1 << 25
"""The stretch of numbers that is dealt with as a whole in one step: two milliseconds at most."""
LIST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
# The + may be left out only where the country code is plainly there, as in 12025550123: whoever
# writes 2025550123 means Washington, not Egypt (+20), and is told so.
_NUMBER = r"(?:\+(?=[1-9])|(?=1\d{10}(?!\d)))(\d{7,15})"
_EXACT = re.compile(_NUMBER, re.ASCII)
_PREFIX = re.compile(r"(?:\+(?=[1-9])|(?=1))(\d{1,15})\*", re.ASCII)
_RANGE = re.compile(rf"{_NUMBER}\s*-\s*{_NUMBER}", re.ASCII)
# A list may name what is dialled besides E.164: 911, 112, *67; 900* is a prefix without its +.
_SHORT = re.compile(r"(?!\d+\*\Z)[0-9*#]{2,6}", re.ASCII)


class Entry(NamedTuple):
    """One entry in canonical form: `first` == `last` is a number, `prefix` a prefix's digits."""

    text: str
    first: int = 0
    last: int = 0
    prefix: str = ""


def parse_entry(text: str) -> Entry:
    """Read ``+12025550123``, ``+1900*``, ``+12025550100-+12025550199``, or a short code ``911``.

    ValueError says in one line what an entry looks like.
    """
    text = text.strip()
    if match := _EXACT.fullmatch(text):
        number = int(match[1])
        return Entry(f"+{number}", number, number)
    if match := _PREFIX.fullmatch(text):
        return Entry(f"+{match[1]}*", prefix=match[1])
    if _SHORT.fullmatch(text):
        return Entry(text)
    if match := _RANGE.fullmatch(text):
        first, last = int(match[1]), int(match[2])
        if len(match[1]) != len(match[2]) or first > last:
            raise ValueError(f"{text[:80]!r}: a range ends with a larger number of the same length")
        return Entry(f"+{first}-+{last}" if first < last else f"+{first}", first, last)
    raise ValueError(
        f"{text[:80]!r} is no entry: write +12025550123, +1900* or +12025550100-+12025550199"
    )


class NumberList:
    """One list in memory. Changed in place: nothing here awaits, so no call sees a half change."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._numbers = BitMap64()
        self._dated = DatedNumbers()
        self._prefixes: dict[str, float] = {}
        self._lengths: Counter[int] = Counter()
        self._longest_first: list[int] = []
        self._ranges: dict[tuple[int, int], float] = {}
        self._starts: list[tuple[int, int]] = []
        self._reach: list[int] = []
        self._short: dict[str, float] = {}

    def __len__(self) -> int:
        return (
            len(self._numbers)
            + len(self._dated)
            + len(self._prefixes)
            + len(self._ranges)
            + len(self._short)
        )

    def add(self, entry: Entry, expires: float = math.inf) -> None:
        """Put an entry in, or set its expiry (Unix seconds) anew."""
        if entry.prefix:
            if entry.prefix not in self._prefixes:
                self._count_prefix(entry.prefix, 1)
            self._prefixes[entry.prefix] = expires
        elif not entry.first:
            self._short[entry.text] = expires
        elif entry.first != entry.last:
            span = (entry.first, entry.last)
            if span not in self._ranges:
                insort(self._starts, span)
                self._reach = []
            self._ranges[span] = expires
        else:
            self.extend_numbers((entry.first,), expires)

    def extend_numbers(self, numbers: Iterable[int], expires: float = math.inf) -> None:
        """Put many exact numbers in, or set their expiry anew; fastest when they come sorted."""
        if expires != math.inf:
            numbers = tuple(numbers)
            for number in numbers:
                self._numbers.discard(number)
            self._dated.put(numbers, expires)
            return
        if self._dated:
            numbers = tuple(numbers)
            for number in numbers:
                self._dated.discard(number)
        self._numbers.update(numbers)

    def remove(self, entry: Entry) -> None:
        """Take an entry out; nothing happens where it is not in."""
        if entry.prefix:
            if self._prefixes.pop(entry.prefix, None) is not None:
                self._count_prefix(entry.prefix, -1)
        elif not entry.first:
            self._short.pop(entry.text, None)
        elif entry.first != entry.last:
            span = (entry.first, entry.last)
            if self._ranges.pop(span, None) is not None:
                del self._starts[bisect_left(self._starts, span)]
                self._reach = []
        else:
            self._numbers.discard(entry.first)
            self._dated.discard(entry.first)

    def _count_prefix(self, prefix: str, by: int) -> None:
        length = len(prefix)
        self._lengths[length] += by
        if self._lengths[length] == max(by, 0):  # the first of its length, or the last
            self._longest_first = sorted(+self._lengths, reverse=True)

    def contains(self, number: Number, now: float) -> str:
        """The entry that the number is under at `now` (Unix seconds), as text; "" if none."""
        key = number.key
        if not key:
            return number.text if self._short.get(number.text, 0.0) > now else ""
        if key in self._numbers:
            return number.e164
        if self._dated and self._dated.until(key) > now:
            return number.e164
        if self._prefixes:
            digits = number.e164[1:]
            for length in self._longest_first:
                prefix = digits[:length]
                if self._prefixes.get(prefix, 0.0) > now:
                    return f"+{prefix}*"
        if self._starts:
            return self._range_of(key, now)
        return ""

    def _range_of(self, key: int, now: float) -> str:
        if not self._reach:
            # The farthest end among the ranges up to here bounds how far back to look.
            self._reach = list(accumulate((last for _, last in self._starts), max))
        at = bisect_right(self._starts, (key, math.inf)) - 1
        while at >= 0 and self._reach[at] >= key:
            first, last = span = self._starts[at]
            if last >= key and self._ranges[span] > now:
                return f"+{first}-+{last}"
            at -= 1
        return ""

    def entries(self) -> Iterator[tuple[str, float]]:
        """All entries with their expiry (inf: never), in canonical text."""
        for number in self._numbers:
            yield f"+{number}", math.inf
        for number, until in self._dated.items():
            yield f"+{number}", until
        for prefix, until in self._prefixes.items():
            yield f"+{prefix}*", until
        for (first, last), until in self._ranges.items():
            yield f"+{first}-+{last}", until
        for text, until in self._short.items():
            yield text, until

    def expire(self, now: float) -> Iterator[int]:
        """Drop what has run out, in small steps; each says how many entries went."""
        yield from self._dated.expire(now)
        others = [
            *(Entry("", prefix=each) for each, until in self._prefixes.items() if until <= now),
            *(Entry("", *span) for span, until in self._ranges.items() if until <= now),
            *(Entry(text) for text, until in self._short.items() if until <= now),
        ]
        for entry in others:
            self.remove(entry)
        yield len(others)

    def take_apart(self) -> Iterator[None]:
        """Give back the memory of a list that is no longer used, in small steps."""
        for start in self._spans():
            self._numbers.remove_range(start, start + SPAN)
            yield
        yield from self._dated.take_apart()

    def dump(self) -> Iterator[bytes]:
        """The list for a snapshot on disk in parts (msgpack), each as it is in its moment."""
        ranges = [(*span, until) for span, until in self._ranges.items()]
        yield msgspec.msgpack.encode(
            _Part(prefixes=self._prefixes, ranges=ranges, short=self._short)
        )
        for start in self._spans():
            numbers = self._numbers & BitMap64(range(start, start + SPAN))
            yield msgspec.msgpack.encode(_Part(numbers=numbers.serialize()))
        for until in self._dated.pieces():
            yield msgspec.msgpack.encode(_Part(until=until))

    def _spans(self) -> Iterator[int]:
        """Where each stretch begins that has numbers in it, also as numbers come and go."""
        start = 0
        while found := list(islice(self._numbers.iter_equal_or_larger(start), 1)):
            yield (start := found[0] // SPAN * SPAN)
            start += SPAN

    @classmethod
    def load(cls, name: str, parts: Iterable[bytes]) -> NumberList:
        """The list from a snapshot. ValueError where `parts` are no such thing."""
        result, numbers = cls(name), []
        try:
            for data in parts:
                part = msgspec.msgpack.decode(data, type=_Part)
                if part.numbers:
                    numbers.append(BitMap64.deserialize(part.numbers))
                for number, until in part.until.items():
                    result.extend_numbers((number,), until)
                result._prefixes |= part.prefixes
                result._ranges |= {(first, last): until for first, last, until in part.ranges}
                result._short |= part.short
        except Exception as error:  # pyroaring raises what it likes on damaged input
            raise ValueError(f"list {name}: the snapshot is damaged ({error})") from None
        while len(numbers) > 1:
            # By pairs: one after the other would walk over the first ones again and again.
            for one, other in zip(numbers[::2], numbers[1::2], strict=False):
                one |= other
            numbers = numbers[::2]
        if numbers:
            result._numbers = numbers[0]
        for prefix in result._prefixes:
            result._count_prefix(prefix, 1)
        result._starts = sorted(result._ranges)
        return result


class _Part(msgspec.Struct, array_like=True, omit_defaults=True):
    numbers: bytes = b""
    until: dict[int, float] = {}
    prefixes: dict[str, float] = {}
    ranges: list[tuple[int, int, float]] = []
    short: dict[str, float] = {}
