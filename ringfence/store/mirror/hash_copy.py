"""One hash of JSON (rules, trunks, callees) kept in step; knows not how news of it arrives.

What is put in force was all in Redis in one moment: a hash that is changed while it is read is
read again. Only fields that were announced one by one are read by name, on top of that.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any, NamedTuple

from redis.exceptions import NoPermissionError
from structlog.typing import FilteringBoundLogger

from ringfence.store.mirror.holdings import Holdings
from ringfence.store.mirror.loading import HashPart, Loader
from ringfence.store.mirror.shelf import Field, Shelf
from ringfence.store.turns import Turns

TRIES = 3
NAMED_AT_ONCE = 1_000
COMPARED_AT_ONCE = 100
RECENT = 0.3
"""A touched hash that was announced this short a time ago is taken for what was announced."""


ONE_BY_ONE = (
    "changes that belong together may come in force one after the other: there are too many fields "
    "to be read in one step and they change all the time, or this Redis user lacks the rights to "
    "HLEN, HGETALL, MEMORY USAGE and WATCH"
)


class HashCopy:
    """The shelf `name` of `held`, as it is under `key` in Redis."""

    def __init__(
        self, name: str, key: str, held: Holdings, loader: Loader, log: FilteringBoundLogger
    ) -> None:
        self.name = name
        self._key = key
        self._held = held
        self._shelf: Shelf[Any] = held.shelves[name]
        self._loader = loader
        self._log = log
        self._now = asyncio.get_running_loop().time
        self._lock = asyncio.Lock()
        self._announced: set[str] = set()
        self._announced_at = float("-inf")
        # What was read by name, and when: a read of the whole that is older leaves it alone.
        self._by_name: dict[str, int] = {}
        self._whole_at = 0
        self._asked = self._read = 0
        self._is_told = False

    @property
    def is_behind(self) -> bool:
        """What is held is of an earlier moment: a field of today on top of it never was true."""
        return self._read < self._asked

    @property
    def is_waiting(self) -> bool:
        """There are announced fields to be read by name."""
        return bool(self._announced) and not self.is_behind

    @property
    def was_just_announced(self) -> bool:
        """What touched the hash was most likely what was announced."""
        return self._now() - self._announced_at < RECENT

    def fall_behind(self) -> None:
        """More than one field changed: nothing is put in force before all is read again."""
        self._asked += 1
        self._announced_at = self._now()

    def announce(self, id: str) -> None:
        """A field was changed through Ringfence."""
        self._announced.add(id)
        self._announced_at = self._now()

    async def read_announced(self) -> None:
        """Put announced fields in force."""
        if not self.is_waiting:
            return
        ids = list(islice(self._announced, NAMED_AT_ONCE))
        self._announced.difference_update(ids)
        at, fields = await self._loader.hash_fields(self._key, ids)
        async with self._lock:
            if at < self._whole_at:
                # A read of the whole began since, and counts on what it has compared with.
                self._announced.update(ids)
                return
            for id, field in zip(ids, fields, strict=True):
                self._by_name[id] = at
                if field is None:
                    self._shelf.drop(id)
                else:
                    self._shelf.offer(field)
            await self._held.publish(self.name)

    async def read_all(self) -> None:
        """Put all of the hash in force, as it was in one moment."""
        asked = self._asked
        if whole := await self._loader.whole_hash(self._key):
            await self._put_in_force(await self._all_from(whole))
        elif not await self._in_a_quiet_moment():
            if not self._is_told:
                self._log.warning(ONE_BY_ONE, what=self.name)
                self._is_told = True
            await self._put_in_force(await self._pages())
        self._read = asked

    async def _in_a_quiet_moment(self) -> bool:
        for _ in range(TRIES):
            try:
                async with self._loader.watching(self._key) as unchanged:
                    found = await self._pages()
                    if await unchanged():
                        await self._put_in_force(found)
                        return True
            except NoPermissionError:
                return False
        return False

    async def _pages(self) -> _Found:
        return await self._all_from(await self._loader.hash_part(self._key))

    async def _all_from(self, part: HashPart) -> _Found:
        self._whole_at = part.at
        found, turns = _Found(part.at, set(), []), Turns()
        while True:
            while some := list(islice(part.fields, COMPARED_AT_ONCE)):
                found.ids.update(field.id for field in some)
                found.news.extend(field for field in some if not self._shelf.knows(field))
                await turns.give()
            if not part.cursor:
                return found
            part = await self._loader.hash_part(self._key, part.cursor)

    async def _put_in_force(self, found: _Found) -> None:
        turns = Turns()
        async with self._lock:
            newer = {id for id, at in self._by_name.items() if at >= found.at}
            for field in found.news:
                if field.id not in newer:
                    self._shelf.offer(field)
                    await turns.give()
            found.ids.difference_update(newer)
            found.ids.update(filter(self._shelf.holds, newer))
            self._shelf.keep_only(found.ids)
            self._by_name.clear()
            await turns.give()
            await self._held.publish(self.name)


class _Found(NamedTuple):
    """What a hash has in it, and what of that is news; `at` is when the reading began."""

    at: int
    ids: set[str]
    news: list[Field]
