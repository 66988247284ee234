"""Moves call records from the stream into the archive: when, in what order, what is trimmed.

Runs beside the doors, on every host; the one that has the lease works, the others wait for it.
Owns no table and no script. Everything that touches the disk is done in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar, cast
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.typing import FilteringBoundLogger

from ringfence.archive.day import DayDamaged, day_and_ms, set_aside
from ringfence.archive.ended import EndedStream
from ringfence.archive.lease import COMMAND_SECONDS, LEASE_MS, Lease, read_status
from ringfence.archive.place import ArchiveAway, Place
from ringfence.archive.writing import START, Entry, LeaseLost
from ringfence.calllog.query import Page, StreamId, record_bytes
from ringfence.calllog.record import decode_record
from ringfence.store.connection import address_of, explain_failure
from ringfence.store.ending import end_if_cancelled
from ringfence.store.keys import Keys

T = TypeVar("T")
KEEP_DAYS = 400
PAGE = 100
"""Entries in one reply: reading it holds the loop, where deadlines are kept, for a millisecond."""
BATCH = 250
"""Records in one commit: more at once, and putting their terms in order holds the interpreter for
longer than the rest of the process should wait. Behind a backlog there is a rest as long as each
batch took."""
BATCH_BYTES = 2_000_000
EVERY = 1.0
"""Seconds between two looks at a stream whose end was reached."""
LOOK_EVERY = 5.0
"""Seconds between two looks at a lease that is another worker's."""
STAYS = timedelta(days=1)
"""How long a record stays in the stream too, for those who read it there; `calllog.maxlen` may
take it sooner. Nothing that is not archived goes by this."""
RETIRE_EVERY = 3_600.0
BACKOFF_FIRST, BACKOFF_MOST = 1.0, 60.0
RELEASE_SECONDS = 0.5
_Failures = (RedisError, OSError, TimeoutError, sqlite3.Error)


class _Batch(NamedTuple):
    pages: list[Page]
    end: StreamId
    full: bool


class Archiver:
    """One worker's part in archiving: `run` it beside the doors. Cancelling it loses nothing."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        place: Place,
        *,
        keep_days: int = KEEP_DAYS,
        every: float = EVERY,
        stays: timedelta = STAYS,
        lease_ms: int = LEASE_MS,
        clock: Callable[[], float] = time.time,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._keep = timedelta(days=keep_days)
        self._every = every
        self._stays = stays
        self._renew = lease_ms / 3_000
        self._clock = clock
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        self._files = place.writer()
        self._where = place.shown
        self.holder = f"{socket.gethostname()}/{uuid4().hex[:12]}"
        self._lease = Lease(redis, keys, self.holder, length_ms=lease_ms)
        self._ended = EndedStream(redis, keys, self._lease, self._log)
        self._begun = False
        self.position = START
        self._renew_at = 0.0
        self._retire_at = 0.0
        self._problem = ""
        self.archived = 0
        self.skipped = 0

    async def run(self) -> None:
        """Archive whenever the lease is ours, for ever."""
        backoff, self._begun = BACKOFF_FIRST, False
        # One thread, as what writes is used by one at a time.
        thread = ThreadPoolExecutor(1, thread_name_prefix="archive")
        try:
            while True:
                try:
                    pause = await self._round(thread)
                    backoff = BACKOFF_FIRST
                except _Failures as error:
                    await self._failed(error)
                    pause, backoff = backoff, min(backoff * 2, BACKOFF_MOST)
                end_if_cancelled()
                await asyncio.sleep(pause)
        finally:
            # A batch that is on its way to the disk may still end there: it is only done sooner.
            thread.submit(self._files.close)
            thread.shutdown(wait=False)
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(RELEASE_SECONDS):
                    await self._lease.release()

    async def _round(self, thread: ThreadPoolExecutor) -> float:
        """One batch; how many seconds there is nothing to do then."""
        try:
            if not self._begun and not await self._begin(thread):
                return min(LOOK_EVERY, self._renew)
            batch, began = await self._read(), time.monotonic()
            done = await self._in(thread, lambda: self._write(batch))
            await self._note(done, batch.end)
            more = await self._take_ends(thread)
            await self._retire(thread)
            return time.monotonic() - began if batch.full or more else self._every
        except LeaseLost as error:
            self._log.info("another worker archives call records", why=str(error))
            self._begun = False
            await self._in(thread, self._files.close)
            return self._every
        except DayDamaged as error:
            path = error.path
            await self._in(thread, self._files.close)
            kept = await self._in(thread, lambda: set_aside(path))
            self._log.error(
                "a day's file of the archive is damaged and set aside; what is still in Redis of "
                "that day is archived again", file=str(kept), why=error.why,
            )  # fmt: skip
            # What it held is not in the archive any more: how far it is, is to be found out anew.
            self._begun = False
            return 0.0

    async def _begin(self, thread: ThreadPoolExecutor) -> bool:
        """Take the lease, and find out how far the archive is."""
        if not await self._lease.take(0):
            return False
        found = await self._in(thread, self._files.progress)
        # A Redis that has lost everything counts from one; the files remember.
        if found.fence > self._lease.fence and not await self._lease.take(found.fence):
            return False
        status = await read_status(self._redis, self._keys)
        # The files may be those of another Redis, or Redis may have lost everything and begun
        # anew: entries that are gone through again are told by their ids.
        self.position = min(found.position, status.position or START)
        self._renew_at = time.monotonic() + self._renew
        self._begun = True
        self._log.info("archiving call records", where=self._where, after=str(self.position))
        return True

    async def _read(self) -> _Batch:
        """The next entries, in pages."""
        pages: list[Page] = []
        end, count, size, full = self.position, 0, 0, True
        while count < BATCH and size < BATCH_BYTES:
            async with asyncio.timeout(COMMAND_SECONDS):
                page = cast(
                    "Page",
                    await cast(
                        "Any",
                        self._redis.xrange(self._keys.calls, min=f"({end}", count=PAGE),
                    ),
                )
            if page:
                pages.append(page)
                end = StreamId.parse(page[-1][0])
                count += len(page)
                size += sum(len(record_bytes(fields)) for _, fields in page)
            if len(page) < PAGE:
                full = False
                break
        return _Batch(pages, end, full)

    def _write(self, batch: _Batch) -> int:
        entries = []
        for page in batch.pages:
            for id, fields in page:
                if entry := _entry(StreamId.parse(id), record_bytes(fields)):
                    entries.append(entry)
                else:
                    self._skip(id)
        return self._files.write(entries, batch.end, self._lease.fence) if entries else 0

    async def _take_ends(self, thread: ThreadPoolExecutor) -> bool:
        """A batch of how calls ended; whether there may be more."""
        batch = await self._ended.read()
        if batch.ends:
            fence = self._lease.fence
            await self._in(thread, lambda: self._files.write_ends(batch.ends, fence))
        await self._ended.drop(batch)
        return batch.full

    def _skip(self, id: bytes | str) -> None:
        self.skipped += 1
        if self.skipped == 1:
            self._log.warning(
                "entries of the stream are no call records and are not archived", first=str(id)
            )

    async def _note(self, new: int, end: StreamId) -> None:
        self.archived += new
        now = time.monotonic()
        if end == self.position and now < self._renew_at:
            return
        self.position = end
        old = int((self._clock() - self._stays.total_seconds()) * 1000)
        trim = min(end, StreamId(max(old, 0), 0))
        self._renew_at = now + self._renew
        if not await self._lease.progress(end, trim=trim, new=new):
            raise LeaseLost("the lease has run out meanwhile")
        if self._problem:
            self._problem = ""
            self._log.info("call records are archived again")

    async def _retire(self, thread: ThreadPoolExecutor) -> None:
        if time.monotonic() < self._retire_at:
            return
        self._retire_at = time.monotonic() + RETIRE_EVERY
        first = (datetime.fromtimestamp(self._clock(), UTC) - self._keep).date()
        gone = await self._in(thread, lambda: self._files.remove_before(first))
        if gone:
            self._log.info(
                "old days of the archive removed", days=len(gone), newest=str(gone[0]),
                keep_days=self._keep.days,
            )  # fmt: skip

    async def _failed(self, error: BaseException) -> None:
        if isinstance(error, sqlite3.Error) or (
            isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError)
        ):
            said = f"{self._where}: {error}: make room there, or let Ringfence write"
            if isinstance(error, ArchiveAway):
                said = str(error)
            # A server that was restored, or another in its place, may be behind where it was.
            self._begun = False
            with contextlib.suppress(*_Failures):
                await self._lease.progress(None, trim=None, problem=said)
        else:
            said = explain_failure(error, address_of(self._redis))
        if said != self._problem:
            self._log.warning("call records wait in Redis to be archived", why=said)
        self._problem = said

    async def _in(self, thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, work)


def _entry(id: StreamId, data: bytes) -> Entry | None:
    """A stream entry on its way into a file; None where it is no call record."""
    try:
        record = decode_record(data)
    except ValueError:
        return None
    try:
        day, at = day_and_ms(datetime.fromisoformat(record.time))
    except (ValueError, OverflowError):
        # without a time of its own it is kept by when it came
        day, at = day_and_ms(datetime.fromtimestamp(min(id.ms, 4_000_000_000_000) / 1000, UTC))
    return Entry(day, at, record, data)
