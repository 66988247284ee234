"""Lengths of time as admins write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.durations import duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("60s", 60), ("15m", 900), ("1h", 3_600), ("7d", 604_800)]
)
def test_a_length_of_time_is_a_number_and_its_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "60", "s", "0s", "-1s", "1 h", "1h30m", "1.5h", "1H", "367d"])
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write 60s, 15m, 1h or 7d, at most 366d"):
        parse_duration(text)


def test_a_bound_of_its_own_is_named() -> None:
    with pytest.raises(ValueError, match="at most 7d"):
        parse_duration("8d", most=7 * 86_400)


@given(st.integers(1, 366 * 86_400))
def test_what_is_written_is_read_again(seconds: int) -> None:
    assert parse_duration(duration_text(seconds)) == seconds


def test_it_is_written_in_its_largest_unit() -> None:
    assert [duration_text(each) for each in (90, 120, 3_600, 86_400)] == ["90s", "2m", "1h", "1d"]
