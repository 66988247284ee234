"""How many different values there were: exact for few, near enough for many, in little memory."""

from __future__ import annotations

import pytest

from ringfence.reports.distinct import EXACT, Distinct


def counted(count: int, times: int = 1) -> Distinct:
    found = Distinct()
    for _ in range(times):
        for number in range(count):
            found.add(f"+1202{number:07}")
    return found


@pytest.mark.parametrize("count", [0, 1, 100, EXACT])
def test_few_values_are_counted_exactly(count: int) -> None:
    found = counted(count, times=2)
    assert (found.count, found.text, found.is_exact) == (count, str(count), True)


@pytest.mark.parametrize("count", [EXACT + 1, 5_000, 12_000, 50_000])
def test_many_values_are_estimated_within_five_percent_and_marked(count: int) -> None:
    found = counted(count)
    assert not found.is_exact
    assert found.text == f"~{found.count}"
    assert abs(found.count - count) < 0.05 * count


def test_what_came_before_changes_no_estimate() -> None:
    assert counted(5_000, times=3).count == counted(5_000).count
