"""A provider at a glance: what is next, what is late, and whether it is blocked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringfence.cli.provider_views import Glance, details
from ringfence.providers.deadlines import Kind
from ringfence.providers.notice import AtDeadline, Blocked, Notice
from ringfence.providers.traffic import Tally

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def letter(due: datetime, **more: Any) -> Notice:
    return Notice(
        kind=Kind.LETTER, received=NOW - 48 * HOUR, deadline=due, provider="gateway",
        at_deadline=AtDeadline.BLOCK_BOTH, **more,
    )  # fmt: skip


def told(**notices: Notice) -> list[str]:
    glance = Glance((), {}, notices, (), Tally(), Tally(), "unknown")
    found = details("gateway", b"{}", glance, NOW)
    return [text for name, text in found if name == "open notice"]


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        (letter(NOW + HOUR), "due 2026-11-22 13:00Z (in 1h), then block-both"),
        (letter(NOW - HOUR), "OVERDUE, not blocked, was due 2026-11-22 11:00Z (1h ago)"),
        (letter(NOW - HOUR, blocked=Blocked(NOW - HOUR, {})), "BLOCKED, was due 2026-11-22 11:00Z"),
    ],
)
def test_a_notice_says_whether_it_is_late_and_whether_it_blocks(notice: Notice, said: str) -> None:
    (line,) = told(n=notice)
    assert said in line


def test_the_next_deadline_comes_first() -> None:
    lines = told(a=letter(NOW + 3 * HOUR), b=letter(NOW + HOUR))
    assert [line[0] for line in lines] == ["b", "a"]
