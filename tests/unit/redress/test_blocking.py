"""By which rules a number had been blocked, as records tell it."""

from __future__ import annotations

from typing import Any

from ringfence.calllog.record import CallRecord
from ringfence.redress.blocking import Blockers, beyond_redress
from ringfence.redress.model import BlockedBy


def record(minute: int, **fields: Any) -> CallRecord:
    time = f"2026-11-21T11:{minute:02}:00.000Z"
    usual = {"action": "block", "reason": "rule", "outcome": "applied"}
    return CallRecord(**{"id": f"c{minute}", "time": time, **usual, **fields})


def test_the_most_frequent_rule_comes_first_with_its_last_call() -> None:
    blockers = Blockers()
    for each in (
        record(3, rule="premium", basis="policy"),
        record(1, rule="too-often", basis="analytics"),
        record(2, rule="too-often", basis="analytics"),
        record(4, action="allow", reason="no-rule"),
        record(5, reason="score", basis="analytics"),
    ):
        blockers.add(each)
    assert blockers.calls == 4
    assert [(each.rule, each.calls, each.last[11:16]) for each in blockers.found] == [
        ("too-often", 2, "11:02"),
        ("(score)", 1, "11:05"),
        ("premium", 1, "11:03"),
    ]


def test_duties_and_what_called_customers_asked_for_are_beyond_redress() -> None:
    bases = ("analytics", "policy", "identity", "dno-invalid", "rmd", "subscriber", "")
    found = beyond_redress([BlockedBy(f"r-{basis}", 1, "", basis) for basis in bases])
    assert [each.basis for each in found] == ["dno-invalid", "rmd", "subscriber"]
