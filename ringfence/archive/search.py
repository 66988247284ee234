"""The call log as one: what is in the stream and what is archived, each call once, newest first.

Knows no table: the stream is read by `calllog.query`, the archive by what its place has, in a
thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import islice

from redis.asyncio import Redis

from ringfence.archive.lease import read_status
from ringfence.archive.place import Place
from ringfence.archive.writing import START
from ringfence.calllog.filter import EVERYTHING, CallFilter
from ringfence.calllog.query import CallQuery
from ringfence.calllog.record import CallRecord
from ringfence.store.keys import Keys

CHUNK = 200
"""Records out of the thread at once."""


class CallSearch:
    """Answers from the stream behind `redis` and the archive at `place`, if there is one."""

    def __init__(self, redis: Redis, keys: Keys, place: Place) -> None:
        self._redis = redis
        self._keys = keys
        self.stream = CallQuery(redis, keys)
        self.archive = place.source()

    async def newest(
        self, wanted: CallFilter = EVERYTHING, *, limit: int | None = 100, upto: str = "+"
    ) -> AsyncGenerator[CallRecord, None]:
        """Up to `limit` matching records (None: all). Raises what Redis raises; of what cannot
        be read there, `archive.unread` and `archive.away` tell."""
        after = await self.archived_upto()
        found = 0
        async with (
            contextlib.aclosing(
                self.stream.newest(wanted, limit=limit, upto=upto, after=after)
            ) as young,
            contextlib.aclosing(self._archived(wanted)) as old,
        ):
            merged = _merged(young, old)
            async with contextlib.aclosing(merged):
                async for record in merged:
                    if limit is not None and found >= limit:
                        return
                    yield record
                    found += 1

    async def count(self, since: float, until: float) -> int:
        """How many calls were screened in a span, whatever they are."""
        after = await self.archived_upto()
        wanted, total = CallFilter(since=since, until=until), 0
        async with contextlib.aclosing(
            self.stream.newest(wanted, limit=None, after=after)
        ) as young:
            async for _ in young:
                total += 1
        return total + await asyncio.to_thread(self.archive.count, since, until)

    async def archived_upto(self) -> str:
        """The entry of the stream up to which the archive has everything; "" for none.

        The archive may be another Redis's, or of before it lost its data: what both say counts.
        """
        status = await read_status(self._redis, self._keys)
        here = await asyncio.to_thread(self.archive.position)
        both = min(here, status.position or START)
        return str(both) if both > START else ""

    async def _archived(self, wanted: CallFilter) -> AsyncGenerator[CallRecord, None]:
        records = self.archive.newest(wanted)
        try:
            while some := await asyncio.to_thread(lambda: list(islice(records, CHUNK))):
                for record in some:
                    yield record
        finally:
            # lets go of the file that it is in; where its thread is still at work, that does
            with contextlib.suppress(ValueError):
                records.close()


async def _merged(
    young: AsyncIterator[CallRecord], old: AsyncIterator[CallRecord]
) -> AsyncGenerator[CallRecord, None]:
    """Both in the order of time, each call once: what was archived meanwhile comes from both."""
    seen: set[str] = set()
    one, other = await anext(young, None), await anext(old, None)
    while one or other:
        both = one is not None
        if one and (not other or one.time >= other.time):
            record, one = one, await anext(young, None)
        elif other:
            record, other = other, await anext(old, None)
        if record.id not in seen:
            yield record
            # when the stream has come to its end, nothing new can come twice
            if both:
                seen.add(record.id)
