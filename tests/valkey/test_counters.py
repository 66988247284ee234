"""Counting calls: the same in one process and in Redis, and bounded whatever Redis does."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.rules.velocity import Counted, Demand
from ringfence.store.connection import connect_redis
from ringfence.store.counting.catching import Caught, Extender
from ringfence.store.counting.counters import Peek, RedisCounters
from ringfence.store.counting.local_counters import LocalCounters
from ringfence.store.counting.pipelined import ANSWER_SECONDS
from ringfence.store.embedded import EmbeddedValkey
from ringfence.store.keys import Keys
from ringfence.store.mirror.tracking import Invalidations, Line
from tests.counting import STEPS, PlainCounters, Step, rate, spread
from tests.valkey.conftest import ended

Until = Callable[..., Awaitable[None]]
Start = Callable[..., Awaitable[RedisCounters]]
Count = Callable[[Sequence[Demand], float], Awaitable[Counted]]

DOC = Path(__file__).parents[2] / "docs" / "redis.md"
NOW = 1_800_000_000.0
MARGIN = 0.05
"""What a busy machine may add to a wait."""


def forgetful() -> LocalCounters:
    """Knows of no call but the present one: what is seen with it is Redis's count."""
    return LocalCounters(most_counters=0)


@pytest.fixture
async def start(keys: Keys, until: Until) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def begin(
            url: str, local: LocalCounters | None = None, *, wait: bool = True
        ) -> RedisCounters:
            client = connect_redis(url)
            stack.push_async_callback(client.aclose)
            counters = RedisCounters(client, keys, local if local is not None else forgetful())
            stack.push_async_callback(ended, asyncio.create_task(counters.run()))
            if wait:
                await until(lambda: counters.shared)
            return counters

        yield begin


@pytest.fixture(params=["in this process", "in Redis"])
async def count(request: pytest.FixtureRequest, start: Start, url: str) -> Count:
    if request.param == "in Redis":
        return (await start(url)).count
    local = LocalCounters()

    async def here(demands: Sequence[Demand], now: float) -> Counted:
        return local.count(demands, now)

    return here


async def counts(count: Count, demand: Demand, times: Sequence[float]) -> list[int]:
    return [(await count([demand], at))[demand.key] for at in times]


# --- what counts, in one process and in Redis alike


async def test_each_call_counts_and_the_present_one_is_among_them(count: Count) -> None:
    assert await counts(count, rate(), [NOW, NOW + 1, NOW + 1]) == [1, 2, 3]


async def test_a_call_counts_for_as_long_as_the_window_and_no_longer(count: Count) -> None:
    times = [NOW, NOW + 59.999, NOW + 60, NOW + 60.001, NOW + 119.9995]
    assert await counts(count, rate(over=60), times) == [1, 2, 2, 3, 3]


async def test_no_more_is_counted_than_the_rule_asks_for(count: Count) -> None:
    times = [NOW + n for n in range(15)]
    assert (await counts(count, rate(at_least=10), times))[8:] == [9, 10, 10, 10, 10, 10, 10]


async def test_a_spread_counts_each_value_once_and_from_when_it_was_last_seen(
    count: Count,
) -> None:
    async def called(number: str, at: float) -> int:
        return (await count([spread(number)], NOW + at))["s:spread:+12025550123"]

    assert [await called("+13035550101", 0), await called("+13035550102", 10)] == [1, 2]
    assert [await called("+13035550101", 20), await called("+13035550101", 30)] == [2, 2]
    # +13035550102 ran out at 70, +13035550101 was seen at 30
    assert [await called("+13035550103", 70), await called("+13035550103", 90)] == [2, 1]


async def test_one_call_counts_under_several_keys_at_once(count: Count) -> None:
    demands = [rate("a:rate:1"), rate("b:rate:1", over=1), spread("x", "c:spread:1")]
    assert await count(demands, NOW) == {"a:rate:1": 1, "b:rate:1": 1, "c:spread:1": 1}
    assert await count(demands, NOW + 5) == {"a:rate:1": 2, "b:rate:1": 1, "c:spread:1": 1}


async def test_callers_are_counted_apart(count: Count) -> None:
    for n in range(20):
        demand = rate(f"r:rate:+120255501{n:02}")
        assert await count([demand], NOW + n / 100) == {demand.key: 1}


async def test_what_strangers_put_into_a_key_does_no_harm(count: Count) -> None:
    for odd in ("ünïcode 漢字", "a b\r\nDEL x", "\ud800", "{x}:*", "x" * 300):
        demand = spread(odd, f"s:spread:{odd}")
        assert await count([demand], NOW) == {demand.key: 1}
        assert await count([demand], NOW) == {demand.key: 1}


async def test_a_clock_set_back_a_little_makes_windows_longer_by_as_much(count: Count) -> None:
    times = [NOW, NOW - 20, NOW + 59, NOW + 60]
    assert await counts(count, rate(), times) == [1, 2, 3, 2]


async def test_a_clock_set_back_by_more_than_the_window_begins_anew(count: Count) -> None:
    times = [NOW, NOW + 1, NOW - 3_600, NOW - 3_599, NOW - 3_500]
    assert await counts(count, rate(), times) == [1, 2, 1, 2, 1]


# --- against a plain model


@given(STEPS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_redis_counts_as_plain_counters_do(start: Start, url: str, steps: list[Step]) -> None:
    counters, plain, own = await start(url), PlainCounters(), secrets.token_hex(4)
    for now, demands in steps:
        apart = [demand._replace(key=f"{own}{demand.key}") for demand in demands]
        assert await counters.count(apart, now) == plain.count(apart, now)


# --- together


async def test_workers_count_together(start: Start, url: str) -> None:
    one, two = await start(url), await start(url, LocalCounters())
    found = [
        (await each.count([rate()], NOW + n))[rate().key]
        for n, each in enumerate([one, two, two, one, two])
    ]
    assert found == [1, 2, 3, 4, 5]


async def test_calls_at_the_same_moment_are_each_counted_once(start: Start, url: str) -> None:
    workers = [await start(url), await start(url)]
    demand = rate(at_least=1_000)
    found = await asyncio.gather(
        *(workers[n % 2].count([demand], NOW + n / 1_000) for n in range(200))
    )
    assert sorted(each[demand.key] for each in found) == list(range(1, 201))


async def test_workers_whose_clocks_differ_a_little_count_together(start: Start, url: str) -> None:
    ahead, behind = await start(url), await start(url)
    found = []
    for n in range(4):
        found += [(await ahead.count([rate()], NOW + n + 2))[rate().key]]
        found += [(await behind.count([rate()], NOW + n))[rate().key]]
    assert found == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_the_larger_of_both_counts_holds(start: Start, url: str, redis: Redis) -> None:
    counters = await start(url, LocalCounters())
    assert await counts(counters.count, rate(), [NOW, NOW]) == [1, 2]
    assert [key async for key in redis.scan_iter(match="*:count:*+1*")]
    async for key in redis.scan_iter(match="*:count:*"):
        await redis.delete(key)
    # Redis has lost them; these calls were made all the same
    assert await counts(counters.count, rate(), [NOW]) == [3]


# --- what is kept in Redis


async def test_a_counter_goes_by_itself_and_never_grows_beyond_what_is_asked(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    counters = await start(url)
    for n in range(50):
        await counters.count([rate(over=60, at_least=10), spread(str(n), at_least=7)], NOW + n)
    for demand, size in ((rate(), 10), (spread(""), 7)):
        key = keys.count_prefix + demand.key
        assert await redis.zcard(key) == size
        assert 55 < await redis.ttl(key) <= 60


async def test_mirrors_hear_nothing_of_counters(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    line = Line(redis)
    await line.open()
    invalidations = Invalidations(line, [keys.rules, keys.trunks, keys.callees, keys.list_prefix])
    await invalidations.begin()
    counters = await start(url)
    await counters.count([rate(), spread("x")], NOW)
    await redis.hset(keys.rules, "after", "{}")
    async with asyncio.timeout(5):
        assert await invalidations.next() == [keys.rules.encode()]
    await line.close()


async def test_a_key_of_a_wrong_type_leaves_the_count_to_each_worker(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    counters = await start(url, LocalCounters())
    await redis.set(keys.count_prefix + rate().key, "by hand")
    with capture_logs() as logs:
        found = [await counters.count([rate(), spread("x")], NOW) for _ in range(3)]
    assert [each[rate().key] for each in found] == [1, 2, 3]
    assert await redis.get(keys.count_prefix + rate().key) == b"by hand"
    assert await redis.zcard(keys.count_prefix + spread("x").key) == 1
    assert counters.shared
    assert len([each for each in logs if "wrong type" in each["event"]]) == 1


async def test_a_script_that_was_flushed_is_loaded_again(
    start: Start, own_valkey: EmbeddedValkey, until: Until
) -> None:
    counters = await start(own_valkey.url)
    client = connect_redis(own_valkey.url)
    await client.script_flush()
    assert await counters.count([rate()], NOW) == {rate().key: 1}
    assert (await counters.count([rate()], NOW))[rate().key] == 1
    assert (await counters.count([rate()], NOW))[rate().key] == 2
    assert counters.shared
    await client.aclose()


# --- a trial


async def test_a_trial_says_what_the_next_call_would_count_and_counts_nothing(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    counters, peek = await start(url), Peek(redis, keys)
    demands = [rate(at_least=3), spread("x")]
    assert await peek.count(demands, NOW) == {rate().key: 1, spread("x").key: 1}
    for at in (NOW, NOW + 1, NOW + 2, NOW + 3):
        expected = await peek.count(demands, at)
        assert await peek.count(demands, at) == expected
        assert await counters.count(demands, at) == expected
    assert await peek.count([spread("y")], NOW + 4) == {spread("y").key: 2}
    assert await peek.count(demands, NOW + 100) == {rate().key: 1, spread("x").key: 1}
    assert await peek.count([], NOW) == {}
    await redis.set(keys.count_prefix + "x:rate:1", "by hand")
    assert await peek.count([rate("x:rate:1")], NOW) == {"x:rate:1": 1}


@given(STEPS)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_a_trial_says_what_a_call_then_counts(
    start: Start, url: str, keys: Keys, steps: list[Step]
) -> None:
    counters, client, own = await start(url), connect_redis(url), secrets.token_hex(4)
    peek = Peek(client, keys)
    for now, demands in steps:
        apart = [demand._replace(key=f"{own}{demand.key}") for demand in demands]
        assert await peek.count(apart, now) == await counters.count(apart, now)
    await client.aclose()


# --- Redis is away


async def test_before_redis_has_answered_no_call_waits(start: Start, keys: Keys) -> None:
    counters = await start("redis://127.0.0.1:1", LocalCounters(), wait=False)
    began = time.perf_counter()
    assert await counts(counters.count, rate(), [NOW, NOW, NOW]) == [1, 2, 3]
    assert time.perf_counter() - began < MARGIN


async def test_only_calls_under_way_wait_for_a_redis_that_hangs_and_not_for_long(
    start: Start, own_valkey: EmbeddedValkey, until: Until
) -> None:
    counters = await start(own_valkey.url, LocalCounters())
    assert await counts(counters.count, rate(), [NOW]) == [1]
    assert own_valkey.pid
    with capture_logs() as logs:
        os.kill(own_valkey.pid, signal.SIGSTOP)
        try:
            began = time.perf_counter()
            found = await asyncio.gather(*(counters.count([rate()], NOW) for _ in range(5)))
            assert time.perf_counter() - began < ANSWER_SECONDS + MARGIN
            assert [each[rate().key] for each in found] == [2, 3, 4, 5, 6]
            began = time.perf_counter()
            assert await counts(counters.count, rate(at_least=99), [NOW] * 20) == [*range(7, 27)]
            assert time.perf_counter() - began < MARGIN
            await asyncio.sleep(2.5)  # two tries, both in vain
        finally:
            os.kill(own_valkey.pid, signal.SIGCONT)
        await until(lambda: counters.shared)
    told = [each for each in logs if "counted in Redis" in each["event"]]
    assert [each["log_level"] for each in told] == ["warning", "info"]
    assert "does not answer" in told[0]["why"]
    assert await counts(counters.count, rate(at_least=99), [NOW]) == [27]


async def test_a_redis_that_hangs_is_noticed_before_a_call_finds_out(
    start: Start, own_valkey: EmbeddedValkey, until: Until
) -> None:
    counters = await start(own_valkey.url)
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        await until(lambda: not counters.shared, within=4)
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)


async def test_calls_go_on_while_a_killed_redis_comes_back(
    start: Start, own_valkey: EmbeddedValkey, until: Until
) -> None:
    counters = await start(own_valkey.url, LocalCounters())
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGKILL)
    worst, found = 0.0, 0

    async def goes_on() -> bool:
        nonlocal worst, found
        began = time.perf_counter()
        found += 1
        assert await counters.count([rate(at_least=9_999)], NOW) == {rate().key: found}
        worst = max(worst, time.perf_counter() - began)
        return found > 5 and counters.shared

    await until(goes_on)
    assert worst < ANSWER_SECONDS + MARGIN
    other = await start(own_valkey.url)
    # what was counted while Redis was away is this worker's alone
    assert (await other.count([rate(at_least=9_999)], NOW))[rate().key] < found


async def test_a_redis_that_takes_no_writes_counts_nothing_and_is_told_once(
    start: Start, own_valkey: EmbeddedValkey, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    counters = await start(own_valkey.url, LocalCounters())
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    with capture_logs() as logs:
        assert await counts(counters.count, rate(), [NOW, NOW]) == [1, 2]
        assert not counters.shared
        await asyncio.sleep(2.5)  # tries in vain
        assert not counters.shared
        await client.execute_command("REPLICAOF", "NO", "ONE")
        await until(lambda: counters.shared)
    told = [each for each in logs if "counted in Redis" in each["event"]]
    assert [each["log_level"] for each in told] == ["warning", "info"]
    assert "replica" in told[0]["why"]
    await client.aclose()


async def test_a_loop_that_was_held_up_does_not_take_redis_for_away(start: Start, url: str) -> None:
    counters = await start(url)
    for n in range(5):
        call = asyncio.create_task(counters.count([rate()], NOW))
        await asyncio.sleep(0)
        time.sleep(0.12)  # noqa: ASYNC251 - the loop is what is held up here
        assert await call == {rate().key: n + 1}
    assert counters.shared


async def test_a_caller_who_hangs_up_meanwhile_leaves_the_others_their_counts(
    start: Start, url: str
) -> None:
    counters = await start(url)
    calls = [asyncio.create_task(counters.count([rate(str(n))], NOW)) for n in range(6)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    await asyncio.wait(calls)
    assert [call.result() for call in calls[1::2]] == [{str(n): 1} for n in (1, 3, 5)]
    assert await counters.count([rate("0")], NOW) == {"0": 2}
    assert counters.shared


async def test_it_ends_at_once_also_when_its_connection_fails_meanwhile(
    keys: Keys, own_valkey: EmbeddedValkey
) -> None:
    client = connect_redis(own_valkey.url)
    for n in range(40):
        own = connect_redis(own_valkey.url)
        task = asyncio.create_task(RedisCounters(own, keys).run())
        for _ in range(n):
            await asyncio.sleep(0)
        await client.client_kill_filter(_type="normal", skipme=True)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, "it goes on after it was cancelled"
        assert task.cancelled()
        await own.aclose()
    await client.aclose()


async def test_what_the_guide_allows_a_redis_account_is_enough(
    start: Start, own_valkey: EmbeddedValkey, keys: Keys
) -> None:
    (line,) = re.findall(r"^user ringfence on \S+ \S+ (.*)$", DOC.read_text(), re.MULTILINE)
    admin = connect_redis(own_valkey.url)
    account = ("ringfence", "on", "nopass", f"~{keys.prefix}*")
    await admin.execute_command("ACL", "SETUSER", *account, *line.split())
    await admin.aclose()
    url = own_valkey.url.replace("unix://", "unix://ringfence:x@")
    counters, client = await start(url), connect_redis(url)
    demands = [rate(at_least=1), spread("x")]
    for at in (NOW, NOW + 1, NOW - 3_600):
        assert await Peek(client, keys).count(demands, at) == await counters.count(demands, at)
        assert counters.shared
    caught = Caught("+12025550142", "caught", int(time.time()) + 60, "rule:r")
    assert await Extender(client, keys).extend("caught", [caught]) == 1
    await client.aclose()
