"""Two states of a list and what differs between them, held against plain dictionaries."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.cli.list_contents import ListContents

ENTRIES = st.sampled_from(
    [*(f"+1202555010{n}" for n in range(6)), "+1900*", "+12025550100-+12025550105", "911"]
)
STATES = st.lists(st.tuples(ENTRIES, st.sampled_from([math.inf, 2e9, 3e9])), max_size=12)


def contents(entries: list[tuple[str, float]]) -> ListContents:
    found = ListContents()
    for text, expires in entries:
        found.add(text, expires)
    return found


@given(STATES, STATES)
def test_the_difference_is_that_of_plain_dictionaries(
    before: list[tuple[str, float]], after: list[tuple[str, float]]
) -> None:
    old, new, plain_old, plain_new = contents(before), contents(after), dict(before), dict(after)
    assert dict(old) == plain_old
    assert len(old) == len(plain_old)
    assert dict(new.without(old)) == {t: e for t, e in plain_new.items() if t not in plain_old}
    assert old.other_expiries(new) == {
        t: (plain_old[t], e) for t, e in plain_new.items() if plain_old.get(t, e) != e
    }
    assert {t: old.expiry(t) for t in plain_new} == {t: plain_old.get(t, 0.0) for t in plain_new}


@given(STATES)
def test_the_order_does_not_depend_on_how_it_came_about(entries: list[tuple[str, float]]) -> None:
    plain = dict(entries)
    assert list(contents(entries)) == list(contents(list(reversed(plain.items()))))


def test_entries_are_kept_in_canonical_text() -> None:
    found = contents([("12025550100", math.inf), (" +12025550100 - +12025550100", 2e9)])
    assert list(found) == [("+12025550100", 2e9)]
    with pytest.raises(ValueError, match="no entry"):
        found.add("nobody")


def test_an_expiry_that_no_file_can_say_is_for_good() -> None:
    assert contents([("911", 1e300)]).expiry("911") == math.inf


def test_a_rounded_expiry_is_no_difference() -> None:
    one, other = contents([("911", 2e9 + 1 / 3)]), contents([("911", 2e9 + 0.333333)])
    assert one.other_expiries(other) == {}
