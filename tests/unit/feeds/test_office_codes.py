"""NANPA's central-office codes, and what the word `unallocated` makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

import pytest

from ringfence.call import Call
from ringfence.feeds import office_codes
from ringfence.feeds.refused import FeedRefused
from ringfence.lists import NumberList, parse_entry
from ringfence.numbers import normalise
from ringfence.rules.conditions.numbering_lists import OFFICE_CODES, entries_asked, unallocated
from ringfence.rules.match import compile_value

from .conftest import NOW, Ask, entries

DAY = 86_400
File = Callable[[str | bytes], IO[bytes]]


@pytest.fixture
def there(file: File, ask: Ask) -> dict[str, NumberList]:
    numbers = NumberList(OFFICE_CODES)
    plan = office_codes.plan(file("office_codes.txt"), ask())
    for text, until in entries(plan, OFFICE_CODES).items():
        numbers.add(parse_entry(text), until)
    return {OFFICE_CODES: numbers}


def test_codes_and_their_area_codes_become_short_numbers(file: File, ask: Ask) -> None:
    plan = office_codes.plan(file("office_codes.txt"), ask())
    found = entries(plan, OFFICE_CODES)
    assert found.keys() == {"+1202555", "+1202556", "+1201200", "+1202000", "+1201000"}
    assert found["+1202000"] == NOW + 60 * DAY
    assert (plan.rows, plan.dated) == (4, "2026-03-01")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("2025550123", ""),
        ("2025560123", ""),
        ("2025570123", "+1202557"),
        ("2029990123", "+1202999"),
        ("2012000123", ""),
        ("2015550123", "+1201555"),
        # not in the file: Canadian, toll-free, Caribbean codes are none of it
        ("2045550123", ""),
        ("8005550123", ""),
        ("8765550123", ""),
        ("+442079460123", ""),
        ("911", ""),
        ("anonymous", ""),
        ("+1202555012", ""),
    ],
)
def test_unallocated_is_what_is_missing_in_an_area_code_of_the_file(
    there: dict[str, NumberList], number: str, code: str
) -> None:
    assert unallocated(normalise(number), there, NOW) == code


def test_of_a_file_that_nobody_refreshes_nothing_is_concluded(
    there: dict[str, NumberList],
) -> None:
    assert unallocated(normalise("2025570123"), there, NOW + 60 * DAY) == ""
    assert unallocated(normalise("2025570123"), {}, NOW) == ""


def test_the_word_has_the_code_as_its_evidence(there: dict[str, NumberList]) -> None:
    call = Call(caller=normalise("2025570123"), called=normalise("2025570199"))
    for field in ("caller", "called"):
        test = compile_value(field, "unallocated").test
        assert test(call, there, NOW) == "unallocated (+1202557)"
        assert test(call, {}, NOW) == ""


def test_who_fetches_only_what_is_looked_up_gets_the_same_answer(
    there: dict[str, NumberList],
) -> None:
    numbers = NumberList(OFFICE_CODES)
    for number in ("2025550123", "2025570123"):
        for asked in entries_asked(normalise(number)):
            if entry := there[OFFICE_CODES].contains(asked, NOW):
                numbers.add(parse_entry(entry))
    some = {OFFICE_CODES: numbers}
    assert unallocated(normalise("2025550123"), some, NOW) == ""
    assert unallocated(normalise("2025570123"), some, NOW) == "+1202557"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"NPA-NXX", b"NPANXX", "NPA-NXX in column 2, found 'NPANXX'"),
        (b"\tFile Updated 03/01/2026", b"", "'File Updated' and a date in column 12, found ''"),
        (b"File Updated 03/01/2026", b"File Updated", "found 'File Updated'"),
        (b"\t202-556", b"\t202-056", "line 3: expected 202-555, found '202-056'"),
        (b"\t202-556\t", b"\t202-556\n", "line 3: expected 11 cells, found 2"),
        (b"State\t", b"State,", "State in column 1"),
    ],
)
def test_a_changed_file_is_refused(file: File, ask: Ask, old: bytes, new: bytes, said: str) -> None:
    text = file("office_codes.txt").read()
    assert old in text
    with pytest.raises(FeedRefused) as refused:
        office_codes.plan(file(text.replace(old, new)), ask())
    assert said in str(refused.value)
