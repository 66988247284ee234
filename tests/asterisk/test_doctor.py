"""`ringfence doctor` on a real Asterisk: it finds what is wrong, and AMI never holds it up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from demo.ringfence import frozen
from demo.stage import Stage
from ringfence.ami import Ami, AmiFailed

pytestmark = pytest.mark.asterisk


def doctor(stage: Stage, **environ: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings, with other settings than the service's."""
    mine = stage.ringfence.environment
    before = dict(mine)
    mine.update(environ)
    try:
        done = stage.ringfence.cli_json("doctor", check=False)
    finally:
        mine.clear()
        mine.update(before)
    return done["failed"], done["findings"]


def found(findings: list[dict[str, Any]], part: str, text: str) -> str:
    states = [f["state"] for f in findings if f["part"] == part and text in f["what"]]
    assert states, f"nothing about {text!r} in {findings}"
    return str(states[0])


def test_a_system_in_order_has_no_failure(stage: Stage) -> None:
    failed, findings = doctor(stage)
    assert failed == 0, findings
    for part, text in (
        ("redis", "append-only file on"),
        ("agi", "answers at"),
        ("ari", "application ringfence is registered"),
        ("asterisk", "Asterisk 22"),
        ("modules", "all"),
        ("dialplan", "ringfence.conf is included"),
        ("dialplan", "the wait for a verdict is bounded"),
        ("dialplan", "screens calls of from-customer, from-trunk"),
        ("globals", "door"),
    ):
        assert found(findings, part, text) == "ok"


def test_a_refused_rule_and_a_missing_list_are_named_with_how_to_mend_them(
    stage: Stage, rule: Callable[..., None]
) -> None:
    stage.ringfence.redis_cli("HSET", "ringfence:rules", "doctor-bad", "{")
    rule("doctor-list", "--caller", "@doctor-nobody", "--action", "block")
    rule("doctor-prompt", "--caller", "+1900*", "--called", "+1900*", "--action", "intercept",
         "--prompt", "custom/doctor-no-such")  # fmt: skip
    try:
        failed, findings = doctor(stage)
    finally:
        stage.ringfence.cli("rule", "remove", "doctor-bad")
    assert failed == 1
    assert found(findings, "rules", "doctor-bad is refused") == "FAIL"
    assert found(findings, "lists", "doctor-nobody") == "warn"
    assert found(findings, "prompts", "custom/doctor-no-such is not among") == "warn"


def rule_by_hand(stage: Stage, rule_id: str, action: str, **respond: Any) -> None:
    rule = {"action": action, "when": {"caller": "+19005550100"}, "respond": respond}
    stage.ringfence.redis_cli("HSET", "ringfence:rules", rule_id, json.dumps(rule))


@pytest.fixture
def rules_by_hand(stage: Stage) -> Iterator[Callable[..., None]]:
    """Rules for the doctor to read in Redis; removed after the test."""
    made: list[str] = []

    def make(rule_id: str, action: str, **respond: Any) -> None:
        rule_by_hand(stage, rule_id, action, **respond)
        made.append(rule_id)

    yield make
    stage.ringfence.redis_cli("HDEL", "ringfence:rules", *made)


def test_a_diversion_to_nowhere_is_told_with_its_rule(
    stage: Stage, rules_by_hand: Callable[..., None]
) -> None:
    rules_by_hand("to-callee", "divert", context="callee")
    rules_by_hand("to-nowhere", "divert", context="nowhere-at-all")
    rules_by_hand("to-no-extension", "divert", context="callee", extension="reception")
    rules_by_hand("announced", "intercept", then="divert", context="callee", extension="12")
    failed, findings = doctor(stage)
    assert failed == 2, findings
    assert (
        found(findings, "diverts", "callee is there for the called numbers of rule to-ca") == "ok"
    )
    assert found(findings, "diverts", "no context nowhere-at-all: calls of rule to-now") == "FAIL"
    assert found(findings, "diverts", "has no extension reception: calls of rule to-no-") == "FAIL"
    assert found(findings, "diverts", "12 in callee is there for rule announced") == "ok"
    _, findings = doctor(stage, RINGFENCE_AMI_HOST="")
    assert found(findings, "diverts", "not checked whether the dialplan has callee") == "warn"


def test_a_wrong_password_a_wrong_port_and_a_missing_application_are_told(stage: Stage) -> None:
    failed, findings = doctor(
        stage,
        RINGFENCE_AMI_PASSWORD="x",
        RINGFENCE_ARI_APP="other",
        RINGFENCE_AGI_BIND="127.0.0.1:9",
    )
    assert failed == 3, findings
    assert found(findings, "ami", "refuses the login") == "FAIL"
    assert found(findings, "ari", "application other is not registered") == "FAIL"
    assert found(findings, "agi", "nothing listens at 127.0.0.1:9") == "FAIL"
    _, findings = doctor(stage, RINGFENCE_ARI_PASSWORD="x")
    assert found(findings, "ari", "refuses the login") == "FAIL"


def test_a_global_that_makes_no_sense_is_told(stage: Stage) -> None:
    stage.set_globals(RINGFENCE_DEADLINE="250", RINGFENCE_DOOR="gate")
    try:
        failed, findings = doctor(stage)
    finally:
        stage.set_globals()
    assert failed == 2
    assert found(findings, "globals", "RINGFENCE_DEADLINE is '250'") == "FAIL"
    assert found(findings, "globals", "RINGFENCE_DOOR is 'gate'") == "FAIL"


def test_with_a_frozen_asterisk_the_doctor_still_answers(stage: Stage) -> None:
    began = time.monotonic()
    with frozen(stage.lab.asterisk.pid):
        failed, findings = doctor(stage)
    # its own deadlines end at four seconds; the rest is the start of Python on a busy machine
    assert time.monotonic() - began < 12
    assert failed == 2
    assert found(findings, "ami", "does not answer") == "FAIL"
    assert found(findings, "ari", "does not answer") == "FAIL"


def test_with_everything_away_the_doctor_names_each(stage: Stage) -> None:
    away = "127.0.0.1:1"
    failed, findings = doctor(
        stage, RINGFENCE_REDIS_URL=f"redis://{away}/0", RINGFENCE_AGI_BIND=away,
        RINGFENCE_ARI_URL=f"http://{away}/ari", RINGFENCE_AMI_HOST="127.0.0.1",
        RINGFENCE_AMI_PORT="1",
    )  # fmt: skip
    assert failed == 4, findings
    assert {f["part"] for f in findings if f["state"] == "FAIL"} == {"redis", "agi", "ari", "ami"}
    assert all(f["mend"] for f in findings if f["state"] != "ok")


@pytest.fixture
def ami_of(stage: Stage) -> Callable[..., Ami]:
    def make(**more: Any) -> Ami:
        lab = stage.lab
        return Ami(lab.ami_host, lab.ami_port, lab.ami_username, lab.ami_password, **more)

    return make


async def test_an_action_that_is_refused_or_unanswered_ends_in_time(
    stage: Stage, ami_of: Callable[..., Ami]
) -> None:
    async with ami_of(timeout=0.5) as ami:
        with pytest.raises(AmiFailed, match="Did not find context"):
            await ami.listing("ShowDialPlan", Context="nowhere")
        with pytest.raises(AmiFailed, match="not loaded"):
            await ami.action("ModuleCheck", Module="res_nowhere")
        with pytest.raises(ValueError, match="line break"):
            await ami.action("Getvar", Variable="A\r\nAction: Logoff")
        with frozen(stage.lab.asterisk.pid), pytest.raises(AmiFailed, match="in time"):
            await ami.action("Ping")


async def test_a_silent_asterisk_is_noticed_and_connected_to_again(
    stage: Stage, ami_of: Callable[..., Ami]
) -> None:
    async with ami_of(timeout=0.3, ping_every=0.1) as ami:
        with frozen(stage.lab.asterisk.pid):
            await _until(lambda: not ami.is_connected)
            with pytest.raises(AmiFailed, match="is away"):
                await ami.action("Ping")
        await _until(lambda: ami.is_connected)
        assert (await ami.action("Ping"))["response"] == "Success"


async def _until(condition: Callable[[], bool], within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s"
        await asyncio.sleep(0.01)
