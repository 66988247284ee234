"""Where reports take call records from, and how far back there are any; counts nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from typing import Any, cast

from redis.asyncio import Redis

from ringfence.archive.day import midnight
from ringfence.archive.place import Place, oldest_day
from ringfence.archive.search import CallSearch
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord
from ringfence.store.keys import Keys

MOST_NAMED = 3


class CallRecords:
    """The whole call log, as far as this machine has it: the stream and the archive."""

    def __init__(self, redis: Redis, keys: Keys, place: Place) -> None:
        self._redis = redis
        self._stream = keys.calls
        self._place = place
        self._search = CallSearch(redis, keys, place)

    def of(self, wanted: CallFilter) -> AsyncGenerator[CallRecord, None]:
        """All matching records, newest first."""
        return self._search.newest(wanted, limit=None)

    async def oldest(self) -> datetime | None:
        """Since when there are records at all, about; None where there are none."""
        day = await oldest_day(self._place)
        found = [midnight(day)] if day else []
        first = cast(Any, await self._redis.xrange(self._stream, count=1))
        if first:
            ms = StreamId.parse(first[0][0]).ms
            found.append(datetime.fromtimestamp(min(ms / 1000, 4e9), UTC))
        return min(found, default=None)

    def notes(self) -> Iterator[str]:
        """What could not be read: the answer is without that."""
        if skipped := self._search.stream.skipped:
            yield f"{skipped} entries of the stream are no call records"
        if damaged := self._search.archive.damaged:
            yield f"{damaged} damaged records in the archive are left out"
        if away := self._search.archive.away:
            yield f"the archive could not be read: {away}"
        unread = sorted(self._search.archive.unread.items())
        for day, why in unread[:MOST_NAMED]:
            yield f"the calls of {day} could not be read: {why}"
        if len(unread) > MOST_NAMED:
            yield f"nor could those of {len(unread) - MOST_NAMED} more days"
