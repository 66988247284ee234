"""Answered calls get their end into the archive, whatever breaks in between; nothing is guessed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from demo.stage import Stage
from tests.valkey.test_beside import beside

pytestmark = pytest.mark.asterisk

DOORS = pytest.mark.parametrize("door", ["agi", "ari"])


async def until(met: Callable[[], bool], patience: float = 20.0) -> None:
    """Poll `met`: what it asks for has no event of its own."""
    async with asyncio.timeout(patience):
        # In a thread: calls go on meanwhile.
        while not await asyncio.to_thread(met):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture
def ended(stage: Stage) -> Callable[[str], Awaitable[dict[str, Any]]]:
    """The record of a caller's only call, as soon as its end is in it."""

    async def look(caller: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = stage.ringfence.cli_json("calls", "--caller", caller, check=False) or []
            return bool(found and "ended" in found[0])

        await until(is_there)
        return found[0]

    return look


async def heard(stage: Stage) -> None:
    """The process beside the doors has a connection to the manager interface."""
    await until(lambda: listenings(stage) > 0)


def listenings(stage: Stage) -> int:
    return sum("listening for how" in e.get("event", "") for e in stage.ringfence.log())


def is_recorded(stage: Stage, caller: str) -> bool:
    return stage.ringfence.cli("calls", "--caller", caller, check=False).returncode == 0


@DOORS
async def test_an_answered_call_has_its_duration_and_its_end(
    stage: Stage, place: Callable[..., Any], number: Callable[[], str],
    ended: Callable[[str], Awaitable[dict[str, Any]]], door: str,
) -> None:  # fmt: skip
    await heard(stage)
    caller = number()
    result = await place(door=door, caller=caller, talk=2.0)
    assert result.answered
    record = await ended(caller)
    assert 1.8 < record["duration"] < 3.5
    assert record["time"] < record["answered"] < record["ended"]
    assert record["cause"] == 16
    shown = stage.ringfence.cli("calls", "--id", record["id"]).stdout
    assert f"after {record['duration']:.1f} s, cause 16" in shown


@DOORS
async def test_a_blocked_call_has_an_end_and_no_answer(
    stage: Stage, place: Callable[..., Any], number: Callable[[], str],
    ended: Callable[[str], Awaitable[dict[str, Any]]], rule: Callable[..., None], door: str,
) -> None:  # fmt: skip
    await heard(stage)
    caller = number()
    with stage.ringfence.in_force(f"ends-{door}"):
        rule(f"ends-{door}", "--caller", caller, "--action", "block")
    result = await place(door=door, caller=caller)
    assert not result.answered
    record = await ended(caller)
    assert {"answered", "duration"}.isdisjoint(record)
    assert record["action"] == "block"


@DOORS
async def test_a_call_that_nobody_takes_has_an_end_and_no_answer(
    stage: Stage, place: Callable[..., Any], number: Callable[[], str],
    ended: Callable[[str], Awaitable[dict[str, Any]]], door: str,
) -> None:  # fmt: skip
    await heard(stage)
    caller = number()
    ring = [("X-Lab-Ring", "5")]
    result = await place(door=door, caller=caller, headers=ring, hang_up_after=1.0)
    assert not result.answered
    record = await ended(caller)
    assert {"answered", "duration"}.isdisjoint(record)
    assert record["action"] == "allow"


async def test_a_call_that_was_up_when_the_process_beside_was_killed_has_its_true_duration(
    stage: Stage, place: Callable[..., Any], number: Callable[[], str],
    ended: Callable[[str], Awaitable[dict[str, Any]]],
) -> None:  # fmt: skip
    await heard(stage)
    caller, before = number(), listenings(stage)
    call = asyncio.create_task(place(caller=caller, talk=8.0))
    await until(lambda: is_recorded(stage, caller))
    (process,) = beside(stage.ringfence.state)
    os.kill(process, signal.SIGKILL)
    await until(lambda: listenings(stage) > before)
    assert not call.done(), "it was to be up all the while"
    assert (await call).answered
    assert 7.5 < (await ended(caller))["duration"] < 9.5


async def test_a_call_that_was_up_when_the_manager_interface_was_cut_has_its_true_duration(
    stage: Stage, place: Callable[..., Any], number: Callable[[], str],
    ended: Callable[[str], Awaitable[dict[str, Any]]],
) -> None:  # fmt: skip
    await heard(stage)
    caller, before = number(), listenings(stage)
    call = asyncio.create_task(place(caller=caller, talk=6.0))
    await until(lambda: is_recorded(stage, caller))
    await cut(stage)
    await until(lambda: listenings(stage) > before)
    assert not call.done(), "it was to be up all the while"
    assert (await call).answered
    assert 5.5 < (await ended(caller))["duration"] < 7.5


async def cut(stage: Stage) -> None:
    """Asterisk throws out everybody at the manager interface."""
    shown = await asyncio.to_thread(stage.lab.rx, "manager show connected")
    numbers = [words[4] for line in shown.splitlines() if len(words := line.split()) >= 8]
    kicked = [number for number in numbers if number.isdigit()]
    assert kicked, shown
    for each in kicked:
        await asyncio.to_thread(stage.lab.rx, f"manager kick session {each}")


async def test_reports_say_how_many_calls_were_answered_and_for_how_long(
    stage: Stage, place: Callable[..., Any], number: Callable[[], str],
    ended: Callable[[str], Awaitable[dict[str, Any]]],
) -> None:  # fmt: skip
    await heard(stage)
    caller, since = number(), datetime.now(UTC).isoformat()
    assert (await place(trunk="gateway-b", caller=caller, talk=1.0)).answered
    await ended(caller)
    report = stage.ringfence.cli_json("report", "trunks", "--since", since)
    (trunk,) = (each for each in report["trunks"] if each["trunk"] == "gateway-b")
    assert trunk["answered"] == 1
    assert trunk["short_share"] == 1
    assert trunk["average_duration"] > 0.8
    assert report["not_recorded"] == []
