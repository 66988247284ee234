"""Callers who are challenged, through both doors, with keys as they come from a real trunk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from demo.keypad import Ear, other_than
from demo.stage import Stage
from lab import CallResult, Line
from ringfence.challenge import AGAIN, FAREWELL, PROMPT_LIMIT, TRY_LIMIT

pytestmark = pytest.mark.asterisk

DOORS = pytest.mark.parametrize("door", ["agi", "ari"])
Place = Callable[..., Awaitable[CallResult]]
Add = Callable[..., None]


@pytest.fixture
def ear(stage: Stage) -> Ear:
    return Ear(stage.lab)


@pytest.fixture(autouse=True)
def _asterisk_log(stage: Stage) -> Any:
    yield
    print(stage.lab.log_tail(60), stage.ringfence.log_tail())  # shown when the test failed


@pytest.fixture
async def challenge(stage: Stage) -> AsyncIterator[Add]:
    """Add a rule that challenges `caller`, and wait until it is in force; removed afterwards."""
    added: list[str] = []

    def add(caller: str, **respond: object) -> None:
        rule = {"action": "challenge", "when": {"caller": caller}, "respond": respond}
        added.append(f"ch-{len(added)}-{caller.lstrip('+')}")
        with stage.ringfence.in_force(added[-1]):
            stage.ringfence.redis_cli("HSET", "ringfence:rules", added[-1], json.dumps(rule))

    yield add
    for rule_id in added:
        stage.ringfence.cli("rule", "remove", rule_id, check=False)


def reached_callee(stage: Stage, caller: str) -> bool:
    return any(caller.lstrip("+") in call.from_header for call in stage.lab.received())


async def put_through(stage: Stage, caller: str) -> None:
    while not reached_callee(stage, caller):  # noqa: ASYNC110 - told by a file
        await asyncio.sleep(0.02)


@DOORS
async def test_a_caller_who_presses_the_spoken_digit_is_put_through(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller, remember="0s")

    async def act(line: Line) -> None:
        line.press(await ear.digit())
        await put_through(stage, caller)

    result = await place(door=door, caller=caller, act=act)
    assert result.answered
    assert not result.hung_up_by_far_side
    assert reached_callee(stage, caller)
    record = stage.ringfence.record(result.call_id)
    assert (record["action"], record["outcome"]) == ("challenge", "passed")


@DOORS
async def test_three_wrong_digits_end_the_call(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller, digits = number(), list[str]()
    challenge(caller)

    async def act(line: Line) -> None:
        for _ in range(3):
            digits.append(await ear.digit())
            line.press(other_than(digits[-1]))
        await ear.sound(FAREWELL)
        await line.left()

    result = await place(door=door, caller=caller, act=act)
    assert result.hung_up_by_far_side
    assert not reached_callee(stage, caller)
    assert stage.ringfence.record(result.call_id)["outcome"] == "failed"
    assert digits[0] != digits[1] != digits[2]


@DOORS
async def test_silence_ends_the_call(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, door: str
) -> None:
    caller = number()
    challenge(caller, tries=1)
    result = await place(door=door, caller=caller, talk=20.0)
    assert result.hung_up_by_far_side
    assert not reached_callee(stage, caller)
    assert stage.ringfence.record(result.call_id)["outcome"] == "failed"


@DOORS
async def test_a_key_counts_while_the_prompt_plays(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller, prompt="demo-congrats")  # half a minute long

    async def act(line: Line) -> None:
        await ear.sound("demo-congrats")
        line.press("1")
        await ear.sound(AGAIN)
        await ear.sound("demo-congrats")
        line.press("*")
        await ear.sound(AGAIN)
        line.press("#")
        await ear.sound(FAREWELL)
        await line.left()

    async with asyncio.timeout(12.0):
        result = await place(door=door, caller=caller, act=act)
    assert stage.ringfence.record(result.call_id)["outcome"] == "failed"


@DOORS
async def test_a_prompt_too_long_is_cut_off_and_the_digit_still_spoken(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller, prompt="demo-congrats", remember="0s")  # half a minute long

    async def act(line: Line) -> None:
        line.press(await ear.digit(patience=PROMPT_LIMIT + 5))
        await put_through(stage, caller)

    result = await place(door=door, caller=caller, act=act)
    assert stage.ringfence.record(result.call_id)["outcome"] == "passed"


@DOORS
async def test_a_caller_who_hangs_up_in_the_middle_is_recorded_as_hung_up(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller)

    async def act(line: Line) -> None:
        await ear.digit()

    result = await place(door=door, caller=caller, act=act, talk=0.0)
    assert stage.ringfence.record(result.call_id)["outcome"] == "hung-up"
    assert not reached_callee(stage, caller)


@DOORS
async def test_a_remembered_caller_is_not_challenged_again(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller, remember="1h")

    async def act(line: Line) -> None:
        line.press(await ear.digit())
        await put_through(stage, caller)

    with stage.ringfence.in_force("passed"):
        first = await place(door=door, caller=caller, act=act)
    assert stage.ringfence.record(first.call_id)["outcome"] == "passed"
    before = len(stage.lab.played())
    second = await place(door=door, caller=caller)
    assert second.answered
    assert len(stage.lab.played()) == before
    record = stage.ringfence.record(second.call_id)
    assert (record["action"], record["reason"]) == ("allow", "challenge")
    assert stage.ringfence.cli("list", "show", "passed", caller).returncode == 0


@DOORS
async def test_an_anonymous_caller_is_challenged_each_time(
    stage: Stage, place: Place, challenge: Add, ear: Ear, door: str
) -> None:
    challenge("anonymous")

    async def act(line: Line) -> None:
        line.press(await ear.digit())

    for _ in range(2):
        result = await place(door=door, caller="anonymous", act=act, talk=1.0)
        assert stage.ringfence.record(result.call_id)["outcome"] == "passed"


@DOORS
async def test_a_flagged_caller_who_passes_goes_on_with_its_label(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller, remember="0s")
    flag = {"action": "flag", "when": {"caller": caller}, "priority": 1}
    with stage.ringfence.in_force("ch-flag"):
        stage.ringfence.redis_cli("HSET", "ringfence:rules", "ch-flag", json.dumps(flag))

    async def act(line: Line) -> None:
        line.press(await ear.digit())
        await put_through(stage, caller)

    try:
        await place(door=door, caller=caller, caller_name="Bob", act=act)
    finally:
        stage.ringfence.cli("rule", "remove", "ch-flag", check=False)
    [received] = [one for one in stage.lab.received() if caller[1:] in one.from_header]
    assert "SPAM? Bob" in received.from_header


@DOORS
async def test_the_rules_language_is_spoken_and_the_callers_is_back_afterwards(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller, language="es", remember="0s")
    log = stage.lab.home / "log" / "full.log"
    before = log.stat().st_size

    async def act(line: Line) -> None:
        line.press(await ear.digit())
        await put_through(stage, caller)

    await place(door=door, caller=caller, act=act)
    said = log.read_text(errors="replace")[before:]
    spoken = [line for line in said.splitlines() if "Playing '" in line]
    assert len(spoken) == 3
    assert all("(language 'es')" in line for line in spoken)


@DOORS
async def test_ringfence_killed_in_the_middle_the_call_goes_on(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller)

    async def act(line: Line) -> None:
        await ear.digit()
        stage.ringfence.kill()
        # FastAGI sees the end of the connection; for ARI the wait has to run out.
        async with asyncio.timeout(1.0 if door == "agi" else TRY_LIMIT + 2):
            await put_through(stage, caller)

    try:
        result = await place(door=door, caller=caller, act=act)
        assert not result.hung_up_by_far_side
        assert reached_callee(stage, caller)
    finally:
        stage.ringfence.kill()
        stage.ringfence.start()


async def test_ringfence_killed_in_the_middle_a_trunk_that_fails_closed_refuses_the_call(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear
) -> None:
    caller = number()
    challenge(caller)

    async def act(line: Line) -> None:
        await ear.digit()
        stage.ringfence.kill()
        async with asyncio.timeout(1.0):
            await line.left()

    try:
        result = await place(trunk="customer", caller=caller, act=act)
        assert result.hung_up_by_far_side
        assert not reached_callee(stage, caller)
    finally:
        stage.ringfence.kill()
        stage.ringfence.start()


async def test_a_new_ringfence_challenges_who_was_left_in_the_ari_application(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear
) -> None:
    caller = number()
    challenge(caller, remember="0s")

    async def act(line: Line) -> None:
        await ear.digit()
        stage.ringfence.kill()
        stage.ringfence.start()  # not in a thread: it would end with that
        line.press(await ear.digit())
        await put_through(stage, caller)

    result = await place(door="ari", caller=caller, act=act)
    assert stage.ringfence.record(result.call_id)["outcome"] == "passed"


@DOORS
async def test_ringfence_stopped_in_the_middle_the_call_goes_on_at_once(
    stage: Stage, place: Place, number: Callable[[], str], challenge: Add, ear: Ear, door: str
) -> None:
    caller = number()
    challenge(caller)

    async def act(line: Line) -> None:
        await ear.digit()
        stopping = asyncio.create_task(asyncio.to_thread(stage.ringfence.stop))
        async with asyncio.timeout(3.0):
            await put_through(stage, caller)
        await stopping

    try:
        result = await place(door=door, caller=caller, act=act)
        assert not result.hung_up_by_far_side
    finally:
        stage.ringfence.stop()
        stage.ringfence.start()
    assert stage.ringfence.record(result.call_id)["outcome"] == "late"
