"""The entry point that decides about a call, between a real socket and a real screener."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Open = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(
    ("caller", "answer"),
    [
        ("3015550199", b'"ARRAY(RINGFENCE_ID,TIMEOUT(absolute))" "'),
        (
            "9005550100",
            b'"RINGFENCE_VERDICT" "RINGFENCE_ACTION=block,RINGFENCE_REASON=rule,',
        ),
        (
            "8765550100",
            b'"RINGFENCE_VERDICT" "RINGFENCE_ACTION=flag,RINGFENCE_REASON=rule,',
        ),
    ],
)
async def test_the_verdict_goes_back_as_variables_of_the_channel(
    open_door: Open, caller: str, answer: bytes
) -> None:
    peer = await (await open_door()).connect()
    peer.call(f"called=2025550123&caller={caller}")
    assert (await peer.line()).startswith(b"SET VARIABLE " + answer)


@pytest.mark.parametrize("facts", ["", "&&&", "called=%", "x" * 20_000, "called=%00%0A"])
async def test_facts_that_are_none_still_get_a_verdict(open_door: Open, facts: str) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call(facts)
    assert b"ARRAY(RINGFENCE_ID," in await peer.line()
    peer.send(b"200 result=0\n")
    assert (await door.one()).attempt.trunk == "carrier-a"


async def test_a_call_that_asterisk_took_back_after_its_deadline_is_late(
    open_door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call()
    await peer.line()
    # The loop's clock is moved on instead of waiting.
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + 0.25)
    peer.send(b"HANGUP\n")
    assert await door.outcome() == "late"
