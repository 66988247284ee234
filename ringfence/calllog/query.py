"""Reads the stream of call records: newest first, or as they come; writes nothing.

Garbage in the stream (somebody's XADD by hand, a record of a foreign version) is skipped and
counted, never an end of the answer. What was archived and trimmed is not here: `archive.search`
has both in one view.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from ringfence.calllog.filter import EVERYTHING, CallFilter
from ringfence.calllog.record import CallRecord, decode_record, utc_text
from ringfence.store.keys import Keys

__all__ = ["EVERYTHING", "CallFilter", "CallQuery", "StreamId"]

PAGE = 500
BLOCK_MS = 1_000
"""Shorter than the two seconds that a connection waits for any reply."""
ANSWER_SECONDS = 3.0
"""Also of a client without a time-out: a Redis that hangs is asked again."""
CLOCK_SKEW = 60.0
"""How far the door's clock may be ahead of Redis's."""
ORDER_MS = 2_000
"""The same as far as the order of the answer goes: looked ahead for before a record is next."""
LAST_MS = 253_402_300_799_000
"""The end of the year 9999, for entries that somebody wrote with an id of their own."""
RETRY_SECONDS = 1.0

Page = list[tuple[bytes | str, Mapping[bytes | str, bytes | str] | None]]
"""Entries of a stream as redis-py hands them out, whose own types say less."""


class StreamId(NamedTuple):
    """A stream's entry id, in its order: milliseconds of Redis's clock, and a number."""

    ms: int
    sequence: int

    @classmethod
    def parse(cls, text: bytes | str) -> StreamId:
        """``1763830000000-0``. ValueError where it is none."""
        ms, _, sequence = _text(text).partition("-")
        return cls(int(ms), int(sequence or 0))

    def __str__(self) -> str:
        return f"{self.ms}-{self.sequence}"


class CallQuery:
    """Answers from one stream; `skipped` counts entries that were no call records."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._stream = keys.calls
        self.skipped = 0

    async def position(self) -> str:
        """Where the stream ends now: list up to here, then follow from here, without a gap."""
        newest: Page = cast(Any, await self._redis.xrevrange(self._stream, count=1))
        return _text(newest[0][0]) if newest else "0-0"

    async def newest(
        self,
        wanted: CallFilter = EVERYTHING,
        *,
        limit: int | None = 100,
        upto: str = "+",
        after: str = "",
    ) -> AsyncGenerator[CallRecord, None]:
        """Up to `limit` matching records (None: all), the newest first by their own time.

        Records that were spooled stand behind younger ones in the stream; they are handed out in
        their place. Only entries behind `after` are looked at. Raises what Redis raises.
        """
        # ISO text sorts as time does; reversed, as heapq has the smallest first.
        waiting: list[_Newest] = []
        found = 0
        async for entry, record in self._backwards(wanted, upto, after):
            # whatever else comes was in the stream by then
            reached = utc_text(min(entry.ms + ORDER_MS, LAST_MS) / 1000)
            while waiting and (limit is None or found < limit):
                if waiting[0].record.time <= reached:
                    break
                yield heapq.heappop(waiting).record
                found += 1
            if limit is not None and found >= limit:
                return
            if record:
                heapq.heappush(waiting, _Newest(entry, record))
        while waiting and (limit is None or found < limit):
            yield heapq.heappop(waiting).record
            found += 1

    async def _backwards(
        self, wanted: CallFilter, upto: str, after: str
    ) -> AsyncIterator[tuple[StreamId, CallRecord | None]]:
        """Matching records with their entries, last in first, and at each page's end its entry."""
        before, oldest = upto, _oldest(wanted, after)
        while True:
            page: Page = cast(
                Any,
                await self._redis.xrevrange(self._stream, max=before, min=oldest, count=PAGE),
            )
            for entry, record in self.decode(page):
                if record and wanted.matches(record):
                    yield entry, record
            if not page:
                return
            last = StreamId.parse(page[-1][0])
            yield last, None
            if len(page) < PAGE:
                return
            before = f"({last}"

    async def follow(
        self, wanted: CallFilter = EVERYTHING, *, after: str = ""
    ) -> AsyncGenerator[CallRecord, None]:
        """Matching records as they come, from now or after a position, until it is closed.

        Goes on where it was when Redis has been away. An answer that it refuses (no permission,
        wrong kind of key) is raised, as waiting mends nothing.
        """
        last = after
        while True:
            try:
                last = last or await self.position()
                page = await self._next_page(last)
            except ResponseError:
                raise
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for _, record in self.decode(page):
                if record and wanted.matches(record):
                    yield record
            last = _text(page[-1][0]) if page else last

    async def _next_page(self, last: str) -> Page:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = cast(
                "list[tuple[bytes | str, Page]] | None",
                await self._redis.xread({self._stream: last}, count=PAGE, block=BLOCK_MS),
            )
        return answer[0][1] if answer else []

    def decode(self, page: Page) -> Iterator[tuple[StreamId, CallRecord | None]]:
        """Each entry with its record; None, and counted, where it is none."""
        for entry, fields in page:
            try:
                record = decode_record(record_bytes(fields))
            except ValueError:
                self.skipped += 1
                yield StreamId.parse(entry), None
            else:
                yield StreamId.parse(entry), record


class _Newest(NamedTuple):
    """Orders the youngest call first; of one millisecond, the one that came in last."""

    entry: StreamId
    record: CallRecord

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        mine = (self.record.time, self.entry)
        return mine > (other[1].time, other[0])


def record_bytes(fields: Mapping[bytes | str, bytes | str] | None) -> bytes:
    """The record's JSON in a stream entry's fields; empty where there is none."""
    fields = fields or {}
    data = fields.get(b"record", fields.get("record", b""))
    return data.encode() if isinstance(data, str) else data


def _oldest(wanted: CallFilter, after: str) -> str:
    """The stream id before which nothing can match."""
    least = int((wanted.earliest - CLOCK_SKEW) * 1000)
    if after and StreamId.parse(after).ms >= least:
        return f"({after}"
    return str(least) if least > 0 else "-"


def _text(entry: bytes | str) -> str:
    return entry.decode() if isinstance(entry, bytes) else entry
