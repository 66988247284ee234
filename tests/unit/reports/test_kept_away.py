"""Which calls count as kept from the called number, and by what name."""

from __future__ import annotations

from typing import Any

import pytest

from ringfence.reports.kept_away import kept_away, went_on_all_the_same
from ringfence.verdict import Action, Noted, Treatment
from tests.unit.reports.calls import let_through, record


@pytest.mark.parametrize(
    ("fields", "means"),
    [
        ({}, "blocked"),
        ({"outcome": "hung-up"}, "blocked"),
        ({"reason": "fail-closed", "rule": ""}, "blocked"),
        ({"action": "intercept"}, "intercepted"),
        ({"action": "intercept", "treatment": Treatment(then="divert")}, "diverted away"),
        ({"action": "divert"}, "diverted away"),
        ({"action": "challenge", "outcome": "failed", "challenge": "failed"},
         "challenged, not passed"),
        ({"action": "challenge", "outcome": "hung-up", "challenge": "hung-up"},
         "challenged, hung up"),
    ],
)  # fmt: skip
def test_what_kept_a_call_away_has_a_name(fields: dict[str, Any], means: str) -> None:
    assert kept_away(record(**fields)) == means


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "allow"},
        {"action": "flag"},
        {"action": "intercept", "treatment": Treatment(then="continue")},
        {"action": "challenge", "outcome": "passed", "challenge": "passed"},
    ],
)
def test_a_call_that_goes_on_was_not_kept_away(fields: dict[str, Any]) -> None:
    assert kept_away(record(**fields)) == ""
    assert not went_on_all_the_same(record(**fields))


def test_what_monitor_mode_only_noted_was_not_kept_away() -> None:
    noted = (Noted("premium", Action.BLOCK, monitor=True),)
    assert kept_away(let_through(noted=noted)) == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "late"},
        {"outcome": "failed"},
        {"action": "divert", "outcome": "late"},
        {"action": "challenge", "outcome": "late"},
    ],
)
def test_a_verdict_that_did_not_reach_asterisk_kept_nobody_away(fields: dict[str, Any]) -> None:
    assert kept_away(record(**fields)) == ""
    assert went_on_all_the_same(record(**fields))
