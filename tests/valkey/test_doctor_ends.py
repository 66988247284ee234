"""`ringfence doctor` tells whether ends of calls are heard, by what has come of calls."""

from __future__ import annotations

from redis.asyncio import Redis

from ringfence.doctor.ends import LONGEST, examine_ends
from ringfence.doctor.finding import Finding, State
from ringfence.settings import AmiSection
from ringfence.store.keys import Keys

NOW = 1_795_176_000.0
AMI = AmiSection(host="127.0.0.1", username="listener")


async def found(redis: Redis, keys: Keys, ami: AmiSection = AMI) -> list[Finding]:
    return [each async for each in examine_ends(redis, keys, ami, NOW)]


async def screened(redis: Redis, keys: Keys, at: float) -> None:
    await redis.xadd(keys.calls, {"record": "{}"}, id=f"{int(at * 1000)}-0")


async def heard(redis: Redis, keys: Keys, at: float) -> None:
    await redis.hset(keys.archive, mapping={"ended": str(int(at * 1000))})


async def test_without_calls_or_without_ami_there_is_nothing_to_say(
    redis: Redis, keys: Keys
) -> None:
    assert await found(redis, keys) == []
    await screened(redis, keys, NOW - 2 * LONGEST)
    assert await found(redis, keys, AmiSection()) == []


async def test_a_call_of_this_hour_may_not_have_ended(redis: Redis, keys: Keys) -> None:
    await screened(redis, keys, NOW - LONGEST / 2)
    assert await found(redis, keys) == []


async def test_calls_whose_ends_nobody_heard_are_told_with_what_to_do(
    redis: Redis, keys: Keys
) -> None:
    await screened(redis, keys, NOW - 2 * LONGEST)
    (one,) = await found(redis, keys)
    assert one.state is State.WARN
    assert "read = call (or all) for listener" in one.mend


async def test_ends_that_are_heard_are_well_until_calls_go_on_without_them(
    redis: Redis, keys: Keys
) -> None:
    await screened(redis, keys, NOW - 3 * LONGEST)
    await heard(redis, keys, NOW - 2 * LONGEST)
    (one,) = await found(redis, keys)
    assert one.state is State.OK
    await screened(redis, keys, NOW - 1.5 * LONGEST)
    (one,) = await found(redis, keys)
    assert (one.state, one.what[:40]) == (State.WARN, "no end of a call was heard since 2026-11")
