"""One number list of the mirror: entries read in pages, changes on top; does no I/O."""

from __future__ import annotations

import math
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ringfence.call import clean
from ringfence.lists import NumberList, parse_entry

EXAMPLES = 3
HISTORY = 2_000

# A whole page of plain numbers is told by one match; entry by entry would cost ten times more.
_NUMBERS = re.compile(rb"(?:\+[1-9][0-9]{6,14},)*")


class StreamId(NamedTuple):
    """A place in the stream of changes: milliseconds and sequence; compares as Redis does."""

    ms: int
    number: int

    @classmethod
    def parse(cls, text: bytes) -> StreamId:
        """Read ``1700000000000-0``. ValueError where it is none."""
        ms, _, number = text.partition(b"-")
        return cls(int(ms), int(number or 0))

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"


START = StreamId(0, 0)


class ListChange(NamedTuple):
    """An announced change: `entries` were added until `expires`, or removed."""

    id: StreamId
    added: bool
    entries: Sequence[bytes]
    expires: float
    size: int


class Refused(NamedTuple):
    """Entries that are none: how many, and the first few."""

    total: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.examples)
        return f"{self.total} of its entries are not read: {shown}"


class Filling:
    """A list while it is read, page by page; changes announced meanwhile wait their turn."""

    def __init__(self, name: str, as_of: StreamId, size: int) -> None:
        self.numbers = NumberList(name)
        self.as_of = as_of
        self.sizes = [(as_of, size)]
        self.changes: deque[ListChange] = deque()
        self._bad = 0
        self._examples: list[str] = []

    @property
    def refused(self) -> Refused | None:
        """What could not be read, if anything."""
        return Refused(self._bad, tuple(self._examples)) if self._bad else None

    def put(self, members: Sequence[bytes]) -> None:
        """A page of a set."""
        self._refuse(_add(self.numbers, members, math.inf))

    def put_scored(self, members: Iterable[tuple[bytes, float]]) -> None:
        """A page of a sorted set: a score is an expiry."""
        by_expiry: defaultdict[float, list[bytes]] = defaultdict(list)
        for member, until in members:
            by_expiry[until].append(member)
        for until, some in by_expiry.items():
            self._refuse(_add(self.numbers, some, until))

    def catch_up(self) -> Iterator[None]:
        """After the last page: put the changes announced meanwhile on top, one in each step."""
        while self.changes:
            change = self.changes.popleft()
            if change.id > self.as_of:
                self.sizes.append((change.id, change.size))
                _change(self.numbers, change)
            yield

    def _refuse(self, members: list[bytes]) -> None:
        self._bad += len(members)
        for member in members[: EXAMPLES - len(self._examples)]:
            self._examples.append(repr(clean(member[:60].decode(errors="replace"))))


class MirroredList:
    """What is in force of one list, and what its size in Redis must be if nothing was missed."""

    def __init__(self, name: str) -> None:
        self.numbers = NumberList(name)
        self.refused: Refused | None = None
        self.version = 0
        self._filling: Filling | None = None
        self._as_of = START
        self._checked = START
        self._sizes: deque[tuple[StreamId, int]] = deque([(START, 0)], HISTORY)

    @property
    def size(self) -> int:
        """How many entries Redis has, as far as is known."""
        return self._sizes[-1][1]

    def apply(self, change: ListChange) -> bool:
        """Put an announced change in force. False where it was known from reading the list."""
        if self._filling:
            self._filling.changes.append(change)
        if change.id <= self._as_of:
            return False
        self._sizes.append((change.id, change.size))
        _change(self.numbers, change)
        self.version += 1
        return True

    def explains(self, at: StreamId, size: int) -> bool:
        """Whether announced changes alone account for a change seen, with this size at `at`."""
        newest = self._sizes[-1][0]
        news, self._checked = newest > self._checked, max(self._checked, at)
        return news and self.expected(at) == size

    def expected(self, at: StreamId) -> int:
        """The size that Redis had at `at` if there were announced changes only; -1: forgotten."""
        for id, size in reversed(self._sizes):
            if id <= at:
                return size
        return -1

    def fill(self, as_of: StreamId, size: int) -> Filling:
        """Begin to read the list anew; what is in force stays so until `replace`."""
        self._filling = Filling(self.numbers.name, as_of, size)
        return self._filling

    def replace(self, filling: Filling) -> None:
        """Put what was read in force, with the changes announced since."""
        if filling is not self._filling:
            return
        for _ in filling.catch_up():
            pass
        self._filling = None
        self.numbers, self.refused = filling.numbers, filling.refused
        self._as_of = filling.as_of
        self._checked = max(self._checked, filling.as_of)
        self._sizes.clear()
        self._sizes.extend(filling.sizes)
        self.version += 1

    def abandon(self) -> None:
        """Reading broke off: what is in force stays."""
        self._filling = None


def _change(numbers: NumberList, change: ListChange) -> None:
    if change.added:
        _add(numbers, change.entries, change.expires)
        return
    for text in change.entries:
        numbers.remove(parse_entry(text.decode()))


def _add(numbers: NumberList, members: Sequence[bytes], expires: float) -> list[bytes]:
    if _NUMBERS.fullmatch(b",".join(members) + b","):
        numbers.extend_numbers(map(int, members), expires)
        return []
    bad = []
    for member in members:
        try:
            entry = parse_entry(member[:80].decode())
        except ValueError:
            bad.append(member)
        else:
            numbers.add(entry, expires)
    return bad
