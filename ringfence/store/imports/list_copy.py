"""Builds aside what a list is to be, while others go on changing it: then it can be swapped in.

Owns the staged list. Changes by Ringfence come from the stream of changes; one by hand shows in
the list's size. Where it cannot follow, it says so with `Moved`, and is begun anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, Protocol, TypeVar

from ringfence.store.imports.entry_set import EntrySet
from ringfence.store.imports.list_changes import Moved
from ringfence.store.imports.sources import Sources
from ringfence.store.keys import STAGING_SECONDS
from ringfence.store.mirror.loading import Loader
from ringfence.store.mirror.mirrored_list import StreamId
from ringfence.store.writing.scripting import WriteRefused

T = TypeVar("T")
MEMBERS_AT_ONCE = 5_000
"""Entries in one command: some 5 ms during which Redis serves nobody else."""
CHANGES_AT_ONCE = 100
MOST_RANGES = 5_000
"""Ranges that are kept beside a list, so that looking one up needs no look at all of the list."""
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
"""What is done, and how many there are of it; then told how many are done."""


def no_bar(what: str, total: int) -> nullcontext[Callable[[int], object]]:
    """For whom nobody watches."""
    return nullcontext(lambda done: None)


class Wanted(Protocol):
    """Entries on their way in, as often as they are asked for."""

    @property
    def entries(self) -> EntrySet:
        """All of them."""

    @property
    def expiring(self) -> bool:
        """Whether any runs out."""

    def dated(self) -> Iterator[tuple[str, float]]:
        """Each with its expiry (inf: never); one that comes twice counts as it comes last."""


class ListCopy:
    """What is in a list without `gone`, and `wanted` over it."""

    def __init__(self, sources: Sources, name: str, wanted: Wanted, gone: EntrySet) -> None:
        self._redis: Any = sources.redis
        self._key = sources.keys.list(name)
        self._changes = sources.keys.changes
        self._name = name.encode()
        self._loader = Loader(sources.redis, sources.keys)
        self._wanted = wanted
        self._gone = gone
        self._now = sources.now()
        self._sorted = wanted.expiring
        self._laid = False
        self.staged = sources.staging()
        self.as_of = StreamId(0, 0)
        self.size = 0
        self.met = EntrySet()
        self._ranges = _ranges(wanted.entries)

    @property
    def ranges(self) -> list[str] | None:
        """The ranges among the entries; None where they are too many to be told."""
        return sorted(self._ranges) if len(self._ranges) <= MOST_RANGES else None

    async def take_base(self, bar: Bar) -> None:
        """Copy what is in the list."""
        self.as_of, kind, self.size = await self._loader.probe(self._name.decode())
        if kind not in ("none", "set", "zset"):
            raise WriteRefused(f"{self._key} has a wrong type in Redis: see TYPE, then DEL it")
        if kind == "none":
            return
        self._sorted = self._sorted or kind == "zset"
        cursor, done = 0, 0
        with bar(f"copying list {self._name.decode()}", self.size) as tell:
            while True:
                page: Iterable[tuple[bytes, float]]
                if kind == "zset":
                    cursor, page = await self._redis.zscan(self._key, cursor, count=MEMBERS_AT_ONCE)
                else:
                    cursor, members = await self._redis.sscan(
                        self._key, cursor, count=MEMBERS_AT_ONCE
                    )
                    page = [(member, math.inf) for member in members]
                live = {member: until for member, until in page if until > self._now}
                await self._take(live)
                await self.catch_up()
                tell(done := done + len(live))
                if int(cursor) == 0:
                    return

    async def lay_over(self, careful: EntrySet, bar: Bar) -> None:
        """Put `wanted` over it; entries in `careful` keep a later expiry that they have."""
        done = 0
        with bar("importing", len(self._wanted.entries)) as tell:
            for page in pages(self._wanted.dated(), MEMBERS_AT_ONCE):
                await self._put(dict(page), careful)
                tell(done := done + len(page))
        self._laid = True

    async def catch_up(self) -> None:
        """Do what was announced since."""
        while True:
            found = await self._redis.xrange(
                self._changes, f"({self.as_of}", "+", count=CHANGES_AT_ONCE
            )
            for id, fields in found:
                if fields.get(b"after") != str(self.as_of).encode():
                    raise Moved("behind what the stream has kept")
                self.as_of = StreamId.parse(id)
                if fields.get(b"kind") == b"list" and fields.get(b"name") == self._name:
                    try:
                        await self._follow(fields)
                    except (KeyError, ValueError):  # written by hand: the list is read anew
                        raise Moved("list") from None
            if len(found) < CHANGES_AT_ONCE:
                return

    async def _follow(self, fields: dict[bytes, bytes]) -> None:
        if fields.get(b"op") not in (b"add", b"remove"):
            raise Moved("list")
        self.size = int(fields[b"size"])
        texts = fields[b"entries"].decode().split(",")
        found = EntrySet(texts) & self._wanted.entries
        # what is on its way in counts as it comes in
        others = [text for text in texts if not (self._laid and text in found)]
        if fields[b"op"] == b"remove":
            self.met.discard(found)
            if others:
                await (self._redis.zrem if self._sorted else self._redis.srem)(self.staged, *others)
            return
        self.met |= found
        self._ranges |= _ranges(EntrySet(texts))
        expires = fields.get(b"expires", b"")
        if expires and not self._sorted:
            raise Moved("type")
        if others:
            await self._put(dict.fromkeys(others, float(expires or "inf")))

    async def _take(self, members: dict[bytes, float]) -> None:
        here = EntrySet(member.decode(errors="replace") for member in members)
        self.met |= here & self._wanted.entries
        self._ranges |= _ranges(here)
        if len(here & self._gone):
            members = {m: t for m, t in members.items() if m.decode("utf-8", "replace") not in
                       self._gone}  # fmt: skip
        await self._put(members)

    async def _put(self, members: dict[Any, float], careful: EntrySet | None = None) -> None:
        if not members:
            return
        async with self._redis.pipeline() as pipe:
            if self._sorted:
                kept = {t: u for t, u in members.items() if t in careful} if careful else {}
                if kept:
                    pipe.zadd(self.staged, kept, gt=True)
                    members = {t: u for t, u in members.items() if t not in kept}
                if members:
                    pipe.zadd(self.staged, members)
            else:
                pipe.sadd(self.staged, *members)
            pipe.expire(self.staged, STAGING_SECONDS)
            await pipe.execute()


def _ranges(entries: EntrySet) -> set[str]:
    return {text for text in entries.others if "-" in text}


def pages(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items, up to `size` at a time."""
    remaining = iter(items)
    while page := list(islice(remaining, size)):
        yield page


def some_of(wanted: Wanted, most: int) -> Sequence[str]:
    """A few of the entries, for the history."""
    return [text for text, _ in islice(wanted.dated(), most)]
