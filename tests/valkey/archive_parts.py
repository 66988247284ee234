"""Archivers to start and to kill, and calls for them to archive: for tests of any kind of place."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from ringfence.archive import Archiver
from ringfence.archive.place import Place
from ringfence.calllog.record import CallRecord, encode_record
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from tests.unit.archive.parts import NOON, record

KEYS = Keys("t:")
NONE = timedelta(0)
ROOT = Path(__file__).parents[2]


class Start:
    """Runs archivers until they are stopped, or the test ends."""

    def __init__(self, url: str, place: Place) -> None:
        self._url = url
        self._place = place
        self._running: dict[Archiver, tuple[asyncio.Task[None], Redis]] = {}

    def __call__(self, **settings: Any) -> Archiver:
        client = connect_redis(self._url, timeout=0.5)
        archiver = Archiver(
            client, KEYS, self._place, **{"every": 0.01, "lease_ms": 300, **settings}
        )
        self._running[archiver] = asyncio.create_task(archiver.run()), client
        return archiver

    async def stop(self, archiver: Archiver) -> None:
        task, client = self._running.pop(archiver)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()

    async def end(self) -> None:
        for archiver in list(self._running):
            await self.stop(archiver)


async def screen(redis: Redis, *records: CallRecord) -> None:
    """As the call log's shipper leaves them in the stream."""
    async with redis.pipeline(transaction=False) as pipe:
        for each in records:
            pipe.xadd(KEYS.calls, {"record": encode_record(each)})
        await pipe.execute()


async def archive_by_killed_workers(redis: Redis, url: str, where: str) -> list[CallRecord]:
    """Three workers, each killed after its first batch; the calls of three days that there were.

    What is archived is trimmed at once: a record that is lost is lost for good.
    """
    total = 9_000
    days = [record(n, at=NOON - timedelta(days=n % 3)) for n in range(total)]
    for n in range(0, total, 3_000):
        await screen(redis, *days[n : n + 3_000])
    for _ in range(3):
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.valkey.archive_worker", url, where),
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert worker.stdout
        async with asyncio.timeout(30):
            assert await worker.stdout.readline()
        worker.kill()
        await worker.wait()
    return days
