"""When a dispute is to be answered, and what is said of it in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ringfence.redress.clock import is_overdue, left_text, reminded, reminders_past
from ringfence.redress.model import ANSWER, Dispute, Does

CAME = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DISPUTE = Dispute(number="+12025550142", received=CAME, deadline=CAME + ANSWER)


def after(hours: float) -> datetime:
    return CAME + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("hours", "past"),
    [
        (0, ()),
        (11.9, ()),
        (12, ("12h",)),
        (20, ("12h", "4h")),
        (23, ("12h", "4h", "1h")),
        (24, ("12h", "4h", "1h", "0h")),
        (99, ("12h", "4h", "1h", "0h")),
    ],
)
def test_reminders_come_at_their_times(hours: float, past: tuple[str, ...]) -> None:
    assert reminders_past(DISPUTE, after(hours)) == past


def test_each_reminder_comes_once_and_after_a_standstill_one_stands_for_all() -> None:
    first = reminded(DISPUTE, after(12))
    assert first is not None
    assert [(step.does, step.text) for step in first.steps] == [(Does.REMINDED, "12h left")]
    assert reminded(first, after(19)) is None
    last = reminded(first, after(25))
    assert last is not None
    assert last.steps[-1].text == "overdue for 1h"
    assert len(last.steps) == 2
    assert reminded(last, after(500)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"told": after(2)}, "told 2026-11-21 14:00Z"),
        ({"lifted": after(2)}, "lifted 2026-11-21 14:00Z"),
        ({"status": "closed"}, "closed"),
    ],
)
def test_a_dispute_that_was_answered_lifted_or_closed_waits_no_more(
    changes: dict[str, object], said: str
) -> None:
    dispute = msgspec.structs.replace(DISPUTE, **changes)
    assert reminders_past(dispute, after(30)) == ()
    assert not is_overdue(dispute, after(30))
    assert left_text(dispute, after(30)) == said


def test_it_is_overdue_when_the_24_hours_have_passed() -> None:
    assert not is_overdue(DISPUTE, after(23.99))
    assert is_overdue(DISPUTE, after(24))
    assert left_text(DISPUTE, after(20.5)) == "3h 30m left"
    assert left_text(DISPUTE, after(26)) == "overdue for 2h"
