"""Every call record on the server exactly once, whatever happens to it, to Redis or Ringfence."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.archive import CallSearch
from ringfence.archive.lease import read_status
from ringfence.archive.postgresql.place import PostgresqlPlace
from ringfence.calllog.ended import CallEnd, encode_end
from ringfence.calllog.filter import CallFilter
from ringfence.store.connection import connect_redis
from tests.postgresql.parts import Query, ids
from tests.postgresql.server import PASSWORD, PostgresqlServer
from tests.unit.archive.parts import NOON, record
from tests.valkey.archive_parts import KEYS, NONE, Start, archive_by_killed_workers, screen
from tests.valkey.calllog_parts import ValkeyProcess
from tests.valkey.conftest import Until


@pytest.fixture
async def redis(valkey: ValkeyProcess) -> AsyncIterator[Redis]:
    client = connect_redis(valkey.url)
    yield client
    await client.aclose()


@pytest.fixture
async def start(valkey: ValkeyProcess, url: str) -> AsyncIterator[Start]:
    starting = Start(valkey.url, PostgresqlPlace(url))
    yield starting
    await starting.end()


def newest_first(numbers: range) -> list[str]:
    return [record(n).id for n in numbers][::-1]


async def test_every_record_of_the_stream_gets_onto_the_server_once(
    start: Start, redis: Redis, url: str, until: Until
) -> None:
    await screen(redis, *map(record, range(1_500)))
    archiver = start()
    await until(lambda: archiver.archived == 1_500)
    await screen(redis, *map(record, range(1_500, 1_600)))
    await until(lambda: archiver.archived == 1_600)
    assert ids(PostgresqlPlace(url)) == newest_first(range(1_600))


async def test_a_worker_that_is_killed_again_and_again_loses_and_doubles_nothing(
    valkey: ValkeyProcess, redis: Redis, url: str, start: Start, until: Until
) -> None:
    days = await archive_by_killed_workers(redis, valkey.url, url)
    archiver = start(stays=NONE)
    end = (await redis.xinfo_stream(KEYS.calls))["last-generated-id"].decode()
    await until(lambda: str(archiver.position) == end, within=30)
    found = ids(PostgresqlPlace(url))
    assert Counter(found).most_common(1)[0][1] == 1
    assert sorted(found) == sorted(each.id for each in days)


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_server_that_dies_or_is_restarted_under_way_loses_and_doubles_nothing(
    start: Start, redis: Redis, server: PostgresqlServer, url: str, until: Until, end: str
) -> None:
    total = 6_000
    for n in range(0, total, 2_000):
        await screen(redis, *map(record, range(n, n + 2_000)))
    with capture_logs() as told:
        archiver = start(stays=NONE)
        await until(lambda: archiver.archived >= 500)
        await asyncio.to_thread(getattr(server, end))
        await until(lambda: [line for line in told if "wait in Redis" in line["event"]])
        assert archiver.archived < total
        status = await read_status(redis, KEYS)
        assert "PostgreSQL at" in status.problem
        # what waits is not trimmed
        assert await redis.xlen(KEYS.calls) >= total - archiver.archived
        await asyncio.to_thread(server.start)
        await until(lambda: archiver.archived >= total, within=30)
        await until(lambda: [line for line in told if "archived again" in line["event"]])
    assert ids(PostgresqlPlace(url)) == newest_first(range(total))
    assert PASSWORD not in str(told)
    assert not (await read_status(redis, KEYS)).problem


async def test_a_server_that_was_set_back_is_brought_up_to_date_from_redis(
    start: Start, redis: Redis, server: PostgresqlServer, url: str, until: Until
) -> None:
    # as after a change to a replica that was behind
    first = start()
    await screen(redis, *map(record, range(300)))
    await until(lambda: first.archived == 300)
    cut = record(200).time
    with Query(url) as query:
        query("DELETE FROM ringfence_calls WHERE at >= %s::timestamptz", cut)
        (entry,) = await redis.xrange(KEYS.calls, count=1)
        query("UPDATE ringfence_archive SET position = %s", entry[0].decode())
        query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
              "WHERE application_name = 'ringfence'")  # fmt: skip
    await screen(redis, record(300))
    await until(lambda: first.archived == 401)
    assert ids(PostgresqlPlace(url)) == newest_first(range(301))


async def test_two_hosts_write_in_turn_and_read_the_same(
    start: Start, redis: Redis, url: str, until: Until
) -> None:
    first = start()
    await screen(redis, *map(record, range(100)))
    await until(lambda: first.archived == 100)
    second = start()
    await redis.hset(KEYS.archive, mapping={"holder": "gone", "until": "1"})
    await screen(redis, *map(record, range(100, 200)))
    await until(lambda: first.archived + second.archived == 200)
    search = CallSearch(redis, KEYS, PostgresqlPlace(url))
    found = [each.id async for each in search.newest(limit=None)]
    assert found == newest_first(range(200))


async def test_ends_of_calls_wait_for_the_server_and_are_then_with_their_calls(
    start: Start, redis: Redis, server: PostgresqlServer, url: str, until: Until
) -> None:
    uniqueid = f"{NOON.timestamp():.0f}.7"
    end = CallEnd(uniqueid, "PJSIP/a-1", 1_795_176_001_000, 1_795_176_061_500, 16)
    archiver = start()
    await screen(redis, record(1, uniqueid=uniqueid, channel="PJSIP/a-1"))
    await until(lambda: archiver.archived == 1)
    await asyncio.to_thread(server.stop)
    await redis.xadd(KEYS.ended, {"end": encode_end(end)})
    await until(lambda: problem(redis))
    assert await redis.xlen(KEYS.ended) == 1
    await asyncio.to_thread(server.start)
    await until(lambda: dropped(redis), within=30)
    (call,) = PostgresqlPlace(url).source().newest(CallFilter(id=record(1).id))
    assert (call.duration, call.cause) == (60.5, 16)


async def problem(redis: Redis) -> str:
    return (await read_status(redis, KEYS)).problem


async def dropped(redis: Redis) -> bool:
    return await redis.xlen(KEYS.ended) == 0


async def test_without_the_server_a_search_answers_from_redis_and_says_so(
    start: Start, redis: Redis, server: PostgresqlServer, url: str, until: Until
) -> None:
    archiver = start()
    await screen(redis, *map(record, range(50)))
    await until(lambda: archiver.archived == 50)
    server.stop()
    search = CallSearch(redis, KEYS, PostgresqlPlace(url))
    found = [each.id async for each in search.newest(CallFilter(), limit=None)]
    assert found == newest_first(range(50))
    assert "does not answer" in search.archive.away


async def test_old_days_are_removed_by_age(
    start: Start, redis: Redis, url: str, until: Until
) -> None:
    await screen(redis, *(record(0, at=NOON - timedelta(days=n)) for n in range(40)))
    start(keep_days=28, clock=lambda: NOON.timestamp())
    place = PostgresqlPlace(url)
    await until(lambda: [str(day) for day in place.holding().days][-1:] == ["2026-10-23"])
    assert len(place.holding().days) == 29
