"""The call log as doors and the service see it: put a call in, run, close; builds its parts."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import msgspec
import structlog
from redis.asyncio import Redis
from structlog.typing import FilteringBoundLogger

from ringfence.calllog.folders import own_folder
from ringfence.calllog.line import log_line
from ringfence.calllog.losses import LossLog
from ringfence.calllog.record import encode_record, make_record
from ringfence.calllog.shipper import Shipper
from ringfence.calllog.spool import SPOOL_LIMIT, Spool
from ringfence.calllog.stream import STREAM_LIMIT, Appender
from ringfence.screening import Screened
from ringfence.store.connection import address_of
from ringfence.store.keys import Keys


class CallLogStatus(msgspec.Struct, frozen=True, kw_only=True):
    """For `ringfence doctor`: `error` is empty while records get into Redis."""

    worker: str
    pending: int
    shipped: int
    lost: int
    damaged: int
    leftovers: int
    spool_bytes: int
    error: str


class CallLog:
    """Each call becomes one record in the stream; no call waits for that.

    `SpoolFailed` where nothing can be spooled, so that a start says so and not the first call.
    `spool_dir` is shared by all workers of a machine; records of those that are gone are shipped
    by those that run.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        spool_dir: Path,
        worker: str,
        *,
        stream_limit: int = STREAM_LIMIT,
        spool_limit: int = SPOOL_LIMIT,
        mask_callers: bool = False,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        # bound here, as else every line of every call would do so
        self._log: FilteringBoundLogger = (log or structlog.get_logger(__name__)).bind()
        self._worker = worker
        self._mask = mask_callers
        self._losses = LossLog(self._log)
        self._folder = own_folder(spool_dir, worker)
        self._spool = Spool(self._folder, self._losses, limit=spool_limit)
        appender = Appender(redis, keys, limit=stream_limit)
        address = address_of(redis)
        self._shipper = Shipper(self._spool, spool_dir, appender, self._losses, self._log, address)
        self._running = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def put(self, screened: Screened, outcome: str) -> None:
        """Keep a call's record and log its one line. Takes microseconds and never raises."""
        # Broad, like the screener's: a record that cannot be made must not cost the caller the
        # call, and the door has no better answer to it than this one.
        try:
            record = make_record(screened, outcome, self._worker)
            if self._closed:
                self._losses.count("the call log is closed already")
            elif self._spool.append(encode_record(record)):
                self._shipper.wake()
            self._log.info("call", **log_line(record, mask=self._mask))
        except Exception as error:
            self._losses.count(f"no record could be made ({type(error).__name__})")
            self._log.exception("call record failed", uniqueid=screened.attempt.uniqueid)

    async def run(self) -> None:
        """Ship records until closed. Cancelling it loses nothing."""
        if self._running:
            raise RuntimeError("the call log runs already")
        self._running = True
        self._idle.clear()
        try:
            await self._shipper.run()
        finally:
            self._running = False
            self._idle.set()

    async def close(self, deadline: float = 5.0) -> None:
        """Ship what is spooled, for `deadline` seconds at most. The rest waits for the next run."""
        if self._closed:
            return
        self._shipper.end(deadline)
        with contextlib.suppress(TimeoutError):
            # the shipper keeps the deadline itself; this is for one that does not
            async with asyncio.timeout(deadline + 1.0):
                if self._running:
                    await self._idle.wait()
                else:
                    await self.run()
        self._closed = True
        done = self._spool.close()
        self._losses.tell(now=True)
        self._folder.release()
        if done:
            await self._shipper.forget()

    def status(self) -> CallLogStatus:
        """How things stand."""
        return CallLogStatus(
            worker=self._worker,
            pending=self._spool.pending,
            shipped=self._shipper.shipped,
            lost=self._losses.total,
            damaged=self._shipper.damaged + self._spool.damaged,
            leftovers=self._shipper.leftovers,
            spool_bytes=self._spool.size,
            error=self._shipper.error,
        )
