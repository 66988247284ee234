"""Calls that a rule counts: their verdict takes a moment, and much can happen in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from ringfence.rules.velocity import Counted, Demand

Open = Callable[..., Awaitable[Any]]
COUNTED = "called=2025550123&caller=4725550100"


class Slow:
    """Counters that answer when they are let."""

    def __init__(self, count: int = 2) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self._count = count

    async def count(self, demands: Sequence[Demand], now: float) -> Counted:
        self.asked.set()
        await self.answer.wait()
        return {demand.key: self._count for demand in demands}


class Broken:
    async def count(self, demands: Sequence[Demand], now: float) -> Counted:
        raise RuntimeError("of ours")


async def begun(door: Any, slow: Slow) -> Any:
    peer = await door.connect()
    peer.call(COUNTED)
    async with asyncio.timeout(5.0):
        await slow.asked.wait()
    return peer


@pytest.mark.parametrize(("count", "answer"), [(1, b"ARRAY(RINGFENCE_ID"), (2, b"ACTION=block")])
async def test_a_counted_call_gets_the_verdict_of_its_count(
    open_door: Open, count: int, answer: bytes
) -> None:
    slow = Slow(count)
    door = await open_door(counters=slow)
    peer = await begun(door, slow)
    slow.answer.set()
    assert answer in await peer.line()
    peer.send(b"200 result=1\n")
    assert await peer.ended()
    await door.one()


async def test_a_call_that_no_rule_counts_does_not_wait(open_door: Open) -> None:
    door = await open_door(counters=Slow())
    peer = await door.connect()
    peer.call()
    assert b"RINGFENCE_ID" in await peer.line()


async def test_counters_that_fail_leave_a_call_that_goes_on(
    open_door: Open, logged: list[Any]
) -> None:
    peer = await (await open_door(counters=Broken())).connect()
    peer.call(COUNTED)
    assert b"RINGFENCE_REASON=fail-open" in await peer.line()
    assert [entry["event"] for entry in logged] == ["screening failed"]


@pytest.mark.parametrize("goodbye", [b"HANGUP\n", b""])
async def test_who_hangs_up_while_it_is_counted_has_its_record(
    open_door: Open, goodbye: bytes
) -> None:
    slow = Slow()
    door = await open_door(counters=slow)
    peer = await begun(door, slow)
    peer.send(goodbye)
    peer.writer.write_eof()
    assert await peer.ended()
    assert door.server.connections == 1
    slow.answer.set()
    assert await door.outcome() == "hung-up"
    await door.server.drain()
    assert door.server.connections == 0


async def test_who_is_gone_before_it_is_counted_has_its_record(open_door: Open) -> None:
    slow = Slow()
    slow.answer.set()
    door = await open_door(counters=slow)
    peer = await door.connect()
    peer.call(COUNTED, rest=b"HANGUP\n")
    assert await peer.ended()
    assert await door.outcome() == "hung-up"


async def test_a_silent_peer_is_told_from_one_that_waits_for_its_count(open_door: Open) -> None:
    slow = Slow()
    door = await open_door(counters=slow, header_timeout=0.02, session_timeout=0.02)
    peer = await begun(door, slow)
    await asyncio.sleep(0.1)  # several rounds of the watch over silent peers
    slow.answer.set()
    assert b"ACTION=block" in await peer.line()


async def test_on_shutdown_a_call_that_is_counted_gets_its_verdict(open_door: Open) -> None:
    slow = Slow()
    door = await open_door(counters=slow)
    peer = await begun(door, slow)
    drained = asyncio.create_task(door.server.drain(2.0))
    await asyncio.sleep(0)
    slow.answer.set()
    assert b"ACTION=block" in await peer.line()
    peer.send(b"200 result=1\n")
    await drained
    assert await door.outcome() == "applied"


async def test_on_shutdown_a_call_that_was_cut_still_has_its_record(open_door: Open) -> None:
    slow = Slow()
    door = await open_door(counters=slow)
    await begun(door, slow)
    drained = asyncio.create_task(door.server.drain(0.02))
    while door.server.connections and not drained.done():
        await asyncio.sleep(0.03)
        slow.answer.set()
    await drained
    assert await door.outcome() in ("hung-up", "late")


async def test_counters_that_never_answer_do_not_hold_up_a_shutdown(
    open_door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agi.server.CUT_TIMEOUT", 0.05)
    slow = Slow()
    door = await open_door(counters=slow)
    await begun(door, slow)
    async with asyncio.timeout(2.0):
        await door.server.drain(0.02)
    assert door.server.connections == 0
