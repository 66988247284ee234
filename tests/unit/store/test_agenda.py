"""What is due when: a storm costs few reads, and the stronger reason counts."""

from __future__ import annotations

import asyncio

import pytest

from ringfence.store.mirror.agenda import BETWEEN, Agenda, Why


class Clock:
    """A time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def due(agenda: Agenda) -> tuple[str, Why] | None:
    try:
        async with asyncio.timeout(0.02):
            return await agenda.next()
    except TimeoutError:
        return None


async def test_many_marks_are_one_read_for_the_strongest_reason() -> None:
    agenda = Agenda(Clock())
    for why in (Why.TOUCHED, Why.SURELY, Why.CHECK):
        agenda.mark("rules", why, 0.0)
    assert await due(agenda) == ("rules", Why.SURELY)
    assert await due(agenda) is None


async def test_the_same_thing_is_not_read_again_at_once() -> None:
    clock = Clock()
    agenda = Agenda(clock)
    agenda.mark("rules", Why.TOUCHED, 0.0)
    assert await due(agenda) == ("rules", Why.TOUCHED)
    agenda.mark("rules", Why.TOUCHED, 0.0)
    agenda.mark("trunks", Why.TOUCHED, 0.0)
    assert await due(agenda) == ("trunks", Why.TOUCHED)
    assert await due(agenda) is None
    clock.now += BETWEEN
    agenda.mark("other", Why.TOUCHED, 9.0)
    assert await due(agenda) == ("rules", Why.TOUCHED)


@pytest.mark.parametrize("wait", [0.0, 5.0])
async def test_a_sooner_mark_wins(wait: float) -> None:
    agenda = Agenda(Clock())
    agenda.mark("rules", Why.CHECK, wait)
    agenda.mark("rules", Why.TOUCHED, 5.0 - wait)
    assert await due(agenda) == ("rules", Why.TOUCHED)
