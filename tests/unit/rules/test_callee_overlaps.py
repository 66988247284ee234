"""What two callees claim at once is found, and what is merely narrower is not."""

from __future__ import annotations

import json

import pytest

from ringfence.numbers import normalise
from ringfence.rules.callee_book import EMPTY_CALLEES
from ringfence.rules.callee_overlaps import Overlap, overlaps_of
from ringfence.rules.callees import CompiledCallee, read_callee


def callees(**numbers: str) -> list[CompiledCallee]:
    return [
        read_callee(id, json.dumps({"numbers": each.split(), "block": "anonymous"}))
        for id, each in numbers.items()
    ]


@pytest.mark.parametrize(
    ("one", "other", "entry"),
    [
        ("+12025550100", "+13015550100 +12025550100", "+12025550100"),
        ("611", "611", "611"),
        ("+1202555*", "+1202555*", "+1202555*"),
        ("+12025550100-+12025550119", "+12025550100-+12025550119", "+12025550100-+12025550119"),
        ("+12025550100-+12025550119", "+12025550110-+12025550129", "+12025550110-+12025550119"),
    ],
)
def test_two_that_claim_the_same_are_named_with_who_has_it(
    one: str, other: str, entry: str
) -> None:
    both = callees(b=one, a=other)
    assert list(overlaps_of(both)) == [Overlap(entry, "a", "b")]
    book = EMPTY_CALLEES.changed((), both)
    number = entry.partition("-")[0].replace("*", "0123")
    owner = book.owner(normalise(number))
    assert owner is not None
    assert owner.id == "a"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+12025550100", "+12025550101"),
        ("+12025550100", "+1202555*"),
        ("+1202555*", "+1202*"),
        ("+12025550100-+12025550119", "+12025550105-+12025550109"),
        ("+12025550100-+12025550119", "+12025550100-+12025550109"),
        ("+12025550100-+12025550119", "+12025550120-+12025550129"),
        ("+12025550100-+12025550119", "+12025550105"),
        ("+442079460000-+442079460999", "+44207946000-+44207946099"),
    ],
)
def test_what_is_narrower_or_apart_is_no_overlap(one: str, other: str) -> None:
    assert not list(overlaps_of(callees(a=one, b=other)))


def test_entries_of_one_callee_may_meet() -> None:
    own = "+12025550100-+12025550119 +12025550110-+12025550129 +12025550100"
    assert not list(overlaps_of(callees(a=own)))


def test_the_narrower_of_two_ranges_has_what_both_claim() -> None:
    both = callees(a="+12025550100-+12025550199", b="+12025550190-+12025550209")
    assert list(overlaps_of(both)) == [Overlap("+12025550190-+12025550199", "b", "a")]
    book = EMPTY_CALLEES.changed((), both)
    owner = book.owner(normalise("+12025550195"))
    assert owner is not None
    assert owner.id == "b"


def test_each_of_many_is_named_once() -> None:
    three = callees(a="+12025550100", b="+12025550100", c="+12025550100")
    assert list(overlaps_of(three)) == [
        Overlap("+12025550100", "a", "b"), Overlap("+12025550100", "a", "c"),
    ]  # fmt: skip
