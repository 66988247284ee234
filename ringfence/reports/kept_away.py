"""Whether a call was kept from the called number, and by what means; knows one record at a time."""

from __future__ import annotations

from ringfence.calllog.record import CallRecord
from ringfence.verdict import Action

BLOCKED = "blocked"
INTERCEPTED = "intercepted"
NOT_PASSED = "challenged, not passed"
GAVE_UP = "challenged, hung up"
DIVERTED = "diverted away"
MEANS = (BLOCKED, INTERCEPTED, NOT_PASSED, GAVE_UP, DIVERTED)

NOT_APPLIED = frozenset({"late", "failed"})
"""Outcomes of a verdict that Asterisk did not take: the dialplan's fail mode decided then."""
_CHALLENGED = {"failed": NOT_PASSED, "hung-up": GAVE_UP}


def kept_away(record: CallRecord) -> str:
    """One of `MEANS`; "" for a call that went on, or was only noted in monitor mode."""
    if record.action == Action.CHALLENGE:
        return _CHALLENGED.get(record.challenge, "")
    if record.outcome in NOT_APPLIED:
        return ""
    return _meant(record)


def went_on_all_the_same(record: CallRecord) -> bool:
    """Whether it was to be kept away, and the verdict did not reach Asterisk in time."""
    if record.action == Action.CHALLENGE:
        return record.outcome == "late"
    return record.outcome in NOT_APPLIED and bool(_meant(record))


def _meant(record: CallRecord) -> str:
    match record.action:
        case Action.BLOCK:
            return BLOCKED
        case Action.DIVERT:
            return DIVERTED
        case Action.INTERCEPT if record.treatment.then == "reject":
            return INTERCEPTED
        case Action.INTERCEPT if record.treatment.then == "divert":
            return DIVERTED
        case _:
            return ""
