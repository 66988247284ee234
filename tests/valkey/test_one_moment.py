"""Rules that change together come in force together, however fast they change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any

import pytest
from redis.asyncio import Redis

from ringfence.call import Call
from ringfence.numbers import normalise
from ringfence.rules import encode_rule, evaluate
from ringfence.rules.model import Rule, When
from ringfence.store.connection import connect_redis
from ringfence.store.ending import end
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.writer import FieldChange, Writer
from ringfence.verdict import Action

Until = Callable[..., Awaitable[None]]
Swap = Callable[[Redis, Keys, dict[str, bytes], dict[str, bytes]], Awaitable[None]]

GENERATIONS_SEEN = 5
CALL = Call(caller=normalise("+12025550123"), called=normalise("+13015550100"))


def generation(name: str, count: int) -> dict[str, bytes]:
    """Rules that say which generation they are of; calls meet the first and the last of them."""
    when = {0: When(called="+13015550100"), count - 1: When(caller="+12025550123")}
    rules = (
        Rule(
            action=Action.FLAG,
            id=f"r{n:05}",
            when=when.get(n, When(caller="+1900*")),
            note=name,
        )
        for n in range(count)
    )
    return {rule.id: encode_rule(rule) for rule in rules}


async def by_hand(redis: Redis, keys: Keys, old: dict[str, bytes], new: dict[str, bytes]) -> None:
    async with redis.pipeline(transaction=True) as pipe:
        some: Any = new
        pipe.hset(keys.rules, mapping=some)
        await pipe.execute()


async def by_import(redis: Redis, keys: Keys, old: dict[str, bytes], new: dict[str, bytes]) -> None:
    await Writer(redis, keys).apply([FieldChange("rule", id, old[id], new[id]) for id in new])


class Witness:
    """Asks the mirror as often as the loop lets it, and keeps what it saw of each world."""

    def __init__(self, mirror: Mirror, count: int) -> None:
        self._mirror = mirror
        self._count = count
        self.seen: list[str] = []
        self.mixed: list[set[str]] = []

    async def watch(self) -> None:
        world = None
        while True:
            if (now := self._mirror.world()) is not world and now.rules.rules:
                world = now
                notes = {each.rule.note for each in world.rules.rules}
                met = {each.rule for each in evaluate(world.rules, CALL, {}, 0.0).noted}
                if len(notes) > 1 or len(world.rules.rules) != self._count or len(met) != 2:
                    self.mixed.append(notes)
                self.seen.append(min(notes))
            await asyncio.sleep(0)


@pytest.mark.parametrize("count", [600, 1_500])
@pytest.mark.parametrize("swap", [by_hand, by_import])
async def test_rule_sets_that_are_swapped_without_end_are_never_in_force_in_part(
    redis: Redis, keys: Keys, url: str, mirror: Mirror, until: Until, swap: Swap, count: int
) -> None:
    sets = [generation(name, count) for name in ("one", "two")]
    some: Any = sets[1]
    await redis.hset(keys.rules, mapping=some)
    hand = connect_redis(url)
    await until(lambda: len(mirror.world().rules.rules) == count)
    witness = Witness(mirror, count)

    async def swap_for_ever() -> None:
        turns = cycle(sets)
        old = sets[1]
        for new in turns:
            await swap(hand, keys, old, new)
            old = new

    tasks = [asyncio.create_task(witness.watch()), asyncio.create_task(swap_for_ever())]
    try:
        await until(lambda: len(witness.seen) >= GENERATIONS_SEEN or tasks[1].done(), within=30)
        assert not tasks[1].done(), tasks[1]
    finally:
        await end(tasks)
        await hand.aclose()
    assert not witness.mixed
    last = (await redis.hget(keys.rules, "r00000") or b"").decode()
    await until(lambda: {r.rule.note for r in mirror.world().rules.rules} == {
        "one" if '"one"' in last else "two"
    })  # fmt: skip
    assert set(witness.seen) == {"one", "two"}
