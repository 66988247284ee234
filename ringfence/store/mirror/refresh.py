"""Reads again what is due: announced fields first, then hashes, small lists, large lists.

Knows when a thing must be read and when announced changes explain what was seen. How news
arrives is the session's concern, how a hash is read that of its copy. Four tasks, so that no
large list holds up a rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from redis.asyncio import Redis
from structlog.typing import FilteringBoundLogger

from ringfence.call import clean
from ringfence.lists import LIST_NAME
from ringfence.store.keys import Keys
from ringfence.store.mirror.agenda import SETTLE, Agenda, Why
from ringfence.store.mirror.hash_copy import HashCopy
from ringfence.store.mirror.holdings import CALLEES, PROVIDERS, RULES, TRUNKS, Holdings
from ringfence.store.mirror.loading import Loader, Probe, WrongType
from ringfence.store.mirror.mirrored_list import MirroredList, StreamId
from ringfence.store.mirror.refusals import Refusals
from ringfence.store.turns import Turns

LARGE = 100_000
"""Entries up to which a list is simply read again, in well under a second."""
VERIFY = 0.5
"""An announced change is in force at once. Whether something was changed by hand in the same
moment is seen by reading again after this."""
VERIFY_RATE = 1_000
"""Entries a second. A list that changes all the time, as those do that rules fill, would else be
read again twice a second; with expiries, 20,000 entries take a third of a second of the loop's."""
VERIFY_LARGE = 600.0
BETWEEN_ANNOUNCED = 0.01
BETWEEN_LARGE = 5.0
NAMES = "names"


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
        self._keys = keys
        self._held = held
        self._position = position
        self._log = log
        self._loader = loader or Loader(redis, keys)
        now = asyncio.get_running_loop().time
        self._announced = Agenda(now, between=BETWEEN_ANNOUNCED)
        self._whole = Agenda(now)
        self._small = Agenda(now)
        self._large = Agenda(now, between=BETWEEN_LARGE)
        # Apart: the next change would be a reason to read at once what has time.
        self._later = Agenda(now)
        hashes = {
            RULES: keys.rules,
            TRUNKS: keys.trunks,
            CALLEES: keys.callees,
            PROVIDERS: keys.providers,
        }
        self._copies = {
            name: HashCopy(name, key, held, self._loader, log) for name, key in hashes.items()
        }
        self._by_key = {key: name for name, key in hashes.items()}
        self._missing = {*hashes, NAMES}
        self._refusals = Refusals(redis, keys, held, self._loader, log)
        self.complete = asyncio.Event()

    def tasks(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What must run for as long as the session does."""
        return (
            self._work(self._announced, self._read_announced),
            self._work(self._whole, self._read_whole),
            self._work(self._small, self._read_small),
            self._work(self._large, self._read_large),
            self._work(self._later, self._read_later),
        )

    def everything(self, why: Why = Why.SURELY) -> None:
        """Read all there is: at the start, after a gap, after FLUSHDB; or check it all."""
        for name, copy in self._copies.items():
            if why is Why.SURELY:
                copy.fall_behind()
            self._whole.mark(name, why, 0.0)
        self._whole.mark(NAMES, why, 0.0)

    def touched(self, key: bytes) -> None:
        """Somebody changed this key."""
        text = key.decode(errors="backslashreplace")
        if name := self._by_key.get(text):
            self._whole.mark(name, Why.TOUCHED)
        elif text.startswith(self._keys.list_prefix):
            self.mark_list(text[len(self._keys.list_prefix) :], Why.TOUCHED)

    def announced(self, name: str, id: str) -> None:
        """One field of a hash was changed through Ringfence."""
        copy = self._copies[name]
        copy.announce(id)
        if copy.is_waiting:
            self._announced.mark(name, Why.SURELY, 0.0)

    def reload(self, name: str) -> None:
        """Many fields of a hash were changed through Ringfence, in one step."""
        self._copies[name].fall_behind()
        self._whole.mark(name, Why.SURELY, 0.0)

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
            await self._refusals.write(first=not self.complete.is_set(), whole=not self._missing)
            if not self._missing and not self.complete.is_set():
                self.complete.set()

    async def _read_announced(self, name: str, why: Why) -> None:
        try:
            await self._copies[name].read_announced()
        except WrongType as error:
            self._refuse(f"key:{name}", str(error))
        if self._copies[name].is_waiting:
            self._announced.mark(name, Why.SURELY, 0.0)

    async def _read_whole(self, name: str, why: Why) -> None:
        if name == NAMES:
            await self._read_names(why)
            return
        copy = self._copies[name]
        if why is Why.TOUCHED and copy.was_just_announced:
            # It was announced, and is read by its id.
            self._whole.mark(name, Why.SURELY, VERIFY)
            return
        try:
            await copy.read_all()
        except WrongType as error:
            self._refuse(f"key:{name}", str(error))
        else:
            self._held.unreadable.pop(f"key:{name}", None)
        if copy.is_waiting:
            self._announced.mark(name, Why.SURELY, 0.0)
        self._missing.discard(name)

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

    async def _read_later(self, name: str, why: Why) -> None:
        self._small.mark(name, why, 0.0)

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
        wait = max(VERIFY, probe.size / VERIFY_RATE) if probe.size <= LARGE else VERIFY_LARGE
        self._later.mark(name, Why.SURELY, wait)
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

    def _refuse(self, field: str, reason: str) -> None:
        if self._held.unreadable.get(field) != reason:
            self._held.unreadable[field] = reason
            self._log.error("not read", what=field, reason=reason)
