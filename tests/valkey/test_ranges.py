"""A number in a range is found without a walk through the list, and also after changes by hand."""

from __future__ import annotations

import random
import time

import pytest
from redis.asyncio import Redis

from ringfence.store.imports.bringing import Bringer, Few
from ringfence.store.imports.ranges import SIZE, Ranges
from ringfence.store.imports.sources import Sources
from ringfence.store.imports.taking_out import Taker
from ringfence.store.keys import Keys
from ringfence.store.writing.writer import Writer

ONE, RANGE, OTHER = "+12025550101", "+12025550110-+12025550119", "+13035550100-+13035550199"


@pytest.fixture
def ranges(redis: Redis, keys: Keys) -> Ranges:
    return Ranges(redis, keys)


async def found(ranges: Ranges, number: int) -> str:
    answer = await ranges.find("l", number, time.time())
    return answer.entry.text if answer else ""


async def is_known(redis: Redis, keys: Keys) -> bool:
    size = await redis.hget(keys.ranges("l"), SIZE)
    return size is not None and int(size) == await redis.scard(keys.list("l"))


async def test_what_ringfence_writes_is_known_at_once(
    ranges: Ranges, writer: Writer, redis: Redis, keys: Keys
) -> None:
    await writer.add_to_list("l", [ONE, RANGE])
    assert await is_known(redis, keys)
    assert await found(ranges, 12025550115) == RANGE
    assert await found(ranges, 12025550120) == ""
    await writer.remove_from_list("l", [RANGE])
    assert await is_known(redis, keys)
    assert await found(ranges, 12025550115) == ""
    await writer.remove_list("l")
    assert not await redis.exists(keys.ranges("l"))


async def test_a_change_by_hand_is_found_and_known_from_then_on(
    ranges: Ranges, writer: Writer, redis: Redis, keys: Keys
) -> None:
    await writer.add_to_list("l", [ONE])
    await redis.sadd(keys.list("l"), RANGE)
    assert not await is_known(redis, keys)
    assert await found(ranges, 12025550115) == RANGE
    assert await is_known(redis, keys)
    await redis.sadd(keys.list("l"), OTHER)
    await writer.remove_from_list("l", [ONE])
    assert not await is_known(redis, keys), "a write on top makes it no better known"
    assert await found(ranges, 13035550150) == OTHER


async def test_a_range_that_has_run_out_is_not_found(
    ranges: Ranges, writer: Writer, redis: Redis, keys: Keys
) -> None:
    soon = time.time() + 60
    await writer.add_to_list("l", [RANGE, OTHER], expires=soon)
    answer = await ranges.find("l", 12025550115, soon - 1)
    assert answer
    assert answer.expires == soon
    assert await ranges.find("l", 12025550115, soon + 1) is None


async def test_a_list_that_is_replaced_is_looked_at_or_known(
    ranges: Ranges, writer: Writer, redis: Redis, keys: Keys
) -> None:
    await writer.add_to_list("l", [RANGE])
    await writer.replace_list("l", [OTHER])
    assert (await found(ranges, 12025550115), await found(ranges, 13035550150)) == ("", OTHER)
    assert await is_known(redis, keys)
    await Bringer(Sources(redis, keys)).bring("l", Few([RANGE]), replace=True)
    assert await is_known(redis, keys)
    assert (await found(ranges, 12025550115), await found(ranges, 13035550150)) == (RANGE, "")


async def test_a_key_of_a_wrong_type_stops_nothing(
    ranges: Ranges, writer: Writer, redis: Redis, keys: Keys
) -> None:
    await redis.set(keys.ranges("l"), "oops")
    await redis.sadd(keys.list("l"), ONE)
    await writer.add_to_list("l", [RANGE])
    assert await found(ranges, 12025550115) == RANGE


@pytest.mark.parametrize("seed", range(4))
async def test_it_is_as_if_all_of_the_list_were_looked_at(
    ranges: Ranges, writer: Writer, redis: Redis, keys: Keys, seed: int
) -> None:
    chance, sources = random.Random(seed), Sources(redis, keys)
    known = [ONE, RANGE, OTHER, "+1900*", "+12025550105-+12025550112", "+12025550199"]
    for _ in range(60):
        some = chance.sample(known, chance.randrange(1, 4))
        match chance.randrange(7):
            case 0:
                await writer.add_to_list("l", some)
            case 1:
                await writer.remove_from_list("l", some)
            case 2:
                await redis.sadd(keys.list("l"), *some)
            case 3:
                await Bringer(sources, step=chance.choice([0, 100])).bring(
                    "l", Few(some), source="a", replace=chance.random() < 0.3
                )
            case 4:
                await Taker(sources).take_out("l", some)
            case 5:
                await writer.replace_list("l", some)
            case _:
                pass
        there = {m.decode() async for m in redis.sscan_iter(keys.list("l"))}
        for number in (12025550107, 12025550111, 12025550115, 13035550150, 13035550200):
            expected = {
                each for each in there if "-" in each
                and int(each.split("-")[0]) <= number <= int(each.split("-")[1])
            }  # fmt: skip
            answer = await found(ranges, number)
            assert answer in expected if expected else not answer
