"""Changes through Ringfence: checked, atomic, announced and soon in force."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from ringfence.rules import RuleRefused
from ringfence.store.keys import CHANGE_ENTRIES, Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.reader import Reader
from ringfence.store.writing.writer import Writer, WriteRefused, Written

Until = Callable[..., Awaitable[None]]

BLOCK = '{"action": "block", "when": {"caller": "@scammers"}}'
ONE, TWO = "+12025550101", "+12025550102"


def rules(mirror: Mirror) -> dict[str, bool]:
    return {each.rule.id: each.rule.enabled for each in mirror.world().rules.rules}


def entries(mirror: Mirror, name: str = "scammers") -> dict[str, float]:
    numbers = mirror.world().lists.get(name)
    return dict(numbers.entries()) if numbers is not None else {}


async def test_a_rule_is_in_force_switched_off_and_gone(
    writer: Writer, mirror: Mirror, until: Until
) -> None:
    assert (await writer.set_rule("a", BLOCK)).result is Written.ADDED
    await until(lambda: rules(mirror) == {"a": True})
    assert (await writer.enable_rule("a", False)).result is Written.REPLACED
    await until(lambda: rules(mirror) == {"a": False})
    assert await writer.remove_rule("a")
    await until(lambda: rules(mirror) == {})
    assert not await writer.remove_rule("a")


async def test_the_same_rule_again_announces_nothing(
    writer: Writer, redis: Redis, keys: Keys
) -> None:
    await writer.set_rule("a", BLOCK)
    assert (await writer.set_rule("a", BLOCK)).result is Written.SAME
    assert await redis.xlen(keys.changes) == 1


async def test_a_new_rule_does_not_overwrite_an_old_one(writer: Writer) -> None:
    await writer.set_rule("a", BLOCK)
    with pytest.raises(WriteRefused, match="rule a exists"):
        await writer.set_rule("a", '{"action": "allow"}', only_new=True)


@pytest.mark.parametrize(
    ("rule_id", "text"),
    [
        ("a", "{"),
        ("a", '{"action": "explode"}'),
        ("a", '{"action": "block", "when": {"caller": "rubbish"}}'),
        ("a", '{"action": "block", "surprise": 1}'),
        ("no such id", BLOCK),
        ("a", '{"note": "' + "x" * 70_000 + '", "action": "block"}'),
    ],
)
async def test_a_rule_that_is_refused_writes_nothing(
    writer: Writer, redis: Redis, keys: Keys, rule_id: str, text: str
) -> None:
    with pytest.raises(RuleRefused) as refused:
        await writer.set_rule(rule_id, text)
    assert "\n" not in str(refused.value)
    assert not await redis.exists(keys.rules, keys.changes)


async def test_one_bad_entry_keeps_all_of_them_out(
    writer: Writer, redis: Redis, keys: Keys
) -> None:
    with pytest.raises(ValueError, match="rubbish"):
        await writer.add_to_list("scammers", [ONE, "rubbish"])
    with pytest.raises(ValueError, match="list name"):
        await writer.add_to_list("not a name", [ONE])
    with pytest.raises(WriteRefused, match="in the past"):
        await writer.add_to_list("scammers", [ONE], expires=time.time() - 1)
    assert not await redis.exists(keys.list("scammers"), keys.changes)


async def test_entries_are_added_and_removed(writer: Writer, mirror: Mirror, until: Until) -> None:
    assert await writer.add_to_list("scammers", ["12025550101", TWO, "+1900*"]) == (3, 3)
    await until(lambda: entries(mirror).keys() == {ONE, TWO, "+1900*"})
    assert await writer.remove_from_list("scammers", [ONE, "+13035550000"]) == (1, 2)
    await until(lambda: entries(mirror).keys() == {TWO, "+1900*"})
    assert await writer.remove_list("scammers") == (2, 0)
    await until(lambda: "scammers" not in mirror.world().lists)


async def test_a_set_becomes_a_sorted_set_with_the_first_expiry(
    writer: Writer, redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    key, soon = keys.list("scammers"), time.time() + 3600
    await writer.add_to_list("scammers", [ONE])
    assert await redis.type(key) == b"set"
    await writer.add_to_list("scammers", [TWO], expires=soon)
    assert await redis.type(key) == b"zset"
    assert await redis.zscore(key, ONE) == math.inf
    await until(lambda: entries(mirror) == {ONE: math.inf, TWO: soon})
    await writer.add_to_list("scammers", [TWO])
    assert await redis.zscore(key, TWO) == math.inf
    await until(lambda: entries(mirror) == {ONE: math.inf, TWO: math.inf})


async def test_an_expiry_holds_in_the_mirror(writer: Writer, mirror: Mirror, until: Until) -> None:
    from ringfence.numbers import NumberPlan, normalise

    number, soon = normalise(ONE, NumberPlan()), time.time() + 3600
    await writer.add_to_list("scammers", [ONE], expires=soon)
    await until(lambda: entries(mirror))
    numbers = mirror.world().lists["scammers"]
    assert numbers.contains(number, soon - 1) == ONE
    assert numbers.contains(number, soon + 1) == ""


async def test_what_has_run_out_leaves_redis_with_the_next_write(
    redis: Redis, keys: Keys, writer: Writer
) -> None:
    await redis.zadd(keys.list("scammers"), {ONE: time.time() - 5})
    assert await writer.add_to_list("scammers", [TWO]) == (1, 1)


async def test_a_large_change_is_announced_in_parts(
    writer: Writer, redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    numbers = [f"+1202{n:07}" for n in range(2_500)]
    assert await writer.add_to_list("scammers", numbers) == (2_500, 2_500)
    for _, fields in await redis.xrange(keys.changes):
        assert fields[b"entries"].count(b",") < CHANGE_ENTRIES
    assert await redis.xlen(keys.changes) == 3
    await until(lambda: len(mirror.world().lists["scammers"]) == 2_500)


async def test_a_list_is_replaced_in_one_step(
    writer: Writer, redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await writer.add_to_list("scammers", [ONE])
    assert await writer.replace_list("scammers", [TWO, "+1900*"]) == (1, 2)
    await until(lambda: entries(mirror).keys() == {TWO, "+1900*"})
    assert await redis.ttl(keys.list("scammers")) == -1
    with pytest.raises(ValueError, match="rubbish"):
        await writer.replace_list("scammers", [ONE, "rubbish"])
    assert {e async for e, _ in Reader(redis, keys).list_entries("scammers")} == {TWO, "+1900*"}
    assert not [key async for key in redis.scan_iter(match=keys.prefix + "staging:*")]


async def test_two_writers_at_once_lose_nothing(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    async def write(who: str) -> None:
        writer = Writer(redis, keys, who)
        for n in range(100):
            await writer.add_to_list("scammers", [f"+1202555{len(who)}{n:03}"])
            await writer.set_rule(f"{who}{n}", BLOCK)

    await asyncio.gather(write("ann"), write("boris"))
    await until(lambda: len(entries(mirror)) == 200 and len(rules(mirror)) == 200)
    assert not mirror.status().refused


async def test_a_trunk_is_set_and_removed(writer: Writer, mirror: Mirror, until: Until) -> None:
    await writer.set_trunk("carrier-a", '{"fail": "closed"}')
    await until(lambda: "carrier-a" in mirror.world().trunks)
    assert mirror.world().trunks["carrier-a"].fail == "closed"
    assert await writer.remove_trunk("carrier-a")
    await until(lambda: not mirror.world().trunks)
    with pytest.raises(WriteRefused, match="trunk carrier-a"):
        await writer.set_trunk("carrier-a", '{"fail": "sometimes"}')


async def test_a_wrong_type_in_redis_is_named(writer: Writer, redis: Redis, keys: Keys) -> None:
    await redis.set(keys.list("scammers"), "oops")
    with pytest.raises(WriteRefused, match="wrong type"):
        await writer.add_to_list("scammers", [ONE])
    assert await redis.get(keys.list("scammers")) == b"oops"
    assert not await redis.exists(keys.changes)


async def test_a_mirror_that_missed_announcements_reads_anew(
    writer: Writer, redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await writer.add_to_list("scammers", [ONE])
    await until(lambda: entries(mirror))
    # as if the stream had been trimmed beyond what the mirror knows
    await redis.xadd(keys.changes, {"kind": "note", "after": "1-1"})
    await writer.add_to_list("scammers", [TWO])
    await until(lambda: entries(mirror).keys() == {ONE, TWO})


@pytest.mark.parametrize(
    "fields",
    [
        {"rubbish": "x"},
        {"kind": "list", "op": "add", "name": "scammers", "entries": "no,entries", "size": "x"},
        {"kind": "list", "op": "add", "name": "scammers", "entries": "no,entries", "size": "3"},
        {"kind": "list", "op": "add", "name": "../..", "entries": ONE, "size": "1"},
        {"kind": "rule", "id": b"\xff\x00"},
    ],
)
async def test_rubbish_in_the_stream_of_changes_stops_nothing(
    writer: Writer, redis: Redis, keys: Keys, mirror: Mirror, until: Until, fields: dict[str, str]
) -> None:
    since = mirror.status().since
    await writer.add_to_list("scammers", [ONE])
    await redis.xadd(keys.changes, fields)
    await writer.set_rule("a", BLOCK)
    await until(lambda: rules(mirror) and entries(mirror) == {ONE: math.inf})
    assert mirror.status().since == since
