"""Several workers behind one Asterisk: both are active, and one that is silent costs no call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from demo.ringfence import Ringfence, frozen
from demo.stage import Stage

pytestmark = pytest.mark.asterisk

CALLED = "12025550100"
LISTED = "+16505550100"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(globals={"RINGFENCE_DOOR": "ari"}, purpose="workers") as running:
        running.ringfence.start("--workers", "2")
        ours = running.ringfence
        ours.wait_until(lambda: "ringfence-2" in running.lab.rx("ari show apps"), "worker 2")
        ours.wait_until(lambda: broadcast(running) == "auto", "the calls shared")
        ours.cli("rule", "add", "listed", "--caller", LISTED, "--action", "block")
        ours.wait_until(lambda: in_force_on(ours, "listed") == 2, "the rule on both workers")
        yield running


def broadcast(stage: Stage) -> str:
    for line in stage.lab.rx("dialplan show globals").splitlines():
        name, _, value = line.strip().partition("=")
        if name == "RINGFENCE_BROADCAST":
            return value
    return ""


def in_force_on(ringfence: Ringfence, rule: str) -> int:
    lines = ringfence.log()
    return sum(line["event"] == "rules in force" and rule in line["changed"] for line in lines)


async def place(stage: Stage, count: int, caller: str) -> list[Any]:
    async with stage.lab.caller() as placing:
        return [await placing.call(caller=caller, called=CALLED, talk=0.0) for _ in range(count)]


async def test_both_workers_screen_calls_and_agree(stage: Stage) -> None:
    results = await place(stage, 24, LISTED)
    assert {result.status for result in results} == {403}
    workers = {stage.ringfence.record(result.call_id)["worker"] for result in results}
    assert workers == {"worker-1", "worker-2"}


async def test_a_silent_worker_leaves_the_calls_to_the_other(stage: Stage) -> None:
    silent = next(line["pid"] for line in stage.ringfence.log() if line.get("worker") == 2)
    with frozen(silent):
        results = await place(stage, 8, LISTED)
    assert {result.status for result in results} == {403}
    assert {stage.ringfence.record(r.call_id)["worker"] for r in results} == {"worker-1"}


async def test_one_worker_alone_takes_the_calls_without_sharing(stage: Stage) -> None:
    stage.ringfence.stop()
    stage.ringfence.start()
    stage.ringfence.wait_until(lambda: broadcast(stage) == "", "the calls not shared any more")
    results = await place(stage, 2, LISTED)
    assert {result.status for result in results} == {403}
