"""Callers that come on a list by themselves: soon, on every worker, never at an admin's cost."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.call import Call, CallAttempt
from ringfence.numbers import normalise
from ringfence.screening import Screened
from ringfence.store.connection import connect_redis
from ringfence.store.counting.catching import BATCH, Catcher
from ringfence.store.embedded import EmbeddedValkey
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.writer import Writer
from ringfence.verdict import Action, Also, Reason, Verdict
from tests.valkey.conftest import ended

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]
Start = Callable[..., Awaitable[Catcher]]

CALLER, OTHER = "+12025550142", "+12025550143"
HOUR = 3_600


class Clock:
    """Wall time that a test may put on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def call(caller: str = CALLER, *also: Also) -> Screened:
    return Screened(
        id="01M7ZQTPWYFB2WZ9AJ",
        at=time.time(),
        door="agi",
        attempt=CallAttempt(),
        call=Call(called=normalise("+13035550101"), caller=normalise(caller)),
        verdict=Verdict(action=Action.BLOCK, reason=Reason.RULE, rule="r", also=also),
        took=0.0,
    )


CAUGHT = Also("caught", HOUR, "too-often")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def start(keys: Keys, clock: Clock) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def begin(url: str, **settings: Any) -> Catcher:
            client = connect_redis(url, timeout=0.3)
            stack.push_async_callback(client.aclose)
            catcher = Catcher(client, keys, clock=clock, **settings)
            stack.push_async_callback(ended, asyncio.create_task(catcher.run()))
            return catcher

        yield begin


@pytest.fixture
async def catcher(start: Start, url: str) -> Catcher:
    return await start(url)


@pytest.fixture
def written(catcher: Catcher, until: Until) -> Callable[[], Awaitable[None]]:
    return lambda: until(lambda: not len(catcher))


async def expiry(redis: Redis, keys: Keys, name: str = "caught", number: str = CALLER) -> float:
    return float(await redis.zscore(keys.list(name), number) or 0.0)


async def test_a_caught_caller_is_in_force_on_every_worker_for_that_long(
    catcher: Catcher, mirror: Mirror, redis: Redis, keys: Keys, until: Until
) -> None:
    catcher.put(call(CALLER, CAUGHT))
    await until(lambda: "caught" in mirror.world().lists)
    numbers = mirror.world().lists["caught"]
    caller, now = normalise(CALLER), time.time()
    assert numbers.contains(caller, now)
    assert numbers.contains(caller, now + HOUR - 2)
    assert not numbers.contains(caller, now + HOUR + 2)
    assert HOUR - 2 < await expiry(redis, keys) - now <= HOUR + 1


async def test_it_is_announced_in_the_rules_name_and_left_out_of_the_history(
    catcher: Catcher, written: Callable[[], Awaitable[None]], redis: Redis, keys: Keys
) -> None:
    catcher.put(call(CALLER, CAUGHT, Also("worse", HOUR, "far-too-often")))
    await written()
    changes = [fields for _, fields in await redis.xrange(keys.changes)]
    assert [(each[b"name"], each[b"who"], each[b"entries"]) for each in changes] == [
        (b"caught", b"rule:too-often", CALLER.encode()),
        (b"worse", b"rule:far-too-often", CALLER.encode()),
    ]
    assert not await redis.exists(keys.history)


async def test_who_passes_a_challenge_is_not_caught_by_it(
    catcher: Catcher, written: Callable[[], Awaitable[None]], redis: Redis, keys: Keys
) -> None:
    # call's verdict is rule r's; too-often had a part in it before
    catcher.put(call(CALLER, CAUGHT, Also("robots", HOUR, "r")), "passed")
    catcher.put(call(OTHER, Also("robots", HOUR, "r")), "failed")
    await written()
    assert await redis.zrange(keys.list("caught"), 0, -1) == [CALLER.encode()]
    assert await redis.zrange(keys.list("robots"), 0, -1) == [OTHER.encode()]


async def test_entries_that_ran_out_go_in_parts_and_match_nothing_meanwhile(
    catcher: Catcher,
    written: Callable[[], Awaitable[None]],
    mirror: Mirror,
    until: Until,
    redis: Redis,
    keys: Keys,
) -> None:
    past = time.time() - 10
    await redis.zadd(keys.list("caught"), {f"+1202555{n:05}": past for n in range(10_100)})
    for number, left in ((CALLER, 101), (OTHER, 2)):
        catcher.put(call(number, CAUGHT))
        await written()
        assert await redis.zcard(keys.list("caught")) == left
    await until(lambda: mirror.world().lists["caught"].contains(normalise(OTHER), time.time()))
    assert not mirror.world().lists["caught"].contains(normalise("+120255510099"), time.time())


@pytest.mark.parametrize("caller", ["anonymous", "", "611", "Bob", "+1900*"])
async def test_a_caller_without_a_number_is_left_alone(catcher: Catcher, caller: str) -> None:
    catcher.put(call(caller, CAUGHT))
    catcher.remember(caller, "passed", HOUR, "rule:r")
    assert not len(catcher)


async def test_who_withheld_a_number_that_we_know_is_caught(catcher: Catcher) -> None:
    screened = call(CALLER, CAUGHT)
    assert screened.call
    withheld = Call(called=screened.call.called, caller=normalise(CALLER)._replace(anonymous=True))
    catcher.put(Screened(**{**_fields(screened), "call": withheld}))
    assert len(catcher) == 1


def _fields(screened: Screened) -> dict[str, Any]:
    return {name: getattr(screened, name) for name in screened.__struct_fields__}


async def test_a_passed_challenge_is_remembered_the_same_way(
    catcher: Catcher, written: Callable[[], Awaitable[None]], redis: Redis, keys: Keys
) -> None:
    catcher.remember(CALLER, "passed", 86_400, "rule:press-a-digit")
    await written()
    assert 86_398 < await expiry(redis, keys, "passed") - time.time() <= 86_401


# --- how often


async def test_who_calls_all_the_time_is_written_once_in_some_seconds(
    catcher: Catcher,
    written: Callable[[], Awaitable[None]],
    redis: Redis,
    keys: Keys,
    clock: Clock,
) -> None:
    for _ in range(50):
        catcher.put(call(CALLER, CAUGHT))
        await written()
    assert await redis.xlen(keys.changes) == 1
    clock.ahead = 6
    catcher.put(call(CALLER, CAUGHT))
    await written()
    assert await redis.xlen(keys.changes) == 2
    assert await expiry(redis, keys) - time.time() > HOUR + 4


async def test_an_entry_that_would_last_much_longer_is_written_at_once(
    catcher: Catcher, written: Callable[[], Awaitable[None]], redis: Redis, keys: Keys
) -> None:
    for seconds in (HOUR, HOUR + 60, 2 * HOUR, HOUR):
        catcher.put(call(CALLER, Also("caught", seconds, "r")))
        await written()
    assert await redis.xlen(keys.changes) == 2
    assert await expiry(redis, keys) - time.time() > 2 * HOUR - 2


async def test_who_was_removed_by_an_admin_is_caught_again_by_a_later_call(
    catcher: Catcher,
    written: Callable[[], Awaitable[None]],
    redis: Redis,
    keys: Keys,
    clock: Clock,
) -> None:
    catcher.put(call(CALLER, CAUGHT))
    await written()
    await Writer(redis, keys).remove_from_list("caught", [CALLER])
    clock.ahead = 6
    catcher.put(call(CALLER, CAUGHT))
    await written()
    assert await expiry(redis, keys)


async def test_a_list_that_fills_all_the_time_is_not_read_all_the_time(
    start: Start, own_valkey: EmbeddedValkey, keys: Keys, mirror_of: MirrorOf, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    later = time.time() + HOUR
    many = [f"+1303555{n:04}" for n in range(9_000)]
    await Writer(client, keys).replace_list("caught", many, expiries=dict.fromkeys(many, later))
    mirror, catcher = await mirror_of(own_valkey.url), await start(own_valkey.url)

    async def pages() -> int:
        return int((await client.info("commandstats"))["cmdstat_zscan"]["calls"])

    before = await pages()
    for n in range(60):
        catcher.put(call(f"+1202555{n:04}", CAUGHT))
        await asyncio.sleep(0.025)
    await until(lambda: len(mirror.world().lists["caught"]) == 9_060)
    assert await pages() == before
    await client.aclose()


async def test_callers_of_one_moment_share_announcements(
    catcher: Catcher,
    written: Callable[[], Awaitable[None]],
    redis: Redis,
    keys: Keys,
    mirror: Mirror,
    until: Until,
) -> None:
    for n in range(2 * BATCH + 1):
        catcher.put(call(f"+1202555{n:04}", CAUGHT))
    await written()
    assert await redis.zcard(keys.list("caught")) == 2 * BATCH + 1
    assert 3 <= await redis.xlen(keys.changes) <= 6
    await until(lambda: len(mirror.world().lists.get("caught", ())) == 2 * BATCH + 1)


# --- what admins put there


async def test_what_an_admin_put_there_for_longer_is_not_made_shorter(
    catcher: Catcher,
    written: Callable[[], Awaitable[None]],
    mirror: Mirror,
    redis: Redis,
    keys: Keys,
    until: Until,
) -> None:
    later = time.time() + 7 * 86_400
    await Writer(redis, keys).add_to_list("caught", [CALLER], later)
    catcher.put(call(CALLER, CAUGHT))
    catcher.put(call(OTHER, CAUGHT))
    await written()
    assert await expiry(redis, keys) == later
    await until(lambda: len(mirror.world().lists.get("caught", ())) == 2)
    numbers = mirror.world().lists["caught"]
    assert numbers.contains(normalise(CALLER), later - 1)
    assert not numbers.contains(normalise(OTHER), later - 1)


async def test_what_is_there_for_good_stays_for_good(
    catcher: Catcher, written: Callable[[], Awaitable[None]], redis: Redis, keys: Keys
) -> None:
    await Writer(redis, keys).add_to_list("caught", [CALLER])
    catcher.put(call(CALLER, CAUGHT))
    await written()
    assert await redis.type(keys.list("caught")) == b"set"
    catcher.put(call(OTHER, CAUGHT))
    await written()
    assert await expiry(redis, keys) == math.inf
    assert HOUR - 2 < await expiry(redis, keys, number=OTHER) - time.time() <= HOUR + 1


async def test_a_list_that_cannot_be_written_keeps_no_other_from_it(
    catcher: Catcher, written: Callable[[], Awaitable[None]], redis: Redis, keys: Keys
) -> None:
    await redis.set(keys.list("broken"), "by hand")
    with capture_logs() as logs:
        for n in range(5):
            catcher.put(call(f"+120255501{n:02}", Also("broken", HOUR, "r"), CAUGHT))
            await written()
    assert await redis.zcard(keys.list("caught")) == 5
    assert [each["event"] for each in logs] == ["callers cannot be put on a list"]
    assert "wrong type" in logs[0]["why"]


# --- Redis is away


async def test_callers_wait_while_redis_is_away_and_are_told_of_once(
    start: Start, own_valkey: EmbeddedValkey, keys: Keys, clock: Clock, until: Until
) -> None:
    catcher = await start(own_valkey.url, most_waiting=50)
    assert own_valkey.pid
    with capture_logs() as logs:
        os.kill(own_valkey.pid, signal.SIGSTOP)
        try:
            catcher.put(call(OTHER, Also("caught", 10, "r")))
            for n in range(100):
                catcher.put(call(f"+12025550{n:03}", CAUGHT))
            assert len(catcher) == 50
            await until(lambda: logs)
            await asyncio.sleep(1.0)  # tries in vain
            clock.ahead = 20
        finally:
            os.kill(own_valkey.pid, signal.SIGCONT)
        await until(lambda: not len(catcher))
    client = connect_redis(own_valkey.url)
    # who was tried before Redis hung up may be there as well, as his time was not over then
    assert set(await client.zrange(keys.list("caught"), 0, -1)) - {OTHER.encode()} == {
        f"+12025550{n:03}".encode() for n in range(49)
    }
    await client.aclose()
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == [
        "too many callers wait to be put on lists"
    ]
    assert logs[-1]["event"] == "callers are put on lists again"
    assert logs[-1]["left_out"] == 51


async def test_at_the_end_who_waits_is_written(
    start: Start, url: str, redis: Redis, keys: Keys
) -> None:
    catcher = await start(url)
    catcher.put(call(CALLER, CAUGHT))
    await catcher.close(2.0)
    assert await expiry(redis, keys)


async def test_the_end_waits_no_longer_than_it_may(start: Start) -> None:
    catcher = await start("redis://127.0.0.1:1")
    catcher.put(call(CALLER, CAUGHT))
    began = time.perf_counter()
    with capture_logs() as logs:
        await catcher.close(0.3)
    assert time.perf_counter() - began < 0.6
    assert logs[-1]["event"] == "callers are not on their lists"
