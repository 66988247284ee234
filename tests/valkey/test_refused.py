"""What does not parse is refused by name; its last good version and all others stay in force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]

GOOD = '{"action": "block", "note": "first"}'
ONE = "+12025550101"


def rules(mirror: Mirror) -> dict[str, str]:
    return {each.rule.id: each.rule.note for each in mirror.world().rules.rules}


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "",
        b"\xff\xfe\x00garbage",
        '{"action": "explode"}',
        '{"action": "block", "when": {"caller": "rubbish"}}',
        '{"action": "block", "when": {"shoe_size": "44"}}',
        "[" * 50_000,
        '{"action": "block", "note": "' + "x" * 10_000_000 + '"}',
    ],
    ids=["broken", "empty", "binary", "action", "value", "field", "deep", "10MB"],
)
async def test_a_bad_rule_keeps_its_last_good_version_and_is_named(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until, bad: str
) -> None:
    await redis.hset(keys.rules, mapping={"a": GOOD, "b": GOOD})
    await until(lambda: len(rules(mirror)) == 2)
    await redis.hset(keys.rules, mapping={"a": bad, "c": GOOD})
    await until(lambda: rules(mirror) == {"a": "first", "b": "first", "c": "first"})
    await until(lambda: redis.hexists(keys.rejected, "a"))
    reason = await redis.hget(keys.rejected, "a")
    assert reason is not None
    assert b"\n" not in reason
    assert b"last good version" in reason
    assert list(mirror.status().refused) == ["a"]

    await redis.hset(keys.rules, "a", '{"action": "block", "note": "mended"}')
    await until(lambda: rules(mirror)["a"] == "mended")
    await until(lambda: _lacks(redis, keys, "a"))
    assert not mirror.status().refused


async def _lacks(redis: Redis, keys: Keys, field: str) -> bool:
    return not await redis.hexists(keys.rejected, field)


async def test_a_rule_that_was_never_good_is_not_in_force_and_goes_when_deleted(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.rules, "a", "{")
    await until(lambda: redis.hexists(keys.rejected, "a"))
    assert not rules(mirror)
    await redis.hdel(keys.rules, "a")
    await until(lambda: _lacks(redis, keys, "a"))


async def test_a_bad_trunk_is_named_and_keeps_its_last_good_version(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.trunks, "carrier-a", '{"country": "CA"}')
    await until(lambda: mirror.world().trunks)
    await redis.hset(keys.trunks, "carrier-a", '{"country": 7}')
    await until(lambda: redis.hexists(keys.rejected, "trunk:carrier-a"))
    assert mirror.world().trunks["carrier-a"].country == "CA"


async def test_bad_entries_are_counted_and_the_others_hold(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    bad = [b"rubbish", b"\xff\x00", "+1" * 5_000_000, "", "+0123456789"]
    await redis.sadd(keys.list("scammers"), ONE, *bad)
    await until(lambda: redis.hexists(keys.rejected, "list:scammers"))
    assert [text for text, _ in mirror.world().lists["scammers"].entries()] == [ONE]
    reason = (await redis.hget(keys.rejected, "list:scammers") or b"").decode()
    assert reason.startswith("5 of its entries")
    assert len(reason) < 400
    await redis.srem(keys.list("scammers"), *bad)
    await until(lambda: _lacks(redis, keys, "list:scammers"))


async def test_a_wrong_type_under_a_key_leaves_the_rest_in_force(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.rules, "a", GOOD)
    await redis.sadd(keys.list("good"), ONE)
    await until(lambda: rules(mirror) and mirror.world().lists)
    await redis.set(keys.list("bad"), "oops")
    await redis.set(keys.rules, "oops")
    await redis.sadd(keys.list("later"), ONE)
    await until(lambda: "later" in mirror.world().lists)
    await until(lambda: redis.hexists(keys.rejected, "list:bad"))
    await until(lambda: redis.hexists(keys.rejected, "key:rules"))
    assert rules(mirror) == {"a": "first"}
    assert mirror.status().connected
    await redis.delete(keys.rules, keys.list("bad"))
    await until(lambda: not rules(mirror) and not mirror.status().refused)


async def test_a_wrong_type_under_the_stream_leaves_changes_by_hand(
    redis: Redis, keys: Keys, mirror_of: MirrorOf, url: str, until: Until
) -> None:
    await redis.set(keys.changes, "oops")
    mirror = await mirror_of(url)
    await redis.hset(keys.rules, "a", GOOD)
    await redis.sadd(keys.list("scammers"), ONE)
    await until(lambda: rules(mirror) and mirror.world().lists)
    assert mirror.status().connected


async def test_a_list_with_a_hostile_name_is_refused(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.sadd(keys.list_prefix + "../etc\n", ONE)
    await until(lambda: mirror.status().refused)
    assert not mirror.world().lists
    assert "\n" not in str(mirror.status().refused)


async def test_refusals_of_an_earlier_run_are_taken_out(
    redis: Redis, keys: Keys, mirror_of: MirrorOf, url: str, until: Until
) -> None:
    await redis.hset(keys.rejected, "long-gone", "why")
    await mirror_of(url)
    await until(lambda: _lacks(redis, keys, "long-gone"))
