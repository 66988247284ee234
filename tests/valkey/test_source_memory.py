"""What is kept for sources is small beside the list, and only there where a source is named."""

from __future__ import annotations

import random

from redis.asyncio import Redis

from ringfence.store.imports.bringing import Bringer, Few
from ringfence.store.imports.sources import Sources
from ringfence.store.keys import Keys


async def test_sources_take_a_tenth_of_the_list_at_most(redis: Redis, keys: Keys) -> None:
    chance = random.Random(1)
    # as close together as 5 million of +1 are
    numbers = [f"+1{chance.randrange(2_000_000_000, 2_040_000_000)}" for _ in range(25_000)]
    bringer = Bringer(Sources(redis, keys))
    await bringer.bring("l", Few(numbers))
    assert not [key async for key in redis.scan_iter(match=keys.prefix + "brought:*")]
    await bringer.bring("l", Few(numbers), source="ftc")
    listed = await redis.memory_usage(keys.list("l"), samples=1_000) or 0
    for source in ("ftc", "-"):
        kept = await redis.memory_usage(keys.brought("l", source), samples=1_000) or 0
        assert 0 < kept < listed / 10
