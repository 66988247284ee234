"""Records put aside for a moment: in order, none lost, never more than a few."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from ringfence.calllog.aside import AT_MOST, Aside


class Kept:
    """What was passed on, and when there is something."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.some = asyncio.Event()

    def put(self, screened: Any, outcome: str) -> None:
        self.outcomes.append(outcome)
        self.some.set()


async def test_records_are_passed_on_a_moment_later_in_their_order() -> None:
    kept = Kept()
    door = Aside(kept.put)
    for outcome in "abc":
        door.record(None, outcome)  # type: ignore[arg-type]
    assert kept.outcomes == []
    async with asyncio.timeout(5.0):
        await kept.some.wait()
    assert kept.outcomes == ["a", "b", "c"]


async def test_a_flush_passes_on_at_once_and_nothing_twice() -> None:
    kept = Kept()
    door = Aside(kept.put)
    door.record(None, "a")  # type: ignore[arg-type]
    door.flush()
    door.flush()
    assert kept.outcomes == ["a"]


async def test_no_more_than_a_few_wait() -> None:
    kept = Kept()
    door = Aside(kept.put)
    for _ in range(AT_MOST - 1):
        door.record(None, "x")  # type: ignore[arg-type]
    assert kept.outcomes == []
    door.record(None, "x")  # type: ignore[arg-type]
    assert len(kept.outcomes) == AT_MOST


async def test_a_record_that_cannot_be_kept_costs_no_other() -> None:
    kept: list[str] = []

    def put(screened: Any, outcome: str) -> None:
        if outcome == "bad":
            raise RuntimeError("not this one")
        kept.append(outcome)

    door = Aside(put)
    for outcome in ("a", "bad", "b"):
        door.record(SimpleNamespace(id="1"), outcome)  # type: ignore[arg-type]
    door.flush()
    assert kept == ["a", "b"]
