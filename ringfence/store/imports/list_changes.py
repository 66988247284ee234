"""What a change of a list with its sources is planned on, what it is, and what came of it.

Values only: `sources` reads and writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ringfence.store.imports.entry_set import EntrySet, Repacked
from ringfence.store.imports.source_records import BY_HAND, Source
from ringfence.store.mirror.mirrored_list import StreamId
from ringfence.store.writing.scripting import WriteRefused

LOOKED_AT_ONCE = 2_500
"""Entries in one look: a millisecond or two during which Redis serves nobody else."""
MOST_FIELDS, MOST_BYTES = 5_000, 1_000_000
"""What one write changes of the entries of a source; where it is more, they are staged as a whole
and take the place of those before."""


STEP = 5_000
"""Entries that change in one step: some 10 ms during which Redis serves nobody else."""
TRIES = 20


class Moved(Exception):  # noqa: N818 - what happened, and no fault
    """Somebody else was faster; nothing is written. `behind`: only announced changes are missed."""

    @property
    def behind(self) -> bool:
        """Whether it is enough to catch up with the stream of changes."""
        return self.args == ("behind",)


class TooLarge(Exception):  # noqa: N818 - Redis's word
    """The list has to become a sorted set, and is too large for that in one step."""


class Ledger(NamedTuple):
    """All sources of a list, and what they brought, as of `version` ("": there are none).

    `whole`: all that they brought; else as much as a change of a few entries has to know.
    """

    version: str
    sources: dict[str, Source]
    brought: dict[str, EntrySet]
    whole: bool = True

    @property
    def named(self) -> list[str]:
        """The sources that somebody named."""
        return sorted(name for name in self.sources if name != BY_HAND)

    def others(self, source: str) -> EntrySet:
        """What all but this one brought."""
        result = EntrySet()
        for name, entries in self.brought.items():
            if name != source:
                result |= entries
        return result


class Look(NamedTuple):
    """What a list has of some entries: the expiry of each (0: it is not in), and what tells later
    whether that is still so."""

    type: str
    size: int
    until: list[float]
    scores: list[bytes]


class Done(NamedTuple):
    """How many entries a change touched, the list's size, and the version of its sources."""

    changed: int
    size: int
    version: str


class Change(NamedTuple):
    """One change of a list: entries that go and come, or the list that is staged (`staged`, with
    `as_of` and `size` as the copy has them) or none at all in the place of the whole one."""

    remove: Sequence[str] = ()
    add: Sequence[tuple[str, Sequence[str]]] = ()
    seen: tuple[Sequence[str], Sequence[bytes]] | None = None
    whole: bool = False
    staged: str = ""
    as_of: StreamId | None = None
    size: int = 0
    ranges: Sequence[str] | None = None
    op: str = ""
    changed: int = 0
    some: Sequence[str] = ()


def small(repacked: Repacked) -> bool:
    """Whether it may be written in one step with other things."""
    size = sum(len(value) for value in repacked.put.values())
    return len(repacked.put) + len(repacked.cut) <= MOST_FIELDS and size <= MOST_BYTES


def busy(name: str) -> WriteRefused:
    """When `TRIES` were not enough."""
    return WriteRefused(f"list {name} is changed by others all the time: try again")
