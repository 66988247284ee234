"""Imports into lists, each as a whole in one step, with what there is to know of their sources.

A few entries are written into the list in force. Of many a copy is made, with them in it, that
takes its place. What belongs to whom, `import_plan` knows; `sources` does the writes.
"""

from __future__ import annotations

import math
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ringfence.store.imports.entry_set import EntrySet, Repacked
from ringfence.store.imports.import_plan import NOTHING, Plan
from ringfence.store.imports.list_changes import (
    LOOKED_AT_ONCE,
    STEP,
    TRIES,
    Change,
    Done,
    Moved,
    TooLarge,
    busy,
    small,
)
from ringfence.store.imports.list_copy import Bar, ListCopy, Wanted, no_bar, pages, some_of
from ringfence.store.imports.source_records import (
    BY_HAND,
    MAX_SOURCES,
    Import,
    Source,
    checked_source,
)
from ringfence.store.imports.sources import Sources
from ringfence.store.writing.list_writer import NAMED, Origin, canonical
from ringfence.store.writing.scripting import WriteRefused

TRIES_TO_CATCH_UP = 200


class Few:
    """Entries that an admin has typed."""

    def __init__(self, entries: Iterable[str], expires: float = math.inf) -> None:
        self._texts = canonical(entries)
        self._expires = expires
        self.entries = EntrySet(self._texts)
        self.expiring = expires < math.inf

    def dated(self) -> Iterator[tuple[str, float]]:
        """Each with the expiry that all of them have."""
        return iter([(text, self._expires) for text in self._texts])


class Bringer:
    """Imports into lists. Up to `step` entries are written into the list in force."""

    def __init__(self, sources: Sources, bar: Bar = no_bar, step: int = STEP) -> None:
        self._sources = sources
        self._bar = bar
        self._step = step

    async def bring(
        self,
        name: str,
        wanted: Wanted,
        *,
        source: str = "",
        replace: bool = False,
        record: Import | None = None,
    ) -> Done:
        """Put entries into a list, all in one step.

        `replace`: in the place of what this source brought; without a source, of the whole list.
        `changed` is how many entries are new, have a new expiry or are gone.
        """
        if source:
            checked_source(source)
        origin = Origin(source, record.note if record else "", secrets.token_hex(4))
        for _ in range(TRIES):
            try:
                if replace and not source:
                    return await self._replace_all(name, wanted, record, origin)
                few = wanted.entries if len(wanted.entries) <= self._step and not replace else None
                ledger = await self._sources.ledger(name, few)
                if source and source not in ledger.sources and len(ledger.named) >= MAX_SOURCES:
                    raise WriteRefused(
                        f"list {name} has {MAX_SOURCES} sources already: remove one with "
                        f"`ringfence list remove {name} --source S`"
                    )
                plan = Plan(ledger, wanted, source, replace, record)
                return await self._bring(name, plan, origin)
            except Moved:
                continue
        raise busy(name)

    async def _replace_all(
        self, name: str, wanted: Wanted, record: Import | None, origin: Origin
    ) -> Done:
        copy = ListCopy(self._sources, name, wanted, NOTHING)
        try:
            await copy.lay_over(NOTHING, self._bar)
            for _ in range(TRIES):
                ledger = await self._sources.outline(name)
                size = (await self._sources.look(name, [])).size
                change = Change(
                    whole=True, staged=copy.staged, ranges=copy.ranges, op="replace",
                    changed=size, some=some_of(wanted, NAMED),
                )  # fmt: skip
                after = {BY_HAND: Source().after(record, 0)}
                gone = dict.fromkeys({*ledger.sources, BY_HAND})
                try:
                    return await self._sources.write(name, change, ledger, after, gone, origin)
                except Moved:
                    continue
            raise busy(name)
        except BaseException:
            await self._sources.drop([copy.staged])
            raise

    async def _bring(self, name: str, plan: Plan, origin: Origin) -> Done:
        if found := await self._look(name, plan):
            try:
                return await self._bring_few(name, plan, found, origin)
            except TooLarge:
                pass
        return await self._bring_many(name, plan, origin)

    async def _look(self, name: str, plan: Plan) -> _Found | None:
        """What is to be written into the list in force; None where it is too much for a step."""
        now, many = self._sources.now(), len(plan.wanted.entries) > self._step
        if len(plan.gone) > self._step or (many and not (await self._sources.look(name, [])).size):
            return None
        found, met, done = _Found({}, {}, EntrySet()), [], 0
        with self._bar("comparing", len(plan.wanted.entries)) as tell:
            for page in pages(plan.wanted.dated(), LOOKED_AT_ONCE):
                look = await self._sources.look(name, [text for text, _ in page])
                for (text, until), there, score in zip(page, look.until, look.scores, strict=True):
                    if there > now:
                        met.append(text)
                        if there > until and plan.is_careful_with(text):
                            until = there
                    if until == there:
                        found.writes.pop(text, None)
                    else:
                        found.writes[text], found.scores[text] = until, score
                if len(found.writes) + len(plan.gone) > self._step:
                    return None
                tell(done := done + len(page))
        found.met.update(met)
        return found

    async def _bring_few(self, name: str, plan: Plan, found: _Found, origin: Origin) -> Done:
        by_expiry: defaultdict[str, list[str]] = defaultdict(list)
        for text, until in found.writes.items():
            by_expiry["" if until == math.inf else repr(until)].append(text)
        seen = list(found.writes), [found.scores[text] for text in found.writes]
        change = Change(list(plan.gone), list(by_expiry.items()), seen)
        return await self._write(name, change, plan, found.met, origin)

    async def _bring_many(self, name: str, plan: Plan, origin: Origin) -> Done:
        copy = ListCopy(self._sources, name, plan.wanted, plan.gone)
        try:
            await copy.take_base(self._bar)
            await copy.lay_over(plan.careful(copy.met), self._bar)
            for _ in range(TRIES_TO_CATCH_UP):
                await copy.catch_up()
                changed = len(plan.wanted.entries) - len(copy.met) + len(plan.gone)
                change = Change(
                    whole=True, staged=copy.staged, ranges=copy.ranges, as_of=copy.as_of,
                    size=copy.size, op="replace" if plan.replace else "add", changed=changed,
                    some=some_of(plan.wanted, NAMED),
                )  # fmt: skip
                try:
                    return await self._write(name, change, plan, copy.met, origin)
                except Moved as moved:
                    if not moved.behind:
                        raise
            raise Moved("behind")
        except BaseException:
            await self._sources.drop([copy.staged])
            raise

    async def _write(
        self, name: str, change: Change, plan: Plan, met: EntrySet, origin: Origin
    ) -> Done:
        brought: dict[str, Repacked | str | None] = {}
        after = dict(plan.ledger.sources)
        try:
            for source, entries in plan.brought_after(met).items():
                before = plan.ledger.brought.get(source, NOTHING)
                repacked = entries.repacked(entries ^ before)
                if plan.ledger.whole and not small(repacked):
                    staged = await self._sources.stage(entries) if len(entries) else None
                    brought[source] = staged
                else:
                    brought[source] = repacked
                after[source] = after.get(source, Source()).with_more(len(entries) - len(before))
            if plan.record:
                old = after.get(plan.owner, Source())
                after[plan.owner] = old.after(plan.record, old.held)
            return await self._sources.write(name, change, plan.ledger, after, brought, origin)
        except BaseException:
            await self._sources.drop(each for each in brought.values() if isinstance(each, str))
            raise


class _Found(NamedTuple):
    """Entries to write with their expiry, what the list had of them, and which ones it had."""

    writes: dict[str, float]
    scores: dict[str, bytes]
    met: EntrySet
