"""What a file would change, worked out before anything is written; knows no file and no store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, NamedTuple

from ringfence.feeds.model import Options
from ringfence.store.imports.entry_set import EntrySet


class Entries:
    """Entries of a list, `Wanted` by an import: groups of them, each with its expiry (inf: never).

    No entry is in two groups. Numbers take a few bytes each.
    """

    def __init__(self, groups: Iterable[tuple[EntrySet, float]]) -> None:
        self._groups = tuple(groups)
        self.entries = EntrySet()
        for entries, _ in self._groups:
            self.entries |= entries
        self.expiring = any(expires < math.inf for _, expires in self._groups)

    def dated(self) -> Iterator[tuple[str, float]]:
        """Each with its expiry."""
        for entries, expires in self._groups:
            for text in entries:
                yield text, expires


class Asked(NamedTuple):
    """What a reader is told besides the file: `parts` and `table` are what the feed has kept of
    earlier files; `tell` hears how many bytes are read."""

    name: str
    place: str
    now: float
    options: Options = Options()
    parts: Mapping[str, bytes] = {}
    table: Mapping[str, bytes] = {}
    increment: bool = False
    tell: Callable[[int], object] = lambda done: None


class Plan(NamedTuple):
    """`rows` are held against those of the last file (`usual`: against so many instead). `put` and
    `cut` are fields of what the feed keeps, `table` is the whole of its table."""

    rows: int
    lists: dict[str, Entries]
    dated: str = ""
    left_out: int = 0
    usual: int | None = None
    put: Mapping[str, bytes] = {}
    cut: tuple[str, ...] = ()
    table: Mapping[str, bytes] | None = None
    version: int = 0
    notes: tuple[str, ...] = ()


Reader = Callable[[IO[bytes], Asked], Plan]
