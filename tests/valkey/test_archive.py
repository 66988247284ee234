"""Every call record in the archive exactly once, whatever happens to Redis, disk or Ringfence."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.archive import Archiver, CallSearch
from ringfence.archive.day import days_in
from ringfence.archive.lease import read_status
from ringfence.archive.place import DayFolder
from ringfence.archive.reading import ArchiveReader
from ringfence.calllog.filter import EVERYTHING, CallFilter
from ringfence.calllog.record import encode_record
from ringfence.store.connection import connect_redis
from tests.unit.archive.parts import NOON, record
from tests.valkey.archive_parts import KEYS, NONE, Start, archive_by_killed_workers, screen
from tests.valkey.calllog_parts import ValkeyProcess

Until = Callable[..., Awaitable[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
async def redis(valkey: ValkeyProcess) -> AsyncIterator[Redis]:
    client = connect_redis(valkey.url)
    yield client
    await client.aclose()


@pytest.fixture
async def start(valkey: ValkeyProcess, folder: Path) -> AsyncIterator[Start]:
    starting = Start(valkey.url, DayFolder(folder))
    yield starting
    await starting.end()


def archived(folder: Path) -> list[str]:
    return [each.id for each in ArchiveReader(folder).newest(EVERYTHING)]


def ids(numbers: range) -> list[str]:
    """Newest first."""
    return [record(n).id for n in numbers][::-1]


async def all_of(search: CallSearch, wanted: CallFilter = EVERYTHING, **how: Any) -> list[str]:
    return [each.id async for each in search.newest(wanted, **how)]


async def test_every_record_of_the_stream_gets_into_the_archive_once(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    await screen(redis, *map(record, range(2_500)))
    archiver = start()
    await until(lambda: archiver.archived == 2_500)
    await screen(redis, *map(record, range(2_500, 2_600)))
    await until(lambda: archiver.archived == 2_600)
    assert archived(folder) == ids(range(2_600))


async def test_a_restart_goes_on_where_it_was(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    await screen(redis, *map(record, range(300)))
    first = start()
    await until(lambda: first.archived == 300)
    await start.stop(first)
    # the lease was given back: nobody waits for its end
    second = start(lease_ms=60_000)
    await screen(redis, *map(record, range(300, 400)))
    await until(lambda: second.archived == 100)
    assert archived(folder) == ids(range(400))


async def test_a_worker_that_is_killed_again_and_again_loses_and_doubles_nothing(
    valkey: ValkeyProcess, redis: Redis, folder: Path, start: Start, until: Until
) -> None:
    days = await archive_by_killed_workers(redis, valkey.url, str(folder))
    archiver = start(stays=NONE)
    end = (await redis.xinfo_stream(KEYS.calls))["last-generated-id"].decode()
    await until(lambda: str(archiver.position) == end)
    found = archived(folder)
    assert Counter(found).most_common(1)[0][1] == 1
    assert sorted(found) == sorted(each.id for each in days)


async def test_two_workers_never_archive_at_once_and_the_other_takes_over(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    first = start()
    await screen(redis, *map(record, range(100)))
    await until(lambda: first.archived == 100)
    second = start()
    await screen(redis, *map(record, range(100, 200)))
    await until(lambda: first.archived == 200)
    assert second.archived == 0
    # as if it had been killed: the lease is not given back, it runs out
    await redis.hset(KEYS.archive, mapping={"holder": "gone", "until": "1"})
    await screen(redis, *map(record, range(200, 300)))
    await until(lambda: first.archived + second.archived == 300)
    await until(lambda: holds(redis, first, second))
    assert archived(folder) == ids(range(300))


async def test_a_worker_whose_lease_was_taken_stops_and_nothing_is_trimmed_by_it(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    first = start(stays=NONE)
    await screen(redis, *map(record, range(500)))
    await until(lambda: first.archived == 500)
    far = "9" * 13
    await redis.hset(KEYS.archive, mapping={"holder": "other", "fence": "50", "until": far})
    # a lease that ends after any could is none, as the clock was set back
    await until(lambda: holds(redis, first))
    await screen(redis, *map(record, range(500, 600)))
    await until(lambda: first.archived == 600)
    assert archived(folder) == ids(range(600))


async def holds(redis: Redis, *archivers: Archiver) -> bool:
    holder = (await read_status(redis, KEYS)).holder
    return any(holder == archiver.holder for archiver in archivers)


async def test_late_records_go_to_the_day_of_their_own_time(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    late = record(7, at=NOON - timedelta(days=2))
    await screen(redis, record(1), late, record(2))
    archiver = start()
    await until(lambda: archiver.archived == 3)
    assert [str(day) for day in days_in(folder)] == ["2026-11-20", "2026-11-18"]
    assert archived(folder) == [record(2).id, record(1).id, late.id]


async def test_nothing_is_trimmed_before_it_is_archived_and_a_day_of_it_stays(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    old = "1700000000000"
    for n in range(1_000):
        await redis.xadd(KEYS.calls, {"record": encode_record(record(n))}, id=f"{old}-{n + 1}")
    folder.write_text("in the way")
    archiver = start()
    await until(lambda: taken(redis))
    assert await redis.xlen(KEYS.calls) == 1_000
    folder.unlink()
    await until(lambda: archiver.archived == 1_000)
    await screen(redis, *map(record, range(1_000, 1_200)))
    await until(lambda: archiver.archived == 1_200)
    await until(lambda: length(redis, 400))
    # by whole nodes of the stream, so a few old ones may be left
    assert await redis.xlen(KEYS.calls) >= 200
    assert archived(folder) == ids(range(1_200))
    assert not (await read_status(redis, KEYS)).problem


async def taken(redis: Redis) -> bool:
    return bool((await read_status(redis, KEYS)).holder)


async def length(redis: Redis, most: int) -> bool:
    return bool(await redis.xlen(KEYS.calls) < most)


async def test_a_disk_that_takes_nothing_is_told_once_and_tried_again(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    folder.write_text("in the way")
    await screen(redis, record(1))
    with capture_logs() as told:
        archiver = start()
        await until(lambda: [line for line in told if "wait in Redis" in line["event"]])
        folder.unlink()
        await until(lambda: archiver.archived == 1)
        await until(lambda: [line for line in told if "archived again" in line["event"]])
    assert len([line for line in told if "wait in Redis" in line["event"]]) == 1


async def test_what_is_no_record_is_passed_over_and_told_once(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    with capture_logs() as told:
        archiver = start()
        await redis.xadd(KEYS.calls, {"record": "{broken"})
        await redis.xadd(KEYS.calls, {"other": "field"})
        await screen(redis, record(1), record(2, time="once upon a time"))
        await until(lambda: archiver.archived == 2)
    assert archiver.skipped == 2
    assert len([line for line in told if "no call records" in line["event"]]) == 1
    assert len(archived(folder)) == 2


async def test_a_redis_that_has_lost_everything_is_archived_anew_and_nothing_is_doubled(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    archiver = start()
    await screen(redis, *map(record, range(100)))
    await until(lambda: archiver.archived == 100)
    await redis.flushdb()
    # younger entries with older ids: Redis's clock was set back
    for n in range(150):
        await redis.xadd(KEYS.calls, {"record": encode_record(record(n))}, id=f"1000-{n + 1}")
    await until(lambda: archiver.archived == 150)
    assert archived(folder) == ids(range(150))


async def test_a_redis_that_is_killed_delays_and_loses_nothing(
    start: Start, valkey: ValkeyProcess, redis: Redis, folder: Path, until: Until
) -> None:
    archiver = start()
    await screen(redis, *map(record, range(100)))
    await until(lambda: archiver.archived == 100)
    valkey.kill()
    await valkey.start()
    client = connect_redis(valkey.url)
    await screen(client, *map(record, range(100, 200)))
    await client.aclose()
    await until(lambda: archiver.archived == 200)
    assert archived(folder) == ids(range(200))


async def test_a_damaged_file_is_set_aside_and_what_redis_still_has_is_archived_again(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    first = start()
    await screen(redis, *map(record, range(100)))
    await until(lambda: first.archived == 100)
    await start.stop(first)
    (file,) = folder.glob("*.sqlite")
    await until(lambda: sealed(file))
    file.write_bytes(b"x" * file.stat().st_size)
    await screen(redis, *map(record, range(100, 150)))
    second = start()
    await until(lambda: second.archived == 150)
    assert (folder / "2026-11-20.damaged-1").exists()
    assert archived(folder) == ids(range(150))


def sealed(file: Path) -> bool:
    """Whether the thread that closes it is done: the file's head says which journal it has."""
    journal = file.with_name(file.name + "-journal")
    return file.read_bytes()[18:20] == b"\x01\x01" and not journal.exists()


async def test_old_days_are_removed_by_age(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    calls = [record(0, at=NOON - timedelta(days=n)) for n in range(40)]
    await screen(redis, *calls)
    start(keep_days=28, clock=lambda: NOON.timestamp())
    await until(lambda: [str(day) for day in days_in(folder)][-1:] == ["2026-10-23"])
    assert len(days_in(folder)) == 29


async def test_stream_and_archive_are_one_view_without_doubles(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    archiver = start()
    late = record(50, at=NOON - timedelta(days=1))
    await screen(redis, *map(record, range(300)), late)
    await until(lambda: archiver.archived == 301)
    search = CallSearch(redis, KEYS, DayFolder(folder))
    assert await all_of(search, limit=None) == [*ids(range(300)), late.id]
    await start.stop(archiver)
    # all of it counts as not archived yet: it comes from both
    await redis.hset(KEYS.archive, "position", "0-0")
    assert await all_of(search, limit=None) == [*ids(range(300)), late.id]
    assert await all_of(search, limit=3) == ids(range(297, 300))


async def test_a_search_finds_what_is_only_in_the_stream_and_only_in_the_archive(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    archiver = start(stays=NONE)
    await screen(redis, *map(record, range(2_000)))
    await until(lambda: archiver.archived == 2_000)
    await until(lambda: length(redis, 500))
    await start.stop(archiver)
    late = record(10, at=NOON - timedelta(hours=1))
    await screen(redis, record(2_000), late, record(2_001))
    search = CallSearch(redis, KEYS, DayFolder(folder))
    found = await all_of(search, limit=None)
    assert found == [*ids(range(2_002)), late.id]
    assert await search.count(NOON.timestamp(), NOON.timestamp() + 2_001) == 2_002
    one = CallFilter(id=record(1_234).id)
    assert await all_of(search, one) == [record(1_234).id]


async def test_files_of_another_redis_do_not_hide_what_is_in_this_one(
    start: Start, redis: Redis, folder: Path, until: Until
) -> None:
    archiver = start()
    await screen(redis, record(1))
    await until(lambda: archiver.archived == 1)
    await redis.delete(KEYS.archive)
    await redis.delete(KEYS.calls)
    await redis.xadd(KEYS.calls, {"record": encode_record(record(2))}, id="5-1")
    search = CallSearch(redis, KEYS, DayFolder(folder))
    assert record(2).id in await all_of(search)
