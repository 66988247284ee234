"""What is due of a dispute at a moment, and how long there still is; pure: reads no clock."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from ringfence.durations import parse_duration
from ringfence.providers.deadlines import minute, span_text
from ringfence.redress.model import Dispute, Does, Step

REMINDERS = ("12h", "4h", "1h", "0h")
"""How long before the answer is due a line goes into the log; the last one says that it is."""
RINGFENCE = "ringfence"


def reminders_past(dispute: Dispute, now: datetime) -> tuple[str, ...]:
    """The reminders whose time has come; none of a dispute that nobody waits for."""
    if not dispute.awaits_answer:
        return ()
    return tuple(each for each in REMINDERS if dispute.deadline - _span(each) <= now)


def reminded(dispute: Dispute, now: datetime) -> Dispute | None:
    """The dispute once it was reminded of at `now`; None where there is nothing new to say."""
    past = reminders_past(dispute, now)
    if set(past) <= set(dispute.reminded):
        return None
    # after a standstill one line is enough
    step = Step(now, RINGFENCE, Does.REMINDED, left_text(dispute, now))
    return msgspec.structs.replace(dispute, reminded=past).with_step(step)


def is_overdue(dispute: Dispute, now: datetime) -> bool:
    """The 24 hours have passed and the party was not told how things stand."""
    return dispute.awaits_answer and dispute.deadline <= now


def left_text(dispute: Dispute, now: datetime) -> str:
    """``3h 20m left``, ``overdue for 2h``, or why nobody waits."""
    if dispute.status == "closed":
        return "closed"
    if dispute.lifted is not None:
        return f"lifted {minute(dispute.lifted)}"
    if dispute.told is not None:
        return f"told {minute(dispute.told)}"
    left = dispute.deadline - now
    return f"overdue for {span_text(left)}" if left <= timedelta() else f"{span_text(left)} left"


def _span(text: str) -> timedelta:
    return timedelta() if text == "0h" else timedelta(seconds=parse_duration(text))
