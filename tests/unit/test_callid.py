"""Ids of calls: in order of time, unique, and readable back."""

from __future__ import annotations

import pytest

from ringfence.callid import CALL_ID, new_call_id, time_of

TIMES = (0.0, 1_700_000_000.0, 1_700_000_000.001, 4_000_000_000.0)


def test_ids_sort_by_time_and_are_letters_and_digits() -> None:
    ids = [new_call_id(now) for now in TIMES]
    assert ids == sorted(ids)
    assert all(CALL_ID.fullmatch(each) for each in ids)


def test_two_calls_of_one_moment_have_two_ids() -> None:
    assert len({new_call_id(1.0) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("now", TIMES)
def test_an_id_tells_when_the_call_was(now: float) -> None:
    assert time_of(new_call_id(now)) == pytest.approx(now, abs=0.001)


@pytest.mark.parametrize("text", ["", "x" * 22, "0" * 21, "01M7ZS36FPY10CR697"])
def test_what_is_no_id_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="no call id"):
        time_of(text)
