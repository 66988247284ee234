"""Reads again what is due: announced rules first, then hashes, small lists, large lists.

Knows when a thing must be read and when announced changes explain what was seen. How news
arrives is the session's concern. Four tasks, so that no large list holds up a rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from structlog.typing import FilteringBoundLogger

from ringfence.call import clean
from ringfence.lists import LIST_NAME
from ringfence.store.agenda import SETTLE, Agenda, Why
from ringfence.store.holdings import Holdings
from ringfence.store.keys import Keys
from ringfence.store.loading import Loader, Probe, WrongType
from ringfence.store.mirrored_list import MirroredList, StreamId
from ringfence.store.shelf import Field, Shelf
from ringfence.store.turns import Turns

LARGE = 100_000
"""Entries up to which a list is simply read again, in well under a second."""
VERIFY = 0.5
"""An announced change is in force at once. Whether something was changed by hand in the same
moment is seen by reading again after this."""
VERIFY_LARGE = 600.0
BETWEEN_ANNOUNCED = 0.01
BETWEEN_LARGE = 5.0
RECENT = 0.3
"""A touched hash that was announced this short a time ago is taken for what was announced."""
RULES, TRUNKS, NAMES = "rules", "trunks", "names"


class Refresher:
    """Keeps `held` in step with Redis for one session."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        held: Holdings,
        position: Callable[[], StreamId],
        log: FilteringBoundLogger,
        loader: Loader | None = None,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._held = held
        self._position = position
        self._log = log
        self._loader = loader or Loader(redis, keys)
        self._now = asyncio.get_running_loop().time
        self._announced = Agenda(self._now, between=BETWEEN_ANNOUNCED)
        self._hashes = Agenda(self._now)
        self._small = Agenda(self._now)
        self._large = Agenda(self._now, between=BETWEEN_LARGE)
        self._ids: dict[str, set[str]] = {RULES: set(), TRUNKS: set()}
        self._announced_at = {RULES: float("-inf"), TRUNKS: float("-inf")}
        # A field read before an announced change must not be put in force after it.
        self._announced_since: dict[str, set[str]] = {RULES: set(), TRUNKS: set()}
        self._locks = {RULES: asyncio.Lock(), TRUNKS: asyncio.Lock()}
        self._missing = {RULES, TRUNKS, NAMES}
        self._written: dict[str, str] = {}
        self._may_write = True
        self.complete = asyncio.Event()

    def tasks(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What must run for as long as the session does."""
        return (
            self._work(self._announced, self._read_announced),
            self._work(self._hashes, self._read_hash),
            self._work(self._small, self._read_small),
            self._work(self._large, self._read_large),
        )

    def everything(self, why: Why = Why.SURELY) -> None:
        """Read all there is: at the start, after a gap, after FLUSHDB; or check it all."""
        for name in (RULES, TRUNKS, NAMES):
            self._hashes.mark(name, why, 0.0)

    def touched(self, key: bytes) -> None:
        """Somebody changed this key."""
        text = key.decode(errors="backslashreplace")
        if text == self._keys.rules:
            self._hashes.mark(RULES, Why.TOUCHED)
        elif text == self._keys.trunks:
            self._hashes.mark(TRUNKS, Why.TOUCHED)
        elif text.startswith(self._keys.list_prefix):
            self.mark_list(text[len(self._keys.list_prefix) :], Why.TOUCHED)

    def announced(self, target: str, id: str) -> None:
        """A rule or a trunk was changed through Ringfence."""
        self._ids[target].add(id)
        self._announced_since[target].add(id)
        self._announced_at[target] = self._now()
        self._announced.mark(target, Why.SURELY, 0.0)

    def mark_list(self, name: str, why: Why, wait: float = SETTLE) -> None:
        """Read a list, if its name can be one."""
        if LIST_NAME.fullmatch(name):
            self._small.mark(name, why, wait)
        elif f"list:{clean(name, 64)}" not in self._held.unreadable:
            self._refuse(f"list:{clean(name, 64)}", "a list's name has letters, digits, _ . -")

    async def _work(
        self, agenda: Agenda, read: Callable[[str, Why], Coroutine[Any, Any, None]]
    ) -> None:
        while True:
            name, why = await agenda.next()
            await read(name, why)
            await self._write_refusals()
            if not self._missing and not self.complete.is_set():
                self.complete.set()

    async def _read_announced(self, target: str, why: Why) -> None:
        ids = list(self._ids[target])
        self._ids[target].clear()
        async with self._locks[target]:
            shelf = self._shelf(target)
            try:
                fields = await self._loader.hash_fields(self._key(target), ids)
            except WrongType as error:
                self._refuse(f"key:{target}", str(error))
                return
            for id, field in zip(ids, fields, strict=True):
                if field is None:
                    shelf.drop(id)
                else:
                    shelf.offer(field)
            await self._publish(target)

    async def _read_hash(self, target: str, why: Why) -> None:
        if target == NAMES:
            await self._read_names(why)
            return
        if why is Why.TOUCHED and self._now() - self._announced_at[target] < RECENT:
            # It was announced, and is read by its id.
            self._hashes.mark(target, Why.SURELY, VERIFY)
            return
        shelf, turns = self._shelf(target), Turns()
        newer = self._announced_since[target] = set()
        ids: set[str] = set()
        found: list[Field] = []
        try:
            async for page in self._loader.hash_pages(self._key(target)):
                ids.update(field.id for field in page)
                found += [field for field in page if not shelf.knows(field)]
                await turns.give()
        except WrongType as error:
            self._refuse(f"key:{target}", str(error))
            self._missing.discard(target)
            return
        self._held.unreadable.pop(f"key:{target}", None)
        # Announced changes go on while the pages come; what they brought is newer than a page.
        async with self._locks[target]:
            for field in found:
                if field.id not in newer:
                    shelf.offer(field)
                    await turns.give()
            ids.update(newer)
            shelf.keep_only(ids)
            await turns.give()
            await self._publish(target)
        self._missing.discard(target)

    async def _read_names(self, why: Why) -> None:
        names = {n.decode(errors="backslashreplace") for n in await self._loader.list_names()}
        for field in [f for f in self._held.unreadable if f.startswith("list:")]:
            if field.removeprefix("list:") not in names:
                del self._held.unreadable[field]
        for name in names | self._held.lists.keys():
            held = self._held.lists.get(name)
            if NAMES in self._missing and LIST_NAME.fullmatch(name):
                self._missing.add(f"list:{name}")
            large = held is not None and held.size > LARGE
            # Without tracking a large list is read again when its size differs.
            self.mark_list(name, Why.CHECK if large and why is Why.TOUCHED else why, 0.0)
        self._missing.discard(NAMES)

    async def _read_small(self, name: str, why: Why) -> None:
        probe = await self._loader.probe(name)
        if probe.size > LARGE:
            self._large.mark(name, why, 0.0)
        else:
            await self._read_list(name, why, probe)

    async def _read_large(self, name: str, why: Why) -> None:
        await self._read_list(name, why, await self._loader.probe(name))

    async def _read_list(self, name: str, why: Why, probe: Probe) -> None:
        field, held = f"list:{name}", self._held.lists.get(name)
        if probe.type == "none":
            gone = self._held.drop_list(name)
            self._held.unreadable.pop(field, None)
            if gone:
                await Turns().take(gone.numbers.take_apart())
        elif probe.type not in ("set", "zset"):
            self._refuse(field, f"{self._keys.list(name)} is a {probe.type} in Redis: DEL it")
        elif held is None or self._is_due(name, held, probe, why):
            await self._fill(name, held or MirroredList(name), probe)
            self._held.unreadable.pop(field, None)
        self._missing.discard(field)

    def _is_due(self, name: str, held: MirroredList, probe: Probe, why: Why) -> bool:
        if why is Why.SURELY:
            return True
        if self._position() < probe.as_of:
            # What explains it may be on its way.
            self._small.mark(name, why)
            return False
        if why is Why.CHECK:
            return held.expected(probe.as_of) != probe.size
        if not held.explains(probe.as_of, probe.size):
            return True
        self._small.mark(name, Why.SURELY, VERIFY if probe.size <= LARGE else VERIFY_LARGE)
        return False

    async def _fill(self, name: str, held: MirroredList, probe: Probe) -> None:
        filling = held.fill(probe.as_of, probe.size)
        try:
            await self._loader.fill(filling, name, probe.type)
            await Turns().take(filling.catch_up())
        except WrongType:
            # It became something else meanwhile, and that change is on its way to us.
            held.abandon()
            self.mark_list(name, Why.SURELY)
            return
        except BaseException:
            held.abandon()
            raise
        before, old = len(held.numbers), held.numbers
        held.replace(filling)
        if len(held.numbers) != before:
            # Reading again what was announced already is no news.
            self._log.info("list in force", changed=[name], of=len(held.numbers))
        if held.refused:
            self._log.warning("list entries refused", list=name, reason=str(held.refused))
        self._held.lists[name] = held
        self._held.publish_lists()
        # Ten million numbers freed at once would keep calls waiting.
        await Turns().take(old.take_apart())

    def _shelf(self, target: str) -> Shelf[Any]:
        return self._held.rules if target == RULES else self._held.trunks

    def _key(self, target: str) -> str:
        return self._keys.rules if target == RULES else self._keys.trunks

    async def _publish(self, target: str) -> None:
        if target == RULES:
            await self._held.publish_rules()
        else:
            self._held.publish_trunks()

    def _refuse(self, field: str, reason: str) -> None:
        if self._held.unreadable.get(field) != reason:
            self._held.unreadable[field] = reason
            self._log.error("not read", what=field, reason=reason)

    async def _write_refusals(self) -> None:
        if not self._may_write:
            return
        wanted, whole = self._held.refusals(), not self._missing
        key = self._keys.rejected
        try:
            if whole and not self.complete.is_set():
                # What earlier runs left is taken out once all has been read.
                async for page in self._loader.hash_pages(key):
                    self._written.update({f.id: f.value.decode(errors="replace") for f in page})
            news = {f: reason for f, reason in wanted.items() if self._written.get(f) != reason}
            gone = [field for field in self._written if field not in wanted] if whole else []
            if news:
                await cast("Any", self._redis).hset(key, mapping=news)
                self._written.update(news)
            if gone:
                await cast("Any", self._redis.hdel(key, *gone))
                for field in gone:
                    del self._written[field]
        except (ResponseError, WrongType) as error:
            self._may_write = False
            self._log.warning("what was refused cannot be written to Redis", reason=str(error))
