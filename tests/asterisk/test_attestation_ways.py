"""Whatever way a signed call takes to a verdict, its tokens come along."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from demo.stage import Stage
from lab import CallResult
from lab.shaken import Shaken
from tests.asterisk.signed_calls import (
    CALLED,
    CALLER,
    Made,
    compact,
    diversion,
    forged,
    in_turn,
    meant,
    signed,
    text,
)

pytestmark = pytest.mark.asterisk

HEADERS = [(f"X-Long-{n}", "/" * 1_024) for n in range(8)]
"""As many as go on, each as long as they go on, as it is encoded: 460."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(
        shaken=Shaken(),
        environment={"RINGFENCE_ATTESTATION_WAIT": "2", "RINGFENCE_ARI_DEADLINE": "15"},
        globals={
            "RINGFENCE_DEADLINE": "20",
            "RINGFENCE_HEADERS": "&".join(name for name, _ in HEADERS),
        },
        set_var={"carrier-a": {"RINGFENCE_IDENTITY": "yes"}},
        purpose="tests",
    ) as running:
        running.ringfence.start()
        yield running


async def place(stage: Stage, made: Made, *more: tuple[str, str], door: str = "ari") -> CallResult:
    shaken = stage.lab.shaken
    assert shaken is not None
    async with stage.lab.caller("carrier-a") as caller:
        headers = [("X-Lab-Door", door), *made(shaken), *more]
        return await caller.call(
            caller=CALLER, called=CALLED, headers=headers, talk=0.0, timeout=30.0
        )


def found(stage: Stage, result: CallResult) -> tuple[str, str]:
    record: dict[str, Any] = stage.ringfence.record(result.call_id)
    return record.get("verification", "none"), record.get("attestation_reason", "")


@pytest.mark.parametrize("door", ["agi", "ari"])
async def test_the_longest_headers_and_the_longest_token_hide_each_other_from_nobody(
    stage: Stage, door: str
) -> None:
    # 1,300 characters that are three each as they are encoded: as much as one variable holds
    long = "/" * 800
    for made, said in ((forged, "bad-signature"), (text("no token"), "malformed")):

        def longer(shaken: Shaken, made: Made = made) -> list[tuple[str, str]]:
            return [(name, f'{value};x="{long}"') for name, value in made(shaken)]

        assert found(stage, await place(stage, longer, *HEADERS, door=door)) == ("failed", said)
    assert found(stage, await place(stage, signed(), *HEADERS, door=door)) == ("passed", "")


async def test_calls_left_waiting_in_ari_keep_their_tokens(stage: Stage) -> None:
    os.kill(stage.ringfence.pid, signal.SIGSTOP)
    waiting = [
        asyncio.create_task(place(stage, made))
        for made in (signed(), forged, in_turn(meant, diversion()))
    ]
    await asyncio.to_thread(
        stage.ringfence.wait_until,
        lambda: stage.lab.rx("core show channels").count("Stasis") == len(waiting),
        "the calls in the application",
    )
    stage.ringfence.kill()
    # not in a thread: the process would end with it
    stage.ringfence.start()
    results = await asyncio.gather(*waiting)
    assert [found(stage, result) for result in results] == [
        ("passed", ""),
        ("failed", "bad-signature"),
        ("passed", ""),
    ]


async def test_workers_that_share_the_calls_get_the_tokens_of_each(stage: Stage) -> None:
    stage.ringfence.stop()
    stage.ringfence.start("--workers", "2")
    stage.ringfence.wait_until(
        lambda: "RINGFENCE_BROADCAST=auto" in stage.lab.rx("dialplan show globals"),
        "the calls shared",
    )
    made = (signed(), forged, in_turn(meant, diversion()), compact(), lambda shaken: ())
    results = [await place(stage, each) for each in made]
    assert [found(stage, result) for result in results] == [
        ("passed", ""),
        ("failed", "bad-signature"),
        ("passed", ""),
        ("passed", ""),
        ("none", "no-identity"),
    ]
