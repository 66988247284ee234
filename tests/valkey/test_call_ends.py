"""Ends of calls get into the archive once, whatever happens to Redis or to the lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.archive import Archiver
from ringfence.archive.day import days_in
from ringfence.archive.ended import EndedStream
from ringfence.archive.lease import Lease, read_status
from ringfence.archive.place import DayFolder
from ringfence.archive.reading import ArchiveReader
from ringfence.archive.writing import DayFiles, LeaseLost
from ringfence.calllog.ended import CallEnd, encode_end
from ringfence.calllog.filter import EVERYTHING
from ringfence.calllog.record import CallRecord, encode_record
from ringfence.endings.handing_over import HandingOver
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from tests.unit.archive.parts import NOON, record
from tests.valkey.calllog_parts import ValkeyProcess

KEYS = Keys("t:")
BORN = int(NOON.timestamp())
Until = Callable[..., Awaitable[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
async def redis(valkey: ValkeyProcess) -> AsyncIterator[Redis]:
    client = connect_redis(valkey.url, timeout=0.5)
    yield client
    await client.aclose()


@pytest.fixture
async def running() -> AsyncIterator[Callable[[Any], None]]:
    tasks: list[asyncio.Task[None]] = []
    yield lambda work: tasks.append(asyncio.create_task(work.run()))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def archiver(redis: Redis, folder: Path) -> Archiver:
    return Archiver(redis, KEYS, DayFolder(folder), every=0.01, lease_ms=300)


def call(number: int) -> CallRecord:
    return record(number, uniqueid=f"{BORN + number}.{number}", channel="PJSIP/a-1")


def end(number: int) -> CallEnd:
    at = (BORN + number) * 1000
    return CallEnd(f"{BORN + number}.{number}", "PJSIP/a-1", at + 1_000, at + 1_000 + number, 16)


async def hear(redis: Redis, *ends: CallEnd) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for each in ends:
            pipe.xadd(KEYS.ended, {"end": encode_end(each)})
        await pipe.execute()


async def screen(redis: Redis, *records: CallRecord) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for each in records:
            pipe.xadd(KEYS.calls, {"record": encode_record(each)})
        await pipe.execute()


def known(folder: Path) -> dict[str, float]:
    """Durations of the calls whose end is in the archive, by id."""
    found = ArchiveReader(folder).newest(EVERYTHING)
    return {each.id: each.duration for each in found if each.ended}


async def nothing_waits(redis: Redis) -> bool:
    return int(await redis.xlen(KEYS.ended)) == 0


async def test_ends_get_to_their_records_in_any_order_and_leave_redis(
    redis: Redis, folder: Path, until: Until, running: Callable[[Any], None]
) -> None:
    early, late = range(1, 700), range(700, 1_300)
    await hear(redis, *map(end, early))
    await screen(redis, *map(call, late))
    running(archiver(redis, folder))
    await until(lambda: nothing_waits(redis))
    assert known(folder) == {}
    await screen(redis, *map(call, early))
    await hear(redis, *map(end, late))
    await until(lambda: len(known(folder)) == 1_299)
    assert known(folder)[call(900).id] == 0.9
    await until(lambda: nothing_waits(redis))
    assert (await read_status(redis, KEYS)).ended == end(1_299).ended / 1000


async def test_a_lease_that_is_lost_between_writing_and_dropping_drops_nothing(
    redis: Redis, folder: Path
) -> None:
    await hear(redis, end(1), end(2))
    first = Lease(redis, KEYS, "first")
    assert await first.take(0)
    stream, files = EndedStream(redis, KEYS, first), DayFiles(folder)
    files.progress()
    batch = await stream.read()
    assert files.write_ends(batch.ends, first.fence) == 2
    await redis.hset(KEYS.archive, mapping={"until": "0"})
    second = Lease(redis, KEYS, "second")
    assert await second.take(0)
    with pytest.raises(LeaseLost):
        await stream.drop(batch)
    assert await redis.xlen(KEYS.ended) == 2
    # who has it now writes them once more, and there they are once
    again = EndedStream(redis, KEYS, second)
    batch = await again.read()
    assert files.write_ends(batch.ends, second.fence) == 0
    await again.drop(batch)
    assert await nothing_waits(redis)
    with pytest.raises(LeaseLost):
        files.write_ends(batch.ends, first.fence)
    files.close()


async def test_what_comes_while_a_batch_is_written_stays(redis: Redis) -> None:
    lease = Lease(redis, KEYS, "holder")
    assert await lease.take(0)
    stream = EndedStream(redis, KEYS, lease)
    await hear(redis, end(1))
    batch = await stream.read()
    await hear(redis, end(2))
    await stream.drop(batch)
    assert (await stream.read()).ends == [end(2)]


async def test_what_is_no_end_is_said_once_and_stops_nothing(
    redis: Redis, folder: Path, until: Until, running: Callable[[Any], None]
) -> None:
    await screen(redis, call(1))
    for name, value in (("end", b"nonsense"), ("x", b"y"), ("end", b"\xff\x00")):
        await redis.xadd(KEYS.ended, {name: value})
    await hear(redis, end(1)._replace(uniqueid="\0"), end(1))
    with capture_logs() as lines:
        running(archiver(redis, folder))
        await until(lambda: nothing_waits(redis))
    assert known(folder) == {call(1).id: 0.001}
    assert sum("no ends of calls" in line["event"] for line in lines) == 1


async def test_ends_wait_while_redis_is_away_and_then_go_in_once(
    valkey: ValkeyProcess, redis: Redis, until: Until, running: Callable[[Any], None]
) -> None:
    over = HandingOver(redis, KEYS, every=0.01)
    valkey.kill()
    with capture_logs() as lines:
        running(over)
        for number in range(1, 1_101):
            over.put(end(number))
        await until(lambda: any("wait for Redis" in line["event"] for line in lines))
        await valkey.start()
        await until(lambda: any("to Redis again" in line["event"] for line in lines))
    assert [line["log_level"] for line in lines] == ["warning", "info"]
    assert await redis.xlen(KEYS.ended) == 1_100


async def test_of_too_many_ends_the_newest_wait(redis: Redis) -> None:
    with capture_logs() as lines:
        over = HandingOver(redis, KEYS, most=3)
        for number in range(1, 6):
            over.put(end(number))
    assert len(lines) == 1
    task = asyncio.create_task(over.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    lease = Lease(redis, KEYS, "holder")
    assert (await EndedStream(redis, KEYS, lease).read()).ends == [end(n) for n in (3, 4, 5)]


async def test_ends_alone_make_a_day_that_is_read_as_empty(
    redis: Redis, folder: Path, until: Until, running: Callable[[Any], None]
) -> None:
    await hear(redis, end(1))
    running(archiver(redis, folder))
    await until(lambda: nothing_waits(redis))
    assert days_in(folder) == [NOON.date()]
    assert list(ArchiveReader(folder).newest(EVERYTHING)) == []
