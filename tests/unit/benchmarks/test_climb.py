"""The search for the highest rate finds it, and does not call a growing queue a rate held."""

from __future__ import annotations

from benchmarks.climb import FINE, Search, climb, not_carried
from benchmarks.load import Leg
from benchmarks.paths import Way

WAY = Way("agi", "a way", "bench-agi", ())


def leg(rate: float, *, limit: float = 1e9, setup_ms: float = 1.0) -> Leg:
    """A second of calls on a way that carries `limit` a second and loses the rest."""
    calls = int(rate)
    lost = int(max(0.0, rate - limit))
    statuses = {603: calls - lost, **({0: lost} if lost else {})}
    return Leg([setup_ms] * (calls - lost), statuses, lost, offered=rate)


async def searched(limit: float, start: float, *, moody: bool = False) -> tuple[float, float]:
    moods = iter([True] if moody else [])

    async def place(way: Way, rate: float, seconds: float, offset: int) -> Leg:
        return leg(rate, limit=0.0 if next(moods, False) else limit)

    (held,) = await climb(place, [WAY], {WAY.name: start}, 1.0, lambda text: None, 60.0)
    return held.rate, held.failed_at


async def test_the_highest_rate_is_found_from_below() -> None:
    held, failed = await searched(limit=1_234, start=100)
    assert held <= 1_234 < failed
    assert failed / held <= FINE


async def test_the_highest_rate_is_found_from_above() -> None:
    held, failed = await searched(limit=33, start=500)
    assert held <= 33 < failed


async def test_a_rate_that_failed_once_is_tried_again() -> None:
    held, _ = await searched(limit=1_000, start=500, moody=True)
    assert held > 900


async def test_a_way_that_carries_nothing_ends_the_search() -> None:
    assert (await searched(limit=0, start=100))[0] == 0


async def test_the_search_ends_when_its_time_is_up() -> None:
    async def place(way: Way, rate: float, seconds: float, offset: int) -> Leg:
        raise AssertionError("no time is left")

    (held,) = await climb(place, [WAY], {}, 1.0, lambda text: None, 0.0)
    assert held.rate == 0


def test_a_growing_queue_is_no_rate_held() -> None:
    growing = Leg([n * 2.0 for n in range(100)], {603: 100}, 0, 100.0)
    assert "queue" in not_carried(WAY, 100.0, growing)


def test_a_wrong_answer_is_no_call_held() -> None:
    wrong = Leg([1.0] * 100, {603: 99, 480: 1}, 0, 100.0)
    assert "wrong" in not_carried(WAY, 100.0, wrong)


def test_a_rate_that_never_left_the_load_generator_is_not_held() -> None:
    assert "offered" in not_carried(WAY, 1_000.0, leg(800.0))


def test_the_processors_of_the_highest_rate_are_kept() -> None:
    search, carried = Search(WAY, 100.0), leg(100.0)
    carried.cpu = {"Asterisk": 0.5}
    search.tell(100.0, carried, 2.0)
    assert search.held.cores == {"Asterisk": 0.25}
