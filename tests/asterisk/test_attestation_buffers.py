"""Asterisk's buffers are short, and a caller may write long: nothing is hidden by that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from demo.stage import Stage
from lab.shaken import Shaken
from tests.asterisk.signed_calls import CALLED, CALLER, Headers, forged

pytestmark = pytest.mark.asterisk

# Each letter of these takes three as they are encoded.
LONG = [(name, "/" * 1_024) for name in ("User-Agent", "Subject", "Organization")]
VERSTAT = "X-Twilio-VerStat"
FAILED = (VERSTAT, "TN-Validation-Failed-A")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    names = "&".join((VERSTAT, *(name for name, _ in LONG)))
    with Stage(
        shaken=Shaken(),
        # a machine that is busy may take longer over a certificate than a call would wait for it
        environment={"RINGFENCE_ATTESTATION_WAIT": "2", "RINGFENCE_ARI_DEADLINE": "4"},
        globals={"RINGFENCE_DEADLINE": "4", "RINGFENCE_HEADERS": names},
        set_var={"carrier-a": {"RINGFENCE_IDENTITY": "yes"}},
        purpose="tests",
    ) as running:
        running.ringfence.start()
        with running.ringfence.in_force("any"):
            running.ringfence.cli(
                *("trunk", "set", "carrier-a"),
                *("--attestation", "ringfence", "--attestation", "headers"),
            )
            running.ringfence.cli(
                "rule", "add", "any", "--verification", "failed", "--action", "flag"
            )
        yield running


async def said(stage: Stage, door: str, headers: Headers) -> tuple[str, str]:
    async with stage.lab.caller("carrier-a") as placing:
        result = await placing.call(
            caller=CALLER, called=CALLED, headers=[("X-Lab-Door", door), *headers], talk=0.0
        )
    record: dict[str, Any] = stage.ringfence.record(result.call_id)
    return record.get("verification", "none"), record.get("attestation_reason", "")


@pytest.mark.parametrize("door", ["agi", "ari"])
@pytest.mark.parametrize("more", [(), LONG], ids=["short", "long"])
async def test_long_headers_hide_no_failure_and_no_lack_of_a_signature(
    stage: Stage, door: str, more: Sequence[tuple[str, str]]
) -> None:
    shaken = stage.lab.shaken
    assert shaken is not None
    assert await said(stage, door, [*forged(shaken), *more]) == ("failed", "bad-signature")
    assert await said(stage, door, more) == ("none", "no-identity")
    assert await said(stage, door, [FAILED, *more]) == ("failed", "")
