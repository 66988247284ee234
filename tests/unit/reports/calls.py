"""Call records as reports read them."""

from __future__ import annotations

from typing import Any

from ringfence.calllog.record import CallRecord

OWN = "+12025550123"


def record(number: int = 1, **fields: Any) -> CallRecord:
    """A call that a rule blocked, unless `fields` say otherwise."""
    usual = {
        "id": f"{number:022x}",
        "time": f"2026-11-21T11:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "outcome": "applied",
        "trunk": "carrier-a",
        "caller": "+13015550100",
        "caller_e164": "+13015550100",
        "called": OWN,
        "called_e164": OWN,
        "action": "block",
        "reason": "rule",
        "rule": "premium",
        "basis": "analytics",
        "sip": 603,
    }
    return CallRecord(**{**usual, **fields})


def let_through(number: int = 1, **fields: Any) -> CallRecord:
    """A call that nothing kept away."""
    usual = {"action": "allow", "reason": "no-rule", "rule": "", "basis": "", "sip": 0}
    return record(number, **{**usual, **fields})
