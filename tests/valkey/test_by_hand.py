"""Whatever an admin writes with redis-cli takes effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from ringfence.store.connection import connect_redis
from ringfence.store.embedded import EmbeddedValkey
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.writer import Writer

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]

BLOCK = '{"action": "block", "when": {"caller": "@scammers"}}'
ALLOW = '{"action": "allow"}'
ONE, TWO = "+12025550101", "+12025550102"


def rules(mirror: Mirror) -> dict[str, str]:
    return {each.rule.id: each.rule.action.value for each in mirror.world().rules.rules}


def entries(mirror: Mirror, name: str = "scammers") -> set[str] | None:
    numbers = mirror.world().lists.get(name)
    return None if numbers is None else {text for text, _ in numbers.entries()}


async def test_hset_puts_a_rule_in_force(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.rules, "a", BLOCK)
    await until(lambda: rules(mirror) == {"a": "block"})


async def test_hset_over_a_rule_replaces_it(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.rules, "a", BLOCK)
    await until(lambda: rules(mirror) == {"a": "block"})
    await redis.hset(keys.rules, "a", ALLOW)
    await until(lambda: rules(mirror) == {"a": "allow"})


async def test_hdel_takes_a_rule_out(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.rules, mapping={"a": BLOCK, "b": ALLOW})
    await until(lambda: len(rules(mirror)) == 2)
    await redis.hdel(keys.rules, "a")
    await until(lambda: rules(mirror) == {"b": "allow"})


async def test_del_takes_all_rules_out(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.rules, "a", BLOCK)
    await until(lambda: rules(mirror))
    await redis.delete(keys.rules)
    await until(lambda: not rules(mirror))


async def test_rules_that_expire_as_a_whole_are_gone(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.rules, "a", BLOCK)
    await until(lambda: rules(mirror))
    await redis.pexpire(keys.rules, 50)
    await until(lambda: not rules(mirror))


async def test_sadd_and_srem_change_a_list(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.sadd(keys.list("scammers"), ONE, TWO)
    await until(lambda: entries(mirror) == {ONE, TWO})
    await redis.srem(keys.list("scammers"), ONE)
    await until(lambda: entries(mirror) == {TWO})
    await redis.srem(keys.list("scammers"), TWO)
    await until(lambda: entries(mirror) is None)


async def test_zadd_and_zrem_change_a_list_with_expiries(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.zadd(keys.list("scammers"), {ONE: float("inf"), "+1900*": 4e9})
    await until(lambda: entries(mirror) == {ONE, "+1900*"})
    assert dict(mirror.world().lists["scammers"].entries())["+1900*"] == 4e9
    await redis.zrem(keys.list("scammers"), ONE)
    await until(lambda: entries(mirror) == {"+1900*"})


async def test_rename_moves_a_list(redis: Redis, keys: Keys, mirror: Mirror, until: Until) -> None:
    await redis.sadd(keys.list("old"), ONE)
    await until(lambda: entries(mirror, "old") == {ONE})
    await redis.rename(keys.list("old"), keys.list("new"))
    await until(lambda: entries(mirror, "old") is None and entries(mirror, "new") == {ONE})


async def test_a_list_that_expires_as_a_whole_is_gone(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.sadd(keys.list("scammers"), ONE)
    await until(lambda: entries(mirror) == {ONE})
    await redis.pexpire(keys.list("scammers"), 50)
    await until(lambda: entries(mirror) is None)


async def test_a_list_may_become_a_sorted_set_by_hand(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    key = keys.list("scammers")
    await redis.sadd(key, ONE)
    await until(lambda: entries(mirror) == {ONE})
    async with redis.pipeline() as pipe:
        pipe.delete(key)
        pipe.zadd(key, {TWO: 4e9})
        await pipe.execute()
    await until(lambda: entries(mirror) == {TWO})


async def test_a_trunk_by_hand_is_in_force_and_gone(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.trunks, "carrier-a", '{"country": "CA"}')
    await until(lambda: mirror.world().trunks.get("carrier-a") is not None)
    assert mirror.world().trunks["carrier-a"].country == "CA"
    await redis.hdel(keys.trunks, "carrier-a")
    await until(lambda: not mirror.world().trunks)


async def test_all_in_one_transaction_takes_effect(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    async with redis.pipeline(transaction=True) as pipe:
        for n in range(50):
            pipe.hset(keys.rules, f"r{n}", BLOCK)
            pipe.sadd(keys.list(f"l{n}"), ONE)
        await pipe.execute()
    await until(lambda: len(rules(mirror)) == 50 and len(mirror.world().lists) == 50)


async def test_a_change_by_hand_beside_an_announced_one_is_not_missed(
    redis: Redis, keys: Keys, mirror: Mirror, writer: Writer, until: Until
) -> None:
    await writer.add_to_list("scammers", [ONE])
    await until(lambda: entries(mirror) == {ONE})
    # the size stays as announced, so only reading again tells
    async with redis.pipeline(transaction=True) as pipe:
        pipe.srem(keys.list("scammers"), ONE)
        pipe.sadd(keys.list("scammers"), "+12025550999")
        await pipe.execute()
    await writer.add_to_list("scammers", [TWO])
    await until(lambda: entries(mirror) == {"+12025550999", TWO})


async def test_flushdb_takes_everything_out(
    own_valkey: EmbeddedValkey, mirror_of: MirrorOf, keys: Keys, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    mirror = await mirror_of(own_valkey.url)
    await client.hset(keys.rules, "a", BLOCK)
    await client.sadd(keys.list("scammers"), ONE)
    await until(lambda: rules(mirror) and entries(mirror))
    await client.flushdb()
    await until(lambda: not rules(mirror) and entries(mirror) is None)
    await client.hset(keys.rules, "b", BLOCK)
    await until(lambda: rules(mirror) == {"b": "block"})
    await client.aclose()
