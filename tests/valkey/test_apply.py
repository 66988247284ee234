"""Many rules and trunks in one step: all or nothing, and calls never meet a part of the change."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from ringfence.rules import RuleRefused
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.reader import Reader
from ringfence.store.writing.writer import FieldChange, Writer, WriteRefused

Until = Callable[..., Awaitable[None]]

BLOCK, ALLOW = b'{"action":"block"}', b'{"action":"allow"}'


def ids(mirror: Mirror) -> set[str]:
    return {each.rule.id for each in mirror.world().rules.rules}


async def test_rules_and_trunks_change_in_one_step_and_are_announced_once(
    writer: Writer, redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await writer.set_rule("old", BLOCK)
    old = await Reader(redis, keys).rule("old")
    await until(lambda: ids(mirror) == {"old"})
    before = await redis.xlen(keys.changes)
    many = [FieldChange("rule", f"r{n}", None, BLOCK) for n in range(200)]
    await writer.apply([
        *many,
        FieldChange("rule", "old", old, None),
        FieldChange("trunk", "t", None, b'{"fail":"closed"}'),
    ])  # fmt: skip
    seen: set[int] = set()

    def whole() -> bool:
        seen.add(len(ids(mirror)))
        return "old" not in ids(mirror)

    await until(whole)
    assert seen <= {1, 200}
    assert await redis.xlen(keys.changes) == before + 2
    await until(lambda: "t" in mirror.world().trunks)


async def test_nothing_is_written_where_one_was_changed_by_somebody_else(
    writer: Writer, redis: Redis, keys: Keys
) -> None:
    await writer.set_rule("a", BLOCK)
    was = await Reader(redis, keys).rule("a")
    await writer.set_rule("a", ALLOW)
    for change in (FieldChange("rule", "a", was, None), FieldChange("rule", "a", None, BLOCK)):
        with pytest.raises(WriteRefused, match="somebody else meanwhile: rule a"):
            await writer.apply([FieldChange("rule", "b", None, BLOCK), change])
    assert list(await Reader(redis, keys).rules()) == ["a"]
    assert await redis.xlen(keys.changes) == 2


async def test_one_bad_rule_keeps_all_of_them_out(writer: Writer, redis: Redis, keys: Keys) -> None:
    good, bad = (FieldChange("rule", name, None, BLOCK) for name in ("good", "no id"))
    with pytest.raises(RuleRefused):
        await writer.apply([good, bad])
    assert not await redis.exists(keys.rules, keys.changes)


async def test_a_list_that_is_replaced_may_have_entries_that_run_out(
    writer: Writer, redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    one, two, soon = "+12025550101", "+12025550102", time.time() + 3600
    await writer.add_to_list("l", ["+1900*"])
    await writer.replace_list("l", [one, two], expiries={two: soon})
    wanted = {one: math.inf, two: soon}
    assert dict(await redis.zrange(keys.list("l"), 0, -1, withscores=True)) == {
        name.encode(): score for name, score in wanted.items()
    }
    await until(lambda: dict(mirror.world().lists["l"].entries()) == wanted)
