"""Brings one file of a feed into Redis: read, held against what there was, and written as a whole.

Owns the order of things: nothing is written before all of the file has been read and found in
order, lists come before what is kept of them, and what was there stays where anything is refused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import IO

import msgspec
from redis.asyncio import Redis

from ringfence.call import clean
from ringfence.feeds.kinds import Kind, checked_options, refuse_filled
from ringfence.feeds.model import FeedState, Options, checked_name, decode_state
from ringfence.feeds.outcome import Brought, Lists, brought_by, check_rows, state_after
from ringfence.feeds.peers import direct_peers, enforce
from ringfence.feeds.plan import Asked, Plan
from ringfence.feeds.refused import FeedRefused, Removed
from ringfence.store.feeds import FeedReader, FeedWriter
from ringfence.store.imports.bringing import Bringer
from ringfence.store.imports.list_copy import Bar, no_bar
from ringfence.store.imports.source_records import import_record
from ringfence.store.imports.sources import Sources
from ringfence.store.imports.taking_out import Taker
from ringfence.store.keys import Keys
from ringfence.store.reader import Reader
from ringfence.store.writing.scripting import WriteRefused
from ringfence.store.writing.writer import Writer

TRIES = 5


class Importer:
    """Imports in the name of `who`."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        who: str,
        *,
        why: str = "",
        clock: Callable[[], float] = time.time,
        bar: Bar = no_bar,
    ) -> None:
        self._who = who
        self._clock = clock
        self._bar = bar
        self._sources = Sources(redis, keys, who, clock, why=why)
        self._writer = Writer(redis, keys, who, clock, why=why)
        self._feeds = FeedWriter(redis, keys, who, clock, why=why)
        self._reader = Reader(redis, keys)
        self.feeds = FeedReader(redis, keys)

    async def state_of(self, name: str, kind: Kind) -> FeedState:
        """What came of a feed so far. FeedRefused where one of that name is another kind's."""
        return _checked_state(name, kind, await self.feeds.state(name))

    async def bring(
        self,
        name: str,
        kind: Kind,
        file: IO[bytes],
        place: str,
        options: Options,
        *,
        increment: bool = False,
        accept_fewer: bool = False,
        dry_run: bool = False,
        validator: tuple[str, str, str] | None = None,
        known: bool = False,
    ) -> Brought:
        """Bring a file. FeedRefused says in one line why nothing was written.

        `known`: the feed was there before the file was fetched, and `Removed` where it is no more.
        """
        options = checked_options(kind, options)
        known = known or await self.is_known(name)
        for _ in range(TRIES):
            was, now = await self.feeds.state(name), self._clock()
            state = _checked_state(name, kind, was)
            with self._bar(f"reading {place}", os.fstat(file.fileno()).st_size) as tell:
                asked = Asked(name, place, now, options, increment=increment, tell=tell)
                plan = kind.read(file, await self._with_kept(kind, asked))
            check_rows(plan, kind, state, increment=increment, accept_fewer=accept_fewer)
            await self._refuse_anothers(name, plan)
            if known and not await self.is_known(name):
                raise _removed(name)
            if dry_run:
                planned: Lists = {each: (len(of.entries), None) for each, of in plan.lists.items()}
                return brought_by(name, kind, place, plan, planned, written=False)
            lists = await self._write_lists(name, plan, state, place, now)
            new = state_after(state, kind, place, plan, lists, now, increment=increment)
            new = new.with_validator(*validator) if validator else new
            if known and not await self.is_known(name):
                for each in lists:
                    await Taker(self._sources, self._bar).remove_source(each, name)
                raise _removed(name)
            done: list[str] = []
            if await self._feeds.keep(
                name,
                msgspec.json.encode(new),
                put=plan.put,
                cut=plan.cut,
                table=plan.table,
                was=was or b"",
            ):
                if kind.name == "rmd":
                    done, alarms = await self._watch(options, now)
                    new = msgspec.structs.replace(new, alarms=tuple(alarms))
                    await self._feeds.keep(name, msgspec.json.encode(new))
                return brought_by(name, kind, place, plan, lists, new.alarms, done)
            # Somebody else has brought a file meanwhile: ours is read again beside it.
        raise FeedRefused(f"feed {name} is imported by others all the time: try again")

    async def _with_kept(self, kind: Kind, asked: Asked) -> Asked:
        parts = await self.feeds.parts(asked.name) if kind.keeps else {}
        table = await self.feeds.whole_rmd() if kind.name == "rmd" else {}
        return asked._replace(parts=parts, table=table)

    async def failed(self, name: str, kind: Kind, why: str) -> FeedState:
        """Keep that an attempt failed."""
        state = decode_state(await self.feeds.state(name)).failing(why, self._clock())
        state = msgspec.structs.replace(state, kind=state.kind or kind.name)
        await self._feeds.keep(name, msgspec.json.encode(state))
        return state

    async def confirmed(self, name: str, kind: Kind, options: Options) -> FeedState:
        """Keep that there was nothing new. Our own register may be, so peers are looked at."""
        now = self._clock()
        state = decode_state(await self.feeds.state(name)).confirmed(now)
        if kind.name == "rmd":
            _, alarms = await self._watch(options, now)
            state = msgspec.structs.replace(state, alarms=tuple(alarms))
        await self._feeds.keep(name, msgspec.json.encode(state))
        return state

    async def is_known(self, name: str) -> bool:
        """Whether a feed is set up, or anything came of it."""
        return bool(await self.feeds.feed(name) or await self.feeds.state(name))

    async def remove(self, name: str) -> dict[str, int]:
        """Take out all that a feed brought, with its set-up: list → entries that went."""
        state = decode_state(await self.feeds.state(name))
        set_up = await self.feeds.feed(name)
        if set_up is None and not state.kind:
            raise FeedRefused(f"no feed {clean(name, 40)}: `ringfence feed status` shows them")
        await self._feeds.remove_feed(name)
        gone = {}
        for each in state.lists:
            try:
                done = await Taker(self._sources, self._bar).remove_source(each, name)
                gone[each] = done.changed
            except WriteRefused:  # an admin was there first
                gone[each] = 0
        if state.kind == "rmd":
            await enforce(self._reader, self._writer, [], self._clock())
        await self._feeds.forget(name, table=state.kind == "rmd")
        return gone

    async def _write_lists(
        self, name: str, plan: Plan, state: FeedState, place: str, now: float
    ) -> Lists:
        found: Lists = {}
        for each, entries in plan.lists.items():
            record = import_record(
                self._who, now, place, note_of(name), len(entries.entries), replace=True
            )
            done = await Bringer(self._sources, self._bar).bring(
                each, entries, source=name, replace=True, record=record
            )
            found[each] = len(entries.entries), done.changed
        for each in state.lists.keys() - plan.lists.keys():
            # the feed fills another list now
            if name in (await self._sources.of(each)):
                await Taker(self._sources, self._bar).remove_source(each, name)
        return found

    async def _refuse_anothers(self, name: str, plan: Plan) -> None:
        """An import takes the place of all that its source brought: that must be its own."""
        for each in plan.lists:
            source = (await self._sources.of(each)).get(name)
            if source is None or not source.held:
                continue
            last = source.imports[0] if source.imports else None
            if last is None or last.note != note_of(name):
                by = f" ({clean(last.file, 60)})" if last else ""
                raise FeedRefused(
                    f"list {each} has entries of a source {name} that no feed brought{by}: choose "
                    f"another --name, or `ringfence list remove {each} --source {name}` first"
                )

    async def _watch(self, options: Options, now: float) -> tuple[list[str], list[str]]:
        peers = await direct_peers(self._reader, self.feeds)
        blocked = peers if options.block_missing else []
        done = await enforce(self._reader, self._writer, blocked, now)
        return done, [peer.alarm for peer in peers if peer.alarm]


def note_of(name: str) -> str:
    """By this note a source's imports are known as those of a feed."""
    return f"feed {name}"


def _removed(name: str) -> Removed:
    return Removed(f"feed {name} was removed meanwhile: nothing of it is kept")


def _checked_state(name: str, kind: Kind, text: bytes | None) -> FeedState:
    checked_name(name)
    if kind.alone and name != kind.name:
        raise FeedRefused(f"there is one feed of kind {kind.name}, and it has that name")
    if not kind.default_list and "list" in kind.takes:
        # the list has the feed's own name, unless another is given
        refuse_filled(name)
    state = decode_state(text)
    if state.kind not in ("", kind.name):
        raise FeedRefused(
            f"feed {name} is of kind {state.kind}: choose another --name, or `ringfence feed "
            f"remove {name}` first"
        )
    return state
