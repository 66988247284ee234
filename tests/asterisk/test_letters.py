"""The story of the letters of April 2020: a gateway sends scam calls, and has 48 hours to stop.

Its calls come over its own trunk, and through a second provider with its signature. The notice is
so old when it is recorded that its 48 hours run out while the test looks on, by the machine's own
clock and in the workers that screen the calls.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.stage import Stage
from lab.shaken import Shaken

pytestmark = pytest.mark.asterisk

CALLED = "+12025550100"
SCAM, HONEST = "+12125550166", "+13015550133"
GATEWAY_TRUNK, SECOND_TRUNK = "gateway-b", "carrier-a"
GATEWAY_SPC, SECOND_SPC = "666G", "818H"
SOON = timedelta(seconds=15)
"""Until the deadline, when the notice is recorded: long enough for a call of each kind."""
THROUGH = 200
BLOCKED = 403
PATIENT = {"RINGFENCE_ATTESTATION_WAIT": "2", "RINGFENCE_ARI_DEADLINE": "4"}
SIGNERS = "notice-letter-1-signers"
TRUNKS = "notice-letter-1-trunks"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage(
        shaken=Shaken(), environment=PATIENT, globals={"RINGFENCE_DEADLINE": "4"},
        set_var={SECOND_TRUNK: {"RINGFENCE_IDENTITY": "yes"}}, purpose="letters",
    ) as running:  # fmt: skip
        running.ringfence.start("--workers", "2")
        admin = running.ringfence.cli
        admin("provider", "add", "example-gateway", "--name", "Example Gateway LLC",
              "--role", "gateway", "--trunk", GATEWAY_TRUNK, "--signer", GATEWAY_SPC,
              "--contact", "name=Ann Lee; role=traceback; email=noc@gateway.example")  # fmt: skip
        admin("provider", "add", "second", "--name", "Second Carrier Inc", "--role", "peer",
              "--trunk", SECOND_TRUNK, "--signer", SECOND_SPC,
              "--contact", "name=Bob Ray; role=traceback; email=noc@second.example")  # fmt: skip
        yield running


async def story(stage: Stage) -> dict[str, tuple[int, str]]:
    """A call of each kind: final SIP code, and the record's rule."""
    shaken = stage.lab.shaken
    assert shaken is not None
    calls: dict[str, tuple[str, str, Any]] = {
        "direct": (GATEWAY_TRUNK, SCAM, ()),
        "signed by the gateway": (
            SECOND_TRUNK, SCAM, [shaken.identity(SCAM, CALLED, spc=GATEWAY_SPC, attest="C")],
        ),
        "signed by the second provider": (
            SECOND_TRUNK, HONEST, [shaken.identity(HONEST, CALLED, spc=SECOND_SPC)],
        ),
        "unsigned, of the second provider": (SECOND_TRUNK, HONEST, ()),
    }  # fmt: skip
    results = {}
    for kind, (trunk, caller, headers) in calls.items():
        async with stage.lab.caller(trunk) as placing:
            results[kind] = await placing.call(
                caller=caller, called=CALLED, headers=list(headers), talk=0
            )
    records = stage.ringfence.records([result.call_id for result in results.values()])
    return {
        kind: (result.status, record.get("rule", ""))
        for (kind, result), record in zip(results.items(), records, strict=True)
    }


UNTOUCHED = {
    "direct": (THROUGH, ""),
    "signed by the gateway": (THROUGH, ""),
    "signed by the second provider": (THROUGH, ""),
    "unsigned, of the second provider": (THROUGH, ""),
}
CUT_OFF = {
    **UNTOUCHED,
    "direct": (BLOCKED, TRUNKS),
    "signed by the gateway": (BLOCKED, SIGNERS),
}


def record_letter(stage: Stage) -> None:
    """The letter came 48 hours ago, but for a few seconds; the Commission knows already."""
    received = datetime.now(UTC) - timedelta(hours=48) + SOON
    stage.ringfence.cli(
        "notice", "add", "letter-1", "--kind", "ftc-fcc-letter", "--provider", "example-gateway",
        "--received", received.isoformat(timespec="seconds"), "--caller", SCAM,
        "--campaign", "coronavirus test kits",
    )  # fmt: skip
    stage.ringfence.cli("notice", "step", "letter-1", "--commission")


def wait_until_blocked(stage: Stage) -> None:
    """Both workers have both rules in force."""

    def in_force() -> bool:
        having: dict[str, set[int]] = {TRUNKS: set(), SIGNERS: set()}
        for line in stage.ringfence.log():
            if line["event"] == "rules in force":
                for name in having.keys() & set(line["changed"]):
                    having[name].add(line["worker"])
        return all(len(workers) == 2 for workers in having.values())

    stage.ringfence.wait_until(in_force, "the letter's rules on both workers", 40.0)


async def test_a_gateway_is_cut_off_on_both_ways_when_its_48_hours_are_over(stage: Stage) -> None:
    before = datetime.now(UTC)
    assert await story(stage) == UNTOUCHED
    record_letter(stage)
    assert await story(stage) == UNTOUCHED, "the deadline is yet to come"
    wait_until_blocked(stage)
    assert await story(stage) == CUT_OFF

    # What a traceback asks: by the numbers and about when, from whom did it come?
    from_whom = {}
    for caller in (SCAM, HONEST):
        answer = stage.ringfence.cli_json(
            "traceback", "--called", CALLED, "--caller", caller,
            "--at", before.isoformat(timespec="seconds"), "--window", "10m",
        )  # fmt: skip
        from_whom[caller] = {
            (each["call"]["trunk"], each["source"]["provider"]) for each in answer["matches"]
        }
    assert from_whom == {
        SCAM: {(GATEWAY_TRUNK, "example-gateway"), (SECOND_TRUNK, "second")},
        HONEST: {(SECOND_TRUNK, "second")},
    }

    shown = stage.ringfence.cli_json("notice", "show", "letter-1")
    assert shown["calls"], "calls of the letter's traffic that came after it are counted"

    stage.ringfence.cli("notice", "lift", "letter-1", "--why", "they have stopped")
    stage.ringfence.wait_until(
        lambda: not {TRUNKS, SIGNERS} & {rule["id"] for rule in rules(stage)}, "the rules gone"
    )
    with contextlib.suppress(TimeoutError):
        stage.ringfence.wait_until(lambda: removed_on(stage) == 2, "both workers to let go")
    assert await story(stage) == UNTOUCHED


async def test_a_worker_killed_at_the_deadline_changes_nothing(stage: Stage) -> None:
    record_letter(stage)
    deadline = datetime.fromisoformat(
        stage.ringfence.cli_json("notice", "show", "letter-1")["deadline"]
    )
    victim = next(
        line["pid"] for line in stage.ringfence.log()
        if line["event"] == "ready" and line.get("worker") == 1
    )  # fmt: skip
    stage.ringfence.wait_until(lambda: datetime.now(UTC) >= deadline, "the deadline", 30.0)
    os.kill(victim, signal.SIGKILL)
    stage.ringfence.wait_until(
        lambda: {TRUNKS, SIGNERS} <= {rule["id"] for rule in rules(stage)}, "the rules", 30.0
    )
    stage.ringfence.wait_until(
        lambda: sum(line["event"] == "in step with Redis" for line in stage.ringfence.log()) >= 3,
        "the worker that takes its place", 30.0,
    )  # fmt: skip
    assert await story(stage) == CUT_OFF
    made = stage.ringfence.cli_json("rule", "history", TRUNKS)
    assert len(made) == 1, "blocked once, however many workers looked"


def rules(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.ringfence.cli_json("rule", "list")
    return found


def removed_on(stage: Stage) -> int:
    lines = stage.ringfence.log()
    changes = [
        line["worker"] for line in lines
        if line["event"] == "rules in force" and TRUNKS in line["changed"]
    ]  # fmt: skip
    return min(2, sum(changes.count(worker) >= 2 for worker in set(changes)))
