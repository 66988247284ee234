"""A set of list entries in a few bytes each, and the form that it has in Redis; does no I/O.

Entries are texts in canonical form. Expiries are not its concern: it says who brought what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, takewhile
from typing import NamedTuple

from pyroaring import BitMap, BitMap64

CHUNK_BITS = 16
"""Numbers that are alike but for these bits are in one field of the hash in Redis: 10 million
random numbers of +1 are 82 to a field, and take 3 bytes each."""
_LOW = (1 << CHUNK_BITS) - 1
_PLAIN = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_NUMBERS_FIELD = re.compile(rb"n(\d{1,11})")


class Repacked(NamedTuple):
    """What is to be written into a hash, and which fields of it are to go."""

    put: dict[str, bytes]
    cut: list[str]


class EntrySet:
    """Numbers, and all other entries as text."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.numbers = BitMap64()
        self.others: set[str] = set()
        self.update(texts)

    def update(self, texts: Iterable[str]) -> None:
        """Put entries in."""
        numbers = []
        for text in texts:
            if _PLAIN.fullmatch(text):
                numbers.append(int(text))
            else:
                self.others.add(text)
        self.numbers.update(numbers)

    def discard(self, texts: Iterable[str]) -> None:
        """Take entries out, those that are in."""
        gone = EntrySet(texts)
        self.numbers -= gone.numbers
        self.others -= gone.others

    def __len__(self) -> int:
        return len(self.numbers) + len(self.others)

    def __contains__(self, text: str) -> bool:
        return int(text) in self.numbers if _PLAIN.fullmatch(text) else text in self.others

    def __iter__(self) -> Iterator[str]:
        """Always in the same order: numbers by their digits, then all else as text sorts."""
        for number in self.numbers:
            yield f"+{number}"
        yield from sorted(self.others)

    def __or__(self, other: EntrySet) -> EntrySet:
        return _made(self.numbers | other.numbers, self.others | other.others)

    def __and__(self, other: EntrySet) -> EntrySet:
        return _made(self.numbers & other.numbers, self.others & other.others)

    def __sub__(self, other: EntrySet) -> EntrySet:
        return _made(self.numbers - other.numbers, self.others - other.others)

    def __xor__(self, other: EntrySet) -> EntrySet:
        return _made(self.numbers ^ other.numbers, self.others ^ other.others)

    def fields(self) -> Iterator[tuple[str, bytes]]:
        """All of it as fields of a hash."""
        for high, numbers in groupby(self.numbers, lambda number: number >> CHUNK_BITS):
            yield f"n{high}", _chunk(numbers)
        for text in sorted(self.others):
            yield text, b""

    def touched_fields(self) -> list[str]:
        """The names of the fields that these entries are in."""
        highs = groupby(self.numbers, lambda number: number >> CHUNK_BITS)
        return [f"n{high}" for high, _ in highs] + sorted(self.others)

    def repacked(self, touched: EntrySet) -> Repacked:
        """The fields that have anything of `touched` in them, as they are now."""
        found = Repacked({}, [])
        for high, _ in groupby(touched.numbers, lambda number: number >> CHUNK_BITS):
            numbers = list(self._numbers_of(high))
            if numbers:
                found.put[f"n{high}"] = _chunk(numbers)
            else:
                found.cut.append(f"n{high}")
        for text in sorted(touched.others):
            if text in self.others:
                found.put[text] = b""
            else:
                found.cut.append(text)
        return found

    def _numbers_of(self, high: int) -> Iterator[int]:
        above = self.numbers.iter_equal_or_larger(high << CHUNK_BITS)
        return takewhile(lambda number: number >> CHUNK_BITS == high, above)

    def take_fields(self, fields: Mapping[bytes, bytes]) -> None:
        """Put in what fields of a hash hold; a field that cannot be read holds nothing."""
        for field, value in fields.items():
            if match := _NUMBERS_FIELD.fullmatch(field):
                base = int(match[1]) << CHUNK_BITS
                self.numbers.update([base + low for low in _unpacked(value)])
            elif not field.startswith(b"n"):
                self.others.add(field.decode(errors="replace"))


def field_of(text: str) -> str:
    """The field of the hash that has an entry in it, if any has."""
    return f"n{int(text) >> CHUNK_BITS}" if _PLAIN.fullmatch(text) else text


def _chunk(numbers: Iterable[int]) -> bytes:
    chunk = BitMap([number & _LOW for number in numbers])
    chunk.run_optimize()
    packed: bytes = chunk.serialize()
    return packed


def _unpacked(value: bytes) -> BitMap:
    try:
        return BitMap.deserialize(value)
    except Exception:  # pyroaring raises what it likes on damaged input
        return BitMap()


def _made(numbers: BitMap64, others: set[str]) -> EntrySet:
    result = EntrySet()
    result.numbers, result.others = numbers, others
    return result
