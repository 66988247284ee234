"""Hits of rules from all workers together, each once, whatever happens to Redis."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.store.connection import connect_redis
from ringfence.store.counting.hits import GONE_SECONDS, HitCounter, Hits, HitsReader
from ringfence.store.keys import Keys
from ringfence.verdict import Action, Noted, Reason, Verdict
from tests.valkey.calllog_parts import ReplyThief, ValkeyProcess, until

pytestmark = pytest.mark.valkey

Start = Callable[..., HitCounter]

BLOCKED = Verdict(action=Action.BLOCK, reason=Reason.RULE, rule="r")
WATCHED = Verdict(
    action=Action.ALLOW, reason=Reason.NO_RULE, noted=(Noted("m", Action.BLOCK, True),)
)


@pytest.fixture
async def start(keys: Keys) -> AsyncIterator[Start]:
    """Counters as workers have them, with short waits; those that run do so until the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        def begin(
            url: str, *, run: bool = True, clock: Callable[[], float] | None = None
        ) -> HitCounter:
            client = connect_redis(url, timeout=0.3)
            stack.push_async_callback(client.aclose)
            counter = HitCounter(client, keys, every=0.02, **({"clock": clock} if clock else {}))
            if run:
                task = asyncio.create_task(counter.run())
                stack.push_async_callback(_end, task)
            return counter

        yield begin


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_hits_of_all_workers_add_up_and_the_last_one_is_the_latest(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    first, second = start(url), start(url)
    reader = HitsReader(redis, keys)
    for at in (50.0, 60.5):
        first.put(BLOCKED, at)
        second.put(BLOCKED, at - 7)
        second.put(WATCHED, at)
    await until(lambda: not first.pending and not second.pending)
    assert await reader.all() == {"r": Hits(4, 0, 60.5, 0.0), "m": Hits(0, 2, 0.0, 60.5)}
    assert await reader.of("never") == Hits()
    assert await reader.since() is not None


async def test_counting_is_known_to_have_begun_before_the_first_hit(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    reader = HitsReader(redis, keys)
    assert await reader.since() is None
    counter = start(url, clock=lambda: 1234.0)
    await until(lambda: counter.written == 1)
    assert await reader.since() == 1234.0
    assert await reader.all() == {}


async def test_a_lost_reply_counts_nothing_twice(
    valkey: ValkeyProcess, start: Start, keys: Keys
) -> None:
    thief = ReplyThief(valkey.socket, valkey.folder / "thief.sock")
    await thief.start()
    counter = start(thief.url)
    await until(lambda: counter.written == 1)
    thief.steal()
    counter.put(BLOCKED, 1.0)
    await until(lambda: thief.stolen == 1)
    counter.put(BLOCKED, 2.0)
    await until(lambda: not counter.pending)
    redis = connect_redis(valkey.url)
    assert await HitsReader(redis, keys).of("r") == Hits(2, 0, 2.0, 0.0)
    await redis.aclose()
    await thief.stop()


async def test_hits_wait_while_redis_is_away_and_go_in_afterwards(
    valkey: ValkeyProcess, start: Start, keys: Keys
) -> None:
    counter = start(valkey.url)
    await until(lambda: counter.written == 1)
    with capture_logs() as logs:
        for number in (signal.SIGSTOP, None):
            if number:
                valkey.signal(number)
            else:
                valkey.kill()
            for _ in range(100):
                counter.put(BLOCKED, 1.0)
            await until(lambda: [e for e in logs if "wait in memory" in e["event"]])
        assert counter.pending
        await valkey.start()
        await until(lambda: not counter.pending)
        await until(lambda: [e for e in logs if "into Redis again" in e["event"]])
    redis = connect_redis(valkey.url)
    assert (await HitsReader(redis, keys).of("r")).hits == 200
    await redis.aclose()


async def test_what_is_left_at_the_end_goes_in(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    counter = start(url, run=False)
    for number in range(600):
        counter.put(Verdict(action=Action.BLOCK, reason=Reason.RULE, rule=f"r{number}"), 1.0)
    await counter.close(5.0)
    assert set((await HitsReader(redis, keys).all()).values()) == {Hits(1, 0, 1.0, 0.0)}
    assert len(await HitsReader(redis, keys).all()) == 600


async def test_an_end_without_redis_keeps_its_deadline_and_says_what_is_lost(start: Start) -> None:
    counter = start("unix:///nowhere/valkey.sock", run=False)
    counter.put(BLOCKED, 1.0)
    with capture_logs() as logs:
        async with asyncio.timeout(5):
            await counter.close(0.2)
    assert [e["rules"] for e in logs if e["event"] == "hits of rules are lost"] == [1]


async def test_a_key_of_a_wrong_type_is_said_once_and_waited_for(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    await redis.set(keys.hits, "by hand")
    counter = start(url)
    counter.put(BLOCKED, 1.0)
    with capture_logs() as logs:
        await until(lambda: logs)
        await redis.delete(keys.hits)
        await until(lambda: not counter.pending)
    assert (await HitsReader(redis, keys).of("r")).hits == 1
    assert len([e for e in logs if e["log_level"] == "warning"]) == 1


async def test_garbage_by_hand_is_no_hits_and_the_next_hit_puts_it_right(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    for garbage in (
        "",
        "x",
        "7",
        "[1]",
        '{"hits":"many"}',
        '{"hits":-5}',
        '{"hits":1e999}',
        "\xff",
    ):
        await redis.hset(keys.hits, "r", garbage)
        await HitsReader(redis, keys).all()
        counter = start(url, run=False)
        counter.put(BLOCKED, 1.0)
        await counter.close(5.0)
        assert await HitsReader(redis, keys).of("r") == Hits(1, 0, 1.0, 0.0), garbage


async def test_hits_of_a_removed_rule_are_kept_for_a_month_and_come_back_with_it(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    now = 1_000_000_000.0

    async def prune(at: float) -> None:
        await start(url, run=False, clock=lambda: at).prune()

    reader = HitsReader(redis, keys)
    counter = start(url, run=False)
    await redis.hset(keys.rules, "kept", "{}")
    for rule in ("r", "kept"):
        counter.put(Verdict(action=Action.BLOCK, reason=Reason.RULE, rule=rule), now)
    counter.put(Verdict(action=Action.BLOCK, reason=Reason.CALLEE), now)
    await counter.close(5.0)
    await prune(now)
    await prune(now + GONE_SECONDS - 60)
    assert (await reader.of("r")).hits == 1
    await redis.hset(keys.rules, "r", "{}")
    await prune(now + GONE_SECONDS + 60)
    await redis.hdel(keys.rules, "r")
    await prune(now + GONE_SECONDS + 120)
    assert (await reader.of("r")).hits == 1
    await prune(now + 2 * GONE_SECONDS + 180)
    assert set(await reader.all()) == {"kept", "(callee)"}
