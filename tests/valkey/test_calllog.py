"""Every call record in the stream exactly once, whatever happens to Redis or to Ringfence."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.calllog import CallFilter, CallLog, CallQuery, CallRecord
from ringfence.calllog.folders import own_folder
from ringfence.calllog.query import EVERYTHING
from ringfence.calllog.segment import encode_line, find_segments, segment_path
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from tests.valkey.calllog_parts import ReplyThief, ValkeyProcess, call, ids, until

pytestmark = pytest.mark.valkey

KEYS = Keys("t:")
ROOT = Path(__file__).parents[2]

StartCallLog = Callable[..., CallLog]


@pytest.fixture
async def redis(valkey: ValkeyProcess) -> AsyncIterator[Redis]:
    client = connect_redis(valkey.url)
    yield client
    await client.aclose()


@pytest.fixture
async def start(valkey: ValkeyProcess, tmp_path: Path) -> AsyncIterator[StartCallLog]:
    """Build a call log and run it (unless told not to) until the test ends."""
    logs: list[tuple[CallLog, Redis]] = []
    tasks: list[asyncio.Task[None]] = []

    def begin(worker: str = "w1", *, url: str = "", run: bool = True, **settings: int) -> CallLog:
        client = connect_redis(url or valkey.url, timeout=0.5)
        log = CallLog(client, KEYS, tmp_path, worker, **settings)
        logs.append((log, client))
        if run:
            tasks.append(asyncio.create_task(log.run()))
        return log

    yield begin
    for log, client in logs:
        await log.close(0.2)
        await client.aclose()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def settled(log: CallLog) -> Callable[[], bool]:
    def check() -> bool:
        status = log.status()
        return status.pending == 0 and status.leftovers == 0 and not status.error

    return check


async def put_many(log: CallLog, numbers: range) -> None:
    """As doors do: a few at a time, with the loop running in between."""
    for n in numbers:
        log.put(call(n), "applied")
        if n % 20 == 0:
            await asyncio.sleep(0)


def named(numbers: range, prefix: str = "c") -> list[str]:
    return [f"{prefix}{n}" for n in numbers]


async def test_every_call_is_in_the_stream_in_order(start, redis):
    log = start()
    await put_many(log, range(2_000))
    await until(settled(log))
    assert await ids(redis, KEYS.calls) == named(range(2_000))
    assert log.status().lost == 0


async def test_records_survive_a_killed_redis_and_none_is_there_twice(start, valkey, redis):
    log = start()
    await put_many(log, range(2_000))
    await until(lambda: log.status().shipped > 0)
    valkey.kill()
    await put_many(log, range(2_000, 3_500))
    await until(lambda: log.status().error)
    await valkey.start()
    await put_many(log, range(3_500, 5_000))
    await until(settled(log))
    assert await ids(redis, KEYS.calls) == named(range(5_000))


async def test_a_redis_that_is_killed_again_and_again_loses_nothing(start, valkey, redis):
    log = start()
    for n in range(5):
        await put_many(log, range(n * 1_000, (n + 1) * 1_000))
        shipped = log.status().shipped
        await until(lambda before=shipped: log.status().shipped > before)
        valkey.kill()
        await valkey.start()
    await until(settled(log))
    assert await ids(redis, KEYS.calls) == named(range(5_000))


async def test_a_redis_that_hangs_is_given_up_and_gets_each_record_once(start, valkey, redis):
    log = start()
    log.put(call(0), "applied")
    await until(settled(log))
    valkey.signal(signal.SIGSTOP)
    await put_many(log, range(1, 1_000))
    # twice: more than one batch of unknown fate waits in the stopped server's sockets
    await until(lambda: "does not answer in time" in log.status().error)
    await put_many(log, range(1_000, 1_500))
    valkey.signal(signal.SIGCONT)
    await until(settled(log))
    assert await ids(redis, KEYS.calls) == named(range(1_500))


async def test_a_reply_that_is_lost_after_the_script_ran_makes_no_record_twice(
    start, valkey, redis, tmp_path
):
    thief = ReplyThief(valkey.socket, valkey.folder / "p.sock")
    await thief.start()
    log = start(url=thief.url)
    log.put(call(0), "applied")
    await until(settled(log))
    for n in range(1, 6):
        thief.steal()
        log.put(call(n), "applied")
        await until(lambda n=n: thief.stolen == n)
        await until(settled(log))
    assert await ids(redis, KEYS.calls) == named(range(6))
    await log.close(2.0)
    # the copy of a batch may still be on its way, so Redis goes on knowing its number
    assert await redis.hlen(KEYS.calls_written) == 1
    await thief.stop()


@pytest.mark.parametrize("heir", ["w1", "w2"])
async def test_a_killed_ringfence_has_every_call_that_was_put_in_the_stream_once(
    start, valkey, redis, tmp_path, heir
):
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.valkey.calllog_worker"),
        *(valkey.url, str(tmp_path), "w1", "100000"),
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert worker.stdout
    put = 0
    async with asyncio.timeout(30):
        while put < 3_000:
            put = int(await worker.stdout.readline())
    worker.kill()
    put += (await worker.stdout.read()).count(b"\n")
    await worker.wait()

    log = start(heir)
    log.put(call(0, prefix="after"), "applied")
    await until(lambda: log.status().shipped > 0)
    await until(settled(log))
    found = await ids(redis, KEYS.calls)
    assert Counter(found).most_common(1)[0][1] == 1
    found.remove("after0")
    # the last may have been put and not told
    assert found in (named(range(put + 1), "w1"), named(range(put + 2), "w1"))
    if heir == "w2":
        assert find_segments(tmp_path / "w1") == {}


async def test_calls_put_while_redis_never_was_there_go_in_at_the_next_run(start, valkey, redis):
    valkey.kill()
    log = start()
    await put_many(log, range(500))
    await log.close(0.1)
    await valkey.start()
    again = start()
    await until(lambda: again.status().leftovers == 0)
    assert await ids(redis, KEYS.calls) == named(range(500))


async def test_two_workers_share_the_stream(start, redis, tmp_path):
    one, two = start("w1"), start("w2")
    for n in range(500):
        one.put(call(n, prefix="one"), "applied")
        two.put(call(n, prefix="two"), "applied")
    await until(settled(one))
    await until(settled(two))
    found = await ids(redis, KEYS.calls)
    assert [name for name in found if name.startswith("one")] == named(range(500), "one")
    assert [name for name in found if name.startswith("two")] == named(range(500), "two")


async def test_a_torn_last_line_of_a_crash_is_skipped_and_the_rest_goes_in(start, redis, tmp_path):
    folder = own_folder(tmp_path, "w1")
    record = b'{"id":"%b","time":"2026-01-01T00:00:00.000Z"}'
    lines = [encode_line(n, record % name) for n, name in enumerate((b"a", b"b", b"c"), 1)]
    segment_path(folder.path, "0" * 32, 1).write_bytes(b"".join(lines)[:-5])
    folder.release()
    log = start()
    await until(lambda: log.status().leftovers == 0)
    assert await ids(redis, KEYS.calls) == ["a", "b"]
    assert log.status().damaged == 1


async def test_a_spool_that_is_full_keeps_its_bound_and_what_it_holds(start, valkey, redis):
    valkey.kill()
    log = start(spool_limit=100_000)
    with capture_logs() as told:
        await put_many(log, range(1_000))
    lost = log.status().lost
    assert 0 < lost < 1_000
    assert log.status().spool_bytes <= 100_000
    errors = [line for line in told if line["event"] == "call records lost"]
    assert len(errors) == 1
    await valkey.start()
    await until(settled(log))
    assert await ids(redis, KEYS.calls) == named(range(1_000 - lost))


async def test_a_redis_that_lost_what_it_had_acknowledged_gets_it_again(start, redis):
    log = start()
    await put_many(log, range(100))
    await until(settled(log))
    await redis.delete(KEYS.calls, KEYS.calls_written)
    log.put(call(100), "applied")
    await until(settled(log))
    assert await ids(redis, KEYS.calls) == named(range(101))


async def test_the_stream_is_bounded(start, redis):
    log = start(stream_limit=1_000)
    await put_many(log, range(5_000))
    await until(settled(log))
    assert 1_000 <= await redis.xlen(KEYS.calls) < 2_000


async def test_a_key_of_the_wrong_kind_stops_nothing_and_is_mended_by_deleting_it(start, redis):
    await redis.set(KEYS.calls, "mine")
    log = start()
    log.put(call(0), "applied")
    await until(lambda: "WRONGTYPE" in log.status().error)
    await redis.delete(KEYS.calls)
    await until(settled(log))
    assert await ids(redis, KEYS.calls) == ["c0"]


async def test_closing_ships_what_is_spooled_and_leaves_nothing_behind(start, redis, tmp_path):
    log = start()
    await put_many(log, range(1_200))
    await log.close(5.0)
    assert await ids(redis, KEYS.calls) == named(range(1_200))
    assert find_segments(tmp_path / "w1") == {}
    assert await redis.hlen(KEYS.calls_written) == 0


async def test_closing_keeps_its_deadline_while_redis_hangs(start, valkey, tmp_path):
    log = start()
    valkey.signal(signal.SIGSTOP)
    await put_many(log, range(100))
    began = time.monotonic()
    await log.close(0.3)
    assert time.monotonic() - began < 2.0
    assert find_segments(tmp_path / "w1")


async def test_a_log_that_never_ran_ships_on_close(start, redis):
    log = start(run=False)
    await put_many(log, range(10))
    await log.close(5.0)
    assert await ids(redis, KEYS.calls) == named(range(10))


async def test_putting_never_raises_and_counts_what_it_lost(start):
    log = start()
    log.put(call(0, caller_name="\ud800"), "applied")
    await log.close(1.0)
    log.put(call(1), "applied")
    assert log.status().lost == 2


async def test_one_line_is_logged_for_a_call(start):
    log = start()
    with capture_logs() as told:
        log.put(call(0), "hung-up")
    assert [(line["event"], line["log_level"], line["id"]) for line in told] == [
        ("call", "info", "c0")
    ]
    assert told[0]["outcome"] == "hung-up"


async def listed(query: CallQuery, wanted: CallFilter = EVERYTHING, **how: object) -> list[str]:
    return [record.id async for record in query.newest(wanted, **how)]


async def test_calls_are_listed_newest_first_up_to_a_limit(start, redis):
    log = start()
    await put_many(log, range(1_300))
    await until(settled(log))
    query = CallQuery(redis, KEYS)
    assert await listed(query, limit=3) == ["c1299", "c1298", "c1297"]
    assert await listed(query, limit=2_000) == named(range(1_300))[::-1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(caller="301 555 0111"), ["c1"]),
        (CallFilter(caller="+13015550111"), ["c1"]),
        (CallFilter(caller="anonymous"), ["c2"]),
        (CallFilter(called="911"), ["c3"]),
        (CallFilter(trunk="carrier-b*"), ["c4"]),
        (CallFilter(rule="gateway"), ["c5"]),
        (CallFilter(action="block"), ["c5"]),
        (CallFilter(id="c3"), ["c3"]),
        (CallFilter(action="block", trunk="carrier-b*"), []),
        (CallFilter(since=4_000_000_000.0), []),
        (CallFilter(since=1_700_000_000.0), ["c5", "c4", "c3", "c2", "c1"]),
    ],
)
async def test_calls_are_found_by_what_is_asked(start, redis, wanted, found):
    log = start()
    log.put(call(1, caller="3015550111"), "applied")
    log.put(call(2, caller="anonymous"), "applied")
    log.put(call(3, called="911"), "applied")
    log.put(call(4, trunk="carrier-b2"), "applied")
    log.put(call(5, rule="gateway", action="block"), "applied")
    await until(settled(log))
    assert await listed(CallQuery(redis, KEYS), wanted) == found


async def test_garbage_in_the_stream_is_skipped_and_counted(start, redis):
    await redis.xadd(KEYS.calls, {"record": "{broken"})
    await redis.xadd(KEYS.calls, {"other": "field"})
    await redis.xadd(KEYS.calls, {"record": b"\xff\x00"})
    log = start()
    log.put(call(0), "applied")
    await until(settled(log))
    query = CallQuery(redis, KEYS)
    assert await listed(query) == ["c0"]
    assert query.skipped == 3


async def test_following_shows_calls_as_they_come_also_over_a_restart_of_redis(
    start, valkey, redis
):
    log = start()
    log.put(call(0), "applied")
    await until(settled(log))
    query = CallQuery(redis, KEYS)
    seen: list[CallRecord] = []
    position = await query.position()

    async def watch() -> None:
        async for record in query.follow(CallFilter(trunk="carrier-a"), after=position):
            seen.append(record)

    watching = asyncio.create_task(watch())
    log.put(call(1), "applied")
    log.put(call(2, trunk="carrier-b"), "applied")
    await until(lambda: len(seen) == 1)
    valkey.kill()
    log.put(call(3), "applied")
    await valkey.start()
    await until(lambda: len(seen) == 2)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert [record.id for record in seen] == ["c1", "c3"]
