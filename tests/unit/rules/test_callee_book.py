"""Whose a called number is: the same as by looking at every customer, however the book was made."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.lists import parse_entry
from ringfence.numbers import Number, normalise
from ringfence.rules.callee_book import EMPTY_CALLEES, CalleeBook
from ringfence.rules.callees import CompiledCallee, read_callee

ENTRIES = [
    *("+12025550123", "+12025550124", "+442079460123", "611", "+1*", "+1202*", "+12025550*"),
    *("+12025550100-+12025550199", "+12025550120-+12025550129", "+12025550121-+12025550130"),
    *("+12025550123-+12025550123", "+12025549999-+12025550200", "+442079460000-+442079469999"),
    *("+1202555-+1202777", "+1999999-+2000001"),
]
CALLED = [
    *("+12025550123", "+12025550124", "+12025550130", "+12025550199", "+12025550200"),
    *("+442079460123", "+13015550100", "+1202600", "+2000000", "+120255501234", "611", "911", ""),
]
IDS = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.lists(
    st.dictionaries(IDS, st.none() | st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=4)),
    max_size=8,
)


def numbered(called: str) -> Number:
    return normalise(called)


def expected(callees: dict[str, CompiledCallee], number: Number) -> str:
    """Exact numbers, then the longest prefix, then the narrowest range; then the lower id."""
    found = []
    for id, callee in callees.items():
        for entry in callee.entries:
            if entry.prefix:
                if number.e164.startswith(f"+{entry.prefix}"):
                    found.append((1, -len(entry.prefix), id))
            elif not entry.first:
                if not number.key and number.text == entry.text:
                    found.append((0, 0, id))
            elif entry.first <= number.key <= entry.last:
                width = entry.last - entry.first
                found.append((2 if width else 0, width, id))
    return min(found)[2] if found else ""


@settings(max_examples=300)
@given(STEPS)
def test_any_sequence_of_changes_gives_what_looking_at_every_customer_gives(
    steps: list[dict[str, list[str] | None]],
) -> None:
    book: CalleeBook = EMPTY_CALLEES
    callees: dict[str, CompiledCallee] = {}
    earlier: list[tuple[CalleeBook, dict[str, CompiledCallee]]] = []
    for step in steps:
        earlier.append((book, callees.copy()))
        gone = [callees.pop(id) for id in step if id in callees]
        new = [
            read_callee(id, json.dumps({"numbers": numbers}))
            for id, numbers in step.items()
            if numbers
        ]
        callees |= {each.id: each for each in new}
        book = book.changed(gone, new)
    for some_book, some in (*earlier, (book, callees)):
        for called in CALLED:
            number = numbered(called)
            owner = some_book.owner(number)
            assert (owner.id if owner else "") == expected(some, number), called


def test_an_empty_book_is_left_as_it_was_when_another_is_made_of_it() -> None:
    callee = read_callee("+12025550123", '{"allow": "@friends"}')
    book = EMPTY_CALLEES.changed((), [callee])
    assert book.list_names == {"friends"}
    assert not EMPTY_CALLEES.list_names
    assert not book.changed([callee], ()).list_names


def test_a_range_takes_few_look_ups() -> None:
    entry = "+12025550107-+12025559893"
    callee = read_callee("a", json.dumps({"numbers": [entry]}))
    assert callee.entries == (parse_entry(entry),)
    book = EMPTY_CALLEES.changed((), [callee])
    for called, owned in (("0106", False), ("0107", True), ("9893", True), ("9894", False)):
        assert bool(book.owner(normalise(f"+1202555{called}"))) is owned
