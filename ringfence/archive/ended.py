"""The ends of calls on their way from Redis into the archive: read, and dropped when they are
safe; knows no file and nothing of when it is done.

The stream is read from its beginning each time, and nothing else says how far it is: what was
written and not dropped comes again, and is there once all the same.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, cast

import structlog
from redis.asyncio import Redis
from structlog.typing import FilteringBoundLogger

from ringfence.archive.lease import COMMAND_SECONDS, Lease
from ringfence.archive.writing import LeaseLost
from ringfence.calllog.ended import CallEnd, decode_end
from ringfence.store.keys import Keys

BATCH = 500
FIELD = b"end"


class EndBatch(NamedTuple):
    """Entries of the stream, and what they say; some may say nothing."""

    entries: list[bytes]
    ends: list[CallEnd]

    @property
    def full(self) -> bool:
        """Whether there may be more."""
        return len(self.entries) == BATCH


class EndedStream:
    """The stream, for a holder of the lease."""

    def __init__(
        self, redis: Redis, keys: Keys, lease: Lease, log: FilteringBoundLogger | None = None
    ) -> None:
        self._redis = redis
        self._key = keys.ended
        self._lease = lease
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        self.skipped = 0

    async def read(self) -> EndBatch:
        """The oldest entries."""
        async with asyncio.timeout(COMMAND_SECONDS):
            page = cast("Any", await self._redis.xrange(self._key, count=BATCH))
        ends = []
        for id, fields in page:
            try:
                ends.append(decode_end((fields or {}).get(FIELD, b"")))
            except ValueError:
                self._skip(id)
        return EndBatch([id for id, _ in page], ends)

    async def drop(self, batch: EndBatch) -> None:
        """They are in the archive. LeaseLost where it is somebody else's to say so."""
        newest = max((end.ended for end in batch.ends), default=0)
        if batch.entries and not await self._lease.drop_ends(batch.entries, newest):
            raise LeaseLost("the lease has run out meanwhile")

    def _skip(self, id: bytes) -> None:
        self.skipped += 1
        if self.skipped == 1:
            self._log.warning("entries are no ends of calls and are dropped", first=str(id))
