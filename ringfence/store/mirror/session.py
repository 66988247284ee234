"""One connected spell of a mirror: everything is read, then what changes, until Redis goes away.

Ends by an exception, always. Knows how news arrives; what is read when is the refresher's concern,
and how long to wait before the next spell the mirror's.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from structlog.typing import FilteringBoundLogger

from ringfence.store.ending import end
from ringfence.store.keys import CHANGE_ENTRIES, Keys
from ringfence.store.mirror.agenda import Why
from ringfence.store.mirror.holdings import CALLEES, PROVIDERS, RULES, TRUNKS, Holdings
from ringfence.store.mirror.loading import Loader, WrongType
from ringfence.store.mirror.mirrored_list import START, ListChange, MirroredList
from ringfence.store.mirror.refresh import Refresher
from ringfence.store.mirror.tracking import Change, ChangeStream, Invalidations, Line
from ringfence.store.turns import Turns

ONE = {b"rule": RULES, b"trunk": TRUNKS, b"callee": CALLEES, b"provider": PROVIDERS}
SEVERAL = {name.encode(): name for name in ONE.values()}
"""Kinds of announcements: of one field of a hash, and of many in one step."""
POLL_SECONDS = 1.0
AUDIT_SECONDS = 60.0


class Session:
    """Holds `held` in step with Redis from `open` until `run` raises."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        held: Holdings,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
    ) -> None:
        self._keys = keys
        self._held = held
        self._clock = clock
        self._log = log
        self._loader = Loader(redis, keys)
        self._lines = Line(redis), Line(redis)
        self._stream = ChangeStream(self._lines[0], keys)
        prefixes = [keys.rules, keys.trunks, keys.callees, keys.providers, keys.list_prefix]
        self._invalidations = Invalidations(self._lines[1], prefixes)
        self._refresher = Refresher(redis, keys, held, lambda: self.position, log)
        self._keeping = False
        self.position = START
        self.tracking = False
        self.lag = 0.0
        self.complete = self._refresher.complete

    @property
    def note(self) -> str:
        """What an admin should know of this spell, in one line."""
        if self._keeping:
            return "Redis came back empty: the last known rules stay in force until a write"
        return "" if self.tracking else "no CLIENT TRACKING: changes by hand are seen by polling"

    async def open(self) -> None:
        """Connect, and hear of every change from now on."""
        for line in self._lines:
            await line.open()
        await self._loader.check_ready()
        try:
            await self._invalidations.begin()
            self.tracking = True
        except ResponseError as error:
            self._log.warning("no CLIENT TRACKING: polls every second", reason=str(error))
        await self._seek()
        run_id = await self._loader.run_id()
        restarted, self._held.run_id = run_id != self._held.run_id, run_id
        if restarted and not self._held.is_empty and await self._is_empty():
            # A Redis without persistence was restarted; nobody decided to have no rules. A
            # FLUSHDB while we are connected, or in the same run of the server, is a decision.
            self._keeping = True
            self._log.error(self.note)
            self.complete.set()
        else:
            self._refresher.everything()

    async def run(self) -> None:
        """Stay in step; raises what ended the spell."""
        works = [*self._refresher.tasks(), self._follow(), self._audit()]
        works.append(self._hear() if self.tracking else self._poll())
        # No task group: in Python 3.11 one loses its own cancellation where a member fails at
        # the same time, and the mirror would never end.
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await end(tasks)

    async def close(self) -> None:
        """Drop the connections."""
        for line in self._lines:
            await line.close()

    async def _is_empty(self) -> bool:
        return await self._loader.is_empty() and not await self._loader.list_names()

    async def _seek(self) -> None:
        try:
            self.position = await self._loader.newest_change()
        except WrongType as error:
            self._log.error("announced changes are not heard", reason=str(error))
            self.position = START

    async def _everything(self) -> None:
        self._keeping = False
        await self._seek()
        self._refresher.everything()

    async def _follow(self) -> None:
        while True:
            try:
                changes = await self._stream.read(self.position)
            except ResponseError:
                # A wrong type under the stream's key: said in _seek, and tracking goes on.
                await asyncio.sleep(POLL_SECONDS)
                continue
            for change in changes:
                if change.id <= self.position:
                    continue
                missed = change.after is not None and change.after != self.position
                self.position = change.id
                self.lag = max(0.0, self._clock() - change.id.ms / 1000)
                if missed or self._keeping:
                    await self._everything()
                else:
                    self._apply(change)
                # Calls go on between two changes of a thousand entries each.
                await asyncio.sleep(0)

    def _apply(self, change: Change) -> None:
        kind = change.fields.get("kind", b"")
        if kind in ONE:
            id = change.fields.get("id", b"").decode(errors="replace")
            self._refresher.announced(ONE[kind], id)
        elif kind in SEVERAL:
            self._refresher.reload(SEVERAL[kind])
        elif kind == b"list":
            name = change.fields.get("name", b"").decode(errors="replace")
            try:
                self._apply_to_list(name, change)
            except ValueError:
                self._refresher.mark_list(name, Why.SURELY)

    def _apply_to_list(self, name: str, change: Change) -> None:
        fields, held = change.fields, self._held.lists.get(name)
        op, entries = fields.get("op"), fields.get("entries", b"").split(b",")
        if op not in (b"add", b"remove") or len(entries) > CHANGE_ENTRIES:
            self._refresher.mark_list(name, Why.SURELY, 0.0)
            return
        size = int(fields.get("size", b"-1"))
        if held is None:
            if not self.complete.is_set() or op != b"add" or size != len(entries):
                self._refresher.mark_list(name, Why.SURELY, 0.0)
                return
            held = self._held.lists[name] = MirroredList(name)
            self._held.publish_lists()
        expires = float(fields.get("expires") or math.inf)
        if held.apply(ListChange(change.id, op == b"add", entries, expires, size)):
            done = {"added" if op == b"add" else "removed": len(entries)}
            self._log.info("list in force", changed=[name], **done, of=size)

    async def _hear(self) -> None:
        while True:
            keys = await self._invalidations.next()
            if keys is None or self._keeping:
                await self._everything()
                continue
            for key in keys:
                self._refresher.touched(key)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not self._keeping or not await self._is_empty():
                self._keeping = False
                self._refresher.everything(Why.TOUCHED)

    async def _audit(self) -> None:
        # Nothing should ever be found here; it bounds for how long a fault goes on.
        while True:
            await asyncio.sleep(AUDIT_SECONDS)
            await self._loader.check_ready()
            now = self._clock()
            for each in list(self._held.lists.values()):
                await Turns().take(each.numbers.expire(now))
            if self.complete.is_set() and not self._keeping:
                self._refresher.everything(Why.CHECK)
