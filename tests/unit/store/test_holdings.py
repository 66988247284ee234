"""What is on the shelf is put in force as a whole, and nothing of it is lost on the way."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from ringfence.store.mirror.holdings import RULES, Holdings
from ringfence.store.mirror.shelf import Field

MANY = 5_000
BLOCK = b'{"action": "block", "when": {"caller": "+1900*"}}'


def held_with(*ids: str) -> Holdings:
    held = Holdings(structlog.get_logger())
    for id in ids:
        held.shelves[RULES].offer(Field(id, BLOCK, len(BLOCK)))
    return held


def in_force(held: Holdings) -> list[str]:
    return [each.rule.id for each in held.world.rules.rules]


async def test_many_rules_come_in_force_in_one_moment_while_others_have_their_turn() -> None:
    held = held_with(*(f"r{n:04}" for n in range(MANY)))
    publishing = asyncio.create_task(held.publish(RULES))
    sizes = []
    while not publishing.done():
        sizes.append(len(in_force(held)))
        await asyncio.sleep(0)
    assert set(sizes) == {0}
    assert len(sizes) > 3
    assert len(in_force(held)) == MANY


async def test_what_broke_off_is_put_in_force_the_next_time() -> None:
    held = held_with(*(f"r{n:04}" for n in range(MANY)))
    publishing = asyncio.create_task(held.publish(RULES))
    await asyncio.sleep(0)
    publishing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await publishing
    assert in_force(held) == []
    held.shelves[RULES].drop("r0000")
    await held.publish(RULES)
    assert len(in_force(held)) == MANY - 1


async def test_a_change_takes_out_puts_in_and_leaves_the_rest() -> None:
    held = held_with("a", "b", "c")
    await held.publish(RULES)
    before = held.world
    held.shelves[RULES].keep_only({"a", "b"})
    held.shelves[RULES].offer(Field("b", b'{"action": "allow", "priority": 1}', 34))
    held.shelves[RULES].offer(Field("d", BLOCK, len(BLOCK)))
    assert held.world is before
    await held.publish(RULES)
    assert in_force(held) == ["b", "a", "d"]
    assert held.world.rules.rules[1] is before.rules.rules[0]
    assert [each.rule.id for each in before.rules.rules] == ["a", "b", "c"]


async def test_what_changed_and_changed_back_or_never_was_in_force_does_no_harm() -> None:
    held = held_with("a")
    await held.publish(RULES)
    held.shelves[RULES].drop("a")
    held.shelves[RULES].offer(Field("a", BLOCK, len(BLOCK)))
    held.shelves[RULES].offer(Field("b", BLOCK, len(BLOCK)))
    held.shelves[RULES].drop("b")
    await held.publish(RULES)
    assert in_force(held) == ["a"]
    version = held.version
    await held.publish(RULES)
    assert held.version == version
