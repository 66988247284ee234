"""What each source has brought to a number list: kept beside the list, in step with it.

Owns the reads and the one write of it; what an import or a removal is to do, `bringing` knows.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ringfence.call import clean
from ringfence.store.imports.entry_set import EntrySet, Repacked, field_of
from ringfence.store.imports.list_changes import (
    MOST_BYTES,
    MOST_FIELDS,
    Change,
    Done,
    Ledger,
    Look,
    Moved,
    TooLarge,
)
from ringfence.store.imports.source_records import (
    VERSION,
    Source,
    decode_source,
    encode_source,
)
from ringfence.store.keys import CHANGE_ENTRIES, STAGING_SECONDS, Keys
from ringfence.store.writing.list_writer import MAX_CONVERTED, NAMED, Origin
from ringfence.store.writing.scripting import MAX_WHY, Scripts, WriteRefused

FIELDS_AT_ONCE = 1_000


class Sources(Scripts):
    """The sources of all lists; writes in the name of `who`."""

    BEGIN: ClassVar = (*Scripts.BEGIN, "source_scores")
    NAMES: ClassVar = ("source_look", "source_write")

    @property
    def _any(self) -> Any:
        # redis-py says of many commands that they may not be awaited
        return self._redis

    @property
    def redis(self) -> Redis:
        """For what is staged."""
        return self._redis

    @property
    def keys(self) -> Keys:
        """For what is staged."""
        return self._keys

    @property
    def who(self) -> str:
        """In whose name this writes."""
        return self._who

    def now(self) -> float:
        """Unix seconds."""
        return self._clock()

    async def of(self, name: str) -> dict[str, Source]:
        """The sources of a list; what came without one is under `BY_HAND`."""
        return (await self.outline(name)).sources

    async def outline(self, name: str) -> Ledger:
        """The sources of a list without what they brought."""
        sources: dict[str, Source] = {}
        key = self._keys.sources(name)
        # The version first: where something changes in between, it is the old one, and no write
        # that is built on it passes.
        version = (await self._answered(self._any.hget(key, VERSION), key) or b"").decode()
        async for page in self._pages(key):
            for field, value in page.items():
                if field != VERSION.encode():
                    sources[field.decode(errors="replace")] = decode_source(value)
        return Ledger(version, sources, {})

    async def ledger(self, name: str, concerning: EntrySet | None = None) -> Ledger:
        """The sources of a list with all that they brought; with `concerning` only what is in the
        same fields as these entries."""
        ledger = await self.outline(name)
        if concerning is not None:
            fields = concerning.touched_fields()
            brought = await self._parts(name, list(ledger.sources), fields)
            return ledger._replace(brought=brought, whole=False)
        for each in ledger.sources:
            ledger.brought[each] = await self.brought(name, each)
        return ledger

    async def brought(self, name: str, source: str) -> EntrySet:
        """The entries that are down as brought by a source."""
        result = EntrySet()
        async for page in self._pages(self._keys.brought(name, source)):
            result.take_fields(page)
        return result

    async def brought_by(self, name: str, entry: str) -> list[str]:
        """The sources that brought this very entry."""
        sources = list(await self.of(name))
        found = await self._parts(name, sources, [field_of(entry)])
        return sorted(source for source in sources if entry in found[source])

    async def _parts(
        self, name: str, sources: Sequence[str], fields: Sequence[str]
    ) -> dict[str, EntrySet]:
        found = {source: EntrySet() for source in sources}
        for first in range(0, len(fields), FIELDS_AT_ONCE):
            some = list(fields[first : first + FIELDS_AT_ONCE])
            async with self._redis.pipeline(transaction=False) as pipe:
                for source in sources:
                    pipe.hmget(self._keys.brought(name, source), some)
                answers = await self._answered(pipe.execute(), self._keys.brought(name, "*"))
            for entries, values in zip(found.values(), answers, strict=True):
                held = {f.encode(): v for f, v in zip(some, values, strict=True) if v is not None}
                entries.take_fields(held)
        return found

    async def look(self, name: str, entries: Sequence[str]) -> Look:
        """What a list has of up to `LOOKED_AT_ONCE` entries."""
        keys = [self._keys.list(name), self._keys.sources(name)]
        _, kind, size, scores = await self._run(
            "source_look", keys, [msgspec.msgpack.encode(entries)], None
        )
        return Look(kind.decode(), size, [float(each) if each else 0.0 for each in scores], scores)

    async def write(
        self,
        name: str,
        change: Change,
        before: Ledger,
        after: Mapping[str, Source],
        brought: Mapping[str, Repacked | str | None],
        origin: Origin,
    ) -> Done:
        """Do one change, with all that sources are to be after it, in one step.

        `brought` has what changes of the entries of each source: fields, the key where the whole
        is staged, or None where it goes. `Moved` where something is not as `before` and `change`
        have it.
        """
        keys = [self._keys.list(name), self._keys.changes, self._keys.history]
        keys.append(self._keys.sources(name))
        version = secrets.token_hex(8) if after else ""

        def place(key: str) -> int:
            keys.append(key)
            return len(keys)

        parts = []
        for source, each in brought.items():
            at, staged = place(self._keys.brought(name, source)), 0
            put: list[str | msgspec.Raw] = []
            cut: list[str] = []
            if isinstance(each, str):
                staged = place(each)
            elif each is not None:
                put = [part for field, value in each.put.items() for part in (field, _bytes(value))]
                cut = each.cut
            parts.append((at, staged, put, cut, each is None))
        what = {
            "name": name,
            "chunk": CHANGE_ENTRIES,
            "named": NAMED,
            "now": repr(self._clock()),
            "largest_converted": MAX_CONVERTED,
            "version": before.version,
            "new_version": version,
            "look": change.seen[0] if change.seen else [],
            "seen": hashlib.sha1(b",".join(change.seen[1])).hexdigest() if change.seen else None,
            "remove": change.remove,
            "add": change.add,
            "staged": place(change.staged) if change.staged else 0,
            "as_of": str(change.as_of) if change.as_of else None,
            "size": change.size if change.as_of else None,
            "whole": change.whole,
            "ranges": change.ranges,
            "op": change.op,
            "changed": change.changed,
            "some": ",".join(change.some),
            "brought": parts,
            "sources": [x for n, each in after.items() for x in (n, encode_source(each).decode())],
            "forget": sorted(before.sources.keys() - after.keys()),
        }
        told = {field: clean(text, MAX_WHY) for field, text in origin._asdict().items()}
        try:
            done = await self._run("source_write", keys, [msgspec.msgpack.encode(what)], told)
        except ResponseError as error:
            if "TOOLARGE" in str(error):
                raise TooLarge from None
            raise
        if done[0] != b"done":
            raise Moved(done[0].decode())
        return Done(int(done[1]), int(done[2]), version)

    async def stage(self, entries: EntrySet) -> str:
        """Write the entries of a source aside; returns the key. There must be some."""
        staged = self.staging()
        waiting: dict[str, bytes] = {}
        size = 0
        try:
            for field, value in entries.fields():
                waiting[field] = value
                size += len(field) + len(value)
                if size > MOST_BYTES or len(waiting) >= MOST_FIELDS:
                    await self._put(staged, waiting)
                    waiting, size = {}, 0
            if waiting:
                await self._put(staged, waiting)
        except BaseException:
            await self.drop([staged])
            raise
        return staged

    def staging(self) -> str:
        """A new key for what is staged."""
        return self._keys.staging(secrets.token_hex(8))

    async def drop(self, staged: Iterable[str]) -> None:
        """Let go of what was staged."""
        if keys := list(staged):
            await self._redis.unlink(*keys)

    async def _put(self, key: str, fields: Mapping[str, bytes]) -> None:
        async with self._redis.pipeline() as pipe:
            pipe.hset(key, mapping=cast("Any", fields))
            pipe.expire(key, STAGING_SECONDS)
            await pipe.execute()

    async def _pages(self, key: str) -> AsyncIterator[dict[bytes, bytes]]:
        cursor: Any = 0
        while True:
            answer = self._any.hscan(key, cursor, count=FIELDS_AT_ONCE)
            cursor, page = await self._answered(answer, key)
            yield page
            if int(cursor) == 0:
                return

    async def _answered(self, answer: Awaitable[Any], key: str) -> Any:
        try:
            return await answer
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            raise WriteRefused(f"{key} has a wrong type in Redis: see TYPE, then DEL it") from None


def _bytes(value: bytes) -> msgspec.Raw:
    # Lua's MessagePack knows no bytes but those of a str.
    return msgspec.Raw(b"\xdb" + len(value).to_bytes(4, "big") + value)
