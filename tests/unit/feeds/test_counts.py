"""Complaints by day: kept small, and gone when they no longer count."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.feeds.counts import LEVELS, WINDOW, Counts, expiries, pack, unpack, without_old
from ringfence.feeds.plan import Entries

DAY = 86_400
TODAY = 20_000
DAYS = st.dictionaries(
    st.integers(TODAY - WINDOW - 5, TODAY),
    st.dictionaries(st.integers(10**9, 10**9 + 3), st.integers(1, 9), min_size=1, max_size=4),
    max_size=6,
)


def until(all_counts: list[Counts]) -> dict[int, dict[str, float]]:
    found = expiries(all_counts, TODAY)
    return {level: dict(Entries(groups).dated()) for level, groups in found.items()}


@given(DAYS)
def test_what_is_packed_comes_out_again(days: dict[int, dict[int, int]]) -> None:
    counts = {day: Counter(of_day) for day, of_day in days.items()}
    assert unpack(pack(counts)) == counts


@given(DAYS, st.integers(0, WINDOW + 2))
def test_an_entry_is_there_exactly_as_long_as_enough_complaints_count(
    days: dict[int, dict[int, int]], later: int
) -> None:
    counts = {day: Counter(of_day) for day, of_day in days.items()}
    found, now = until([counts]), (TODAY + later) * DAY + 1.0
    for level in LEVELS:
        for number in range(10**9, 10**9 + 4):
            count = sum(of[number] for of in without_old(counts, TODAY + later).values())
            there = found[level].get(f"+{number}", 0.0) > now
            assert there == (count >= level)


def test_complaints_of_several_files_add_up() -> None:
    one, two = {TODAY: Counter({7: 3})}, {TODAY - 1: Counter({7: 2})}
    found = until([one, two])
    assert found[5] == {"+7": float((TODAY - 1 + WINDOW) * DAY)}
    assert found[1] == {"+7": float((TODAY + WINDOW) * DAY)}
    assert found[20] == {}


def test_a_spoilt_field_is_told() -> None:
    for data in (b"", b"nothing", pack({})[:-3] + b"xxx"):
        with pytest.raises(ValueError, match="cannot be read"):
            unpack(data)
