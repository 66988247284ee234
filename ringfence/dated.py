"""Numbers that run out one day, each at its own time; knows nothing of what else a list holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pyroaring import BitMap64

PIECE = 1_000
"""Numbers that are looked at in one step."""


class DatedNumbers:
    """Number → expiry in Unix seconds, and by the minute of that what has to go when.

    What takes long with a million numbers comes as a generator of small steps, between which
    numbers may come and go.
    """

    def __init__(self) -> None:
        self._until: dict[int, float] = {}
        self._due: dict[float, BitMap64] = {}

    def __len__(self) -> int:
        return len(self._until)

    def until(self, number: int) -> float:
        """When a number runs out; 0 where it is not in."""
        return self._until.get(number, 0.0)

    def put(self, numbers: Sequence[int], expires: float) -> None:
        """Put numbers in, or set their expiry anew."""
        for number in numbers:
            if number in self._until:
                self.discard(number)
        self._until.update(dict.fromkeys(numbers, expires))
        if numbers:
            self._due.setdefault(_minute(expires), BitMap64()).update(numbers)

    def discard(self, number: int) -> None:
        """Take a number out; nothing happens where it is not in."""
        until = self._until.pop(number, None)
        if until is not None:
            minute = _minute(until)
            self._due[minute].discard(number)
            if not self._due[minute]:
                del self._due[minute]

    def items(self) -> Iterator[tuple[int, float]]:
        """All numbers with their expiry."""
        return iter(self._until.items())

    def expire(self, now: float) -> Iterator[int]:
        """Drop what has run out; each step says how many went."""
        for minute in [minute for minute in self._due if minute <= _minute(now)]:
            for some in _pieces(self._due.get(minute, BitMap64())):
                gone = [number for number in some if self.until(number) <= now]
                for number in gone:
                    self.discard(number)
                yield len(gone)

    def pieces(self) -> Iterator[dict[int, float]]:
        """All numbers with their expiry, a few at a time."""
        for due in list(self._due.values()):
            for some in _pieces(due):
                yield {number: self._until[number] for number in some}

    def take_apart(self) -> Iterator[None]:
        """Give the memory back."""
        self._due = {}
        while self._until:
            for _ in range(min(PIECE, len(self._until))):
                self._until.popitem()
            yield


def _minute(until: float) -> float:
    return max(0.0, until) // 60


def _pieces(numbers: BitMap64) -> Iterator[list[int]]:
    start = 0
    while some := list(islice(numbers.iter_equal_or_larger(start), PIECE)):
        yield some
        start = some[-1] + 1
