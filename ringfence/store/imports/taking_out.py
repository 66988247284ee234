"""Takes entries out of a list: those that an admin names, what a source brought, or all.

Knows what belongs to whom; `sources` does the writes.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable

from ringfence.store.imports.entry_set import EntrySet, Repacked
from ringfence.store.imports.list_changes import TRIES, Change, Done, Ledger, Moved, busy
from ringfence.store.imports.list_copy import Bar, no_bar, pages
from ringfence.store.imports.source_records import BY_HAND, Source
from ringfence.store.imports.sources import Sources
from ringfence.store.writing.list_writer import Origin, canonical
from ringfence.store.writing.scripting import WriteRefused

REMOVED_AT_ONCE = 2_000
"""Entries that go in one step: 3 ms during which Redis serves nobody else, 10 on a busy machine."""


class Taker:
    """Removals from lists. No step keeps Redis busy for much more than 10 ms."""

    def __init__(self, sources: Sources, bar: Bar = no_bar, step: int = REMOVED_AT_ONCE) -> None:
        self._sources = sources
        self._bar = bar
        self._step = step

    async def take_out(self, name: str, entries: Iterable[str]) -> Done:
        """Remove entries that an admin names, whoever brought them."""
        result = Done(0, 0, "")
        origin = Origin(change=secrets.token_hex(4))
        for page in pages(canonical(entries), self._step):
            done = await self._take_page(name, page, origin)
            result = done._replace(changed=result.changed + done.changed)
        return result

    async def take_all(self, name: str) -> Done:
        """Remove a list, and all that is known of its sources."""
        for _ in range(TRIES):
            ledger = await self._sources.outline(name)
            size = (await self._sources.look(name, [])).size
            change = Change(whole=True, op="remove-all", changed=size)
            gone = dict.fromkeys({*ledger.sources, BY_HAND})
            try:
                return await self._sources.write(name, change, ledger, {}, gone, Origin())
            except Moved:
                continue
        raise busy(name)

    async def remove_source(self, name: str, source: str) -> Done:
        """Take out what a source brought and nobody else, in steps; killed, it can be repeated."""
        changed, origin, tries = 0, Origin(source, change=secrets.token_hex(4)), 0
        while tries < TRIES:
            ledger = await self._sources.ledger(name)
            if source not in ledger.named:
                raise WriteRefused(
                    f"list {name} has no source {source[:64]}: `ringfence list sources {name}`"
                )
            try:
                async for done in self._remove_steps(name, source, ledger, origin):
                    changed, tries = changed + done.changed, 0
                return Done(changed, done.size, done.version)
            except Moved:
                tries += 1
        raise busy(name)

    async def _remove_steps(
        self, name: str, source: str, ledger: Ledger, origin: Origin
    ) -> AsyncIterator[Done]:
        mine = ledger.brought[source]
        alone, done = mine - ledger.others(source), 0
        with self._bar(f"removing {source}", len(alone)) as tell:
            for page in pages(alone, self._step):
                mine.discard(page)
                repacked = mine.repacked(EntrySet(page))
                after = ledger.sources | {source: Source(ledger.sources[source].imports, len(mine))}
                counted = await self._sources.write(
                    name, Change(remove=page), ledger, after, {source: repacked}, origin
                )
                ledger = ledger._replace(version=counted.version, sources=after)
                yield counted
                tell(done := done + len(page))
        after = {each: of for each, of in ledger.sources.items() if each != source}
        gone: dict[str, Repacked | str | None] = {source: None}
        if ledger.named == [source]:
            # where no source is left, all that is there came by hand
            gone[BY_HAND] = None
            by_hand = after.pop(BY_HAND, Source())
            after |= {BY_HAND: Source(by_hand.imports)} if by_hand.imports else {}
        yield await self._sources.write(name, Change(), ledger, after, gone, origin)

    async def _take_page(self, name: str, page: list[str], origin: Origin) -> Done:
        for _ in range(TRIES):
            gone = EntrySet(page)
            ledger = await self._sources.ledger(name, gone)
            after, brought = dict(ledger.sources), {}
            for source, entries in ledger.brought.items():
                if len(touched := entries & gone):
                    brought[source] = (entries - touched).repacked(touched)
                    after[source] = after[source].with_more(-len(touched))
            try:
                change = Change(remove=page)
                return await self._sources.write(name, change, ledger, after, brought, origin)
            except Moved:
                continue
        raise busy(name)
