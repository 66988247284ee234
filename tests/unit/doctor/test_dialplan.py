"""What the doctor says of a dialplan that Asterisk has loaded, and of its globals."""

from __future__ import annotations

import re

import msgspec
import pytest

from dialplan import ringfence_conf
from ringfence.doctor.asterisk import examine_globals
from ringfence.doctor.dialplan import examine_include, examine_users
from ringfence.doctor.finding import State
from ringfence.settings import AgiSection, AriSection, AttestationSection, Settings

GLOBALS = dict.fromkeys(
    (
        "RINGFENCE_DOOR", "RINGFENCE_AGI", "RINGFENCE_APP", "RINGFENCE_DEADLINE",
        "RINGFENCE_FAIL", "RINGFENCE_BROADCAST",
    ),
    "",
)  # fmt: skip


def loaded() -> list[dict[str, str]]:
    found, extension = [], ""
    for line in ringfence_conf().splitlines():
        if match := re.match(r"exten => ([^,]+),", line):
            extension = match[1]
        if match := re.match(r"(?:exten => [^,]+| same => \w+(?:\(\w+\))?),(?:\d+,)?(\w+)\((.*)\)",
                             line):  # fmt: skip
            found.append({"extension": extension, "application": match[1], "appdata": match[2]})
    return found


def states(findings: list[object]) -> list[State]:
    return [finding.state for finding in findings]  # type: ignore[attr-defined]


def test_the_shipped_dialplan_is_in_order() -> None:
    assert set(states(examine_include(loaded()))) == {State.OK}


def test_a_dialplan_without_the_include_fails() -> None:
    (finding,) = examine_include([])
    assert finding.state is State.FAIL
    assert "#include ringfence.conf" in finding.mend


def test_a_wait_without_a_bound_fails() -> None:
    unbounded = [each for each in loaded() if "DEADLINE" not in each["appdata"]]
    assert State.FAIL in states(examine_include(unbounded))
    no_end = [each for each in loaded() if each["extension"] != "T"]
    assert State.FAIL in states(examine_include(no_end))


def test_an_agi_that_a_hung_server_can_hold_fails() -> None:
    text = msgspec.json.encode(loaded()).decode().replace("AGIEXITONHANGUP=yes", "X=1")
    assert State.FAIL in states(examine_include(msgspec.json.decode(text)))


def test_another_versions_dialplan_is_told() -> None:
    assert states(examine_include([*loaded(), {"application": "NoOp"}]))[-1] is State.WARN


def test_a_dialplan_that_sends_no_call_to_us_is_told() -> None:
    ours = {"context": "ringfence", "application": "Gosub", "appdata": "ringfence,screen,1"}
    theirs = {"context": "in", "application": "Gosub", "appdata": "ringfence,screen,1(${EXTEN})"}
    assert examine_users([ours]).state is State.WARN
    assert "in" in examine_users([ours, theirs]).what


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("RINGFENCE_DOOR", "", State.OK),
        ("RINGFENCE_DOOR", "gate", State.FAIL),
        ("RINGFENCE_DOOR", "ari", State.FAIL),
        ("RINGFENCE_AGI", "agi://127.0.0.1/screen", State.OK),
        ("RINGFENCE_AGI", "agi://127.0.0.1:4573/screen", State.OK),
        ("RINGFENCE_AGI", "agi://127.0.0.1:9/screen", State.FAIL),
        ("RINGFENCE_AGI", "agi://127.0.0.1:4573/scream", State.FAIL),
        ("RINGFENCE_DEADLINE", "0.5", State.OK),
        ("RINGFENCE_DEADLINE", "250", State.FAIL),
        ("RINGFENCE_DEADLINE", "10", State.WARN),
        ("RINGFENCE_DEADLINE", "0", State.FAIL),
        ("RINGFENCE_DEADLINE", "soon", State.FAIL),
        ("RINGFENCE_FAIL", "closed", State.OK),
        ("RINGFENCE_FAIL", "close", State.FAIL),
    ],
)
def test_globals_must_make_sense(name: str, value: str, state: State) -> None:
    findings = examine_globals({**GLOBALS, name: value}, Settings())
    assert states(findings) == [state]


@pytest.mark.parametrize(
    ("roots", "wait", "deadline", "state"),
    [
        ("roots.pem", 0.1, "", State.OK),
        ("roots.pem", 0.3, "", State.WARN),
        ("roots.pem", 0.3, "1", State.OK),
        ("", 0.3, "", State.OK),
    ],
)
def test_a_wait_for_certificates_that_uses_up_the_deadline_is_told(
    roots: str, wait: float, deadline: str, state: State
) -> None:
    settings = Settings(attestation=AttestationSection(roots=roots, wait=wait))
    values = {**GLOBALS, "RINGFENCE_DEADLINE": deadline}
    assert states(examine_globals(values, settings)) == [state]


def test_the_application_must_be_the_one_that_is_registered() -> None:
    ari = AriSection(url="http://127.0.0.1:8088/ari", password="x", app="screen")
    settings = Settings(ari=ari, agi=AgiSection())
    values = {**GLOBALS, "RINGFENCE_DOOR": "ari"}
    assert states(examine_globals(values, settings)) == [State.FAIL]
    assert states(examine_globals({**values, "RINGFENCE_APP": "screen"}, settings)) == [State.OK]
