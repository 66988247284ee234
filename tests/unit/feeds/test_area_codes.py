"""NANPA's report of area codes, and what the word `invalid` makes of it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import IO

import pytest

from ringfence.feeds import area_codes
from ringfence.feeds.refused import FeedRefused
from ringfence.lists import NumberList, parse_entry
from ringfence.numbers import normalise
from ringfence.rules.conditions.numbering_lists import AREA_CODES, COMPLETE, flaw_of

from .conftest import NOW, Ask, Codes, entries

DAY = 86_400


def lists(found: dict[str, float], name: str = AREA_CODES) -> dict[str, NumberList]:
    numbers = NumberList(name)
    for text, until in found.items():
        numbers.add(parse_entry(text), until)
    return {name: numbers}


def test_assigned_codes_are_those_in_service_and_those_of_a_place_that_are_to_be(
    report: Codes, ask: Ask
) -> None:
    plan = area_codes.plan(report(("202", "800"), ("465",), ("822",)), ask())
    found = entries(plan, AREA_CODES)
    assert found.keys() == {"+1202*", "+1800*", "+1465*", COMPLETE.e164}
    assert found["+1202*"] == math.inf
    assert found[COMPLETE.e164] == 1767571200 + 400 * DAY
    assert (plan.rows, plan.dated, plan.notes) == (3, "2026-01-05", ())


def test_invalid_goes_by_the_report_where_there_is_one(report: Codes, ask: Ask) -> None:
    there = lists(entries(area_codes.plan(report(("202", "222")), ask()), AREA_CODES))
    assert flaw_of(normalise("2025550123"), there, NOW) == ""
    # what is installed does not know 222, and knows 212
    assert flaw_of(normalise("2225550123"), there, NOW) == ""
    assert flaw_of(normalise("2125550123"), there, NOW) == "no area code 212"
    assert flaw_of(normalise("2021550123"), there, NOW) == "no exchange 155"
    assert flaw_of(normalise("+4420794601"), there, NOW) == "wrong length"
    assert flaw_of(normalise("911"), there, NOW) == ""


def test_without_a_report_or_with_an_old_or_emptied_one_what_is_installed_counts(
    report: Codes, ask: Ask
) -> None:
    there = lists(entries(area_codes.plan(report(("202",)), ask()), AREA_CODES))
    for known, now in (({}, NOW), ({AREA_CODES: NumberList("x")}, NOW), (there, NOW + 400 * DAY)):
        assert flaw_of(normalise("2125550123"), known, now) == ""
        assert flaw_of(normalise("2225550123"), known, now) == "no area code 222"


def test_an_old_report_says_so(report: Codes, ask: Ask) -> None:
    plan = area_codes.plan(report(dated="01/05/2020"), ask())
    assert plan.notes == ("the report is of 2020-01-05: too old for `invalid` to go by it",)


def without(line: int) -> Callable[[bytes], bytes]:
    def change(text: bytes) -> bytes:
        lines = text.splitlines(keepends=True)
        return b"".join(lines[:line] + lines[line + 1 :])

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: b"", "found an empty file"),
        (lambda text: b"\r\n<!DOCTYPE html><html>", "found a web page"),
        (lambda text: b"PK\x03\x04" + text, "found a ZIP archive: unpack it first"),
        (lambda text: "\ufeffFile".encode("utf-16"), "found UTF-16"),
        (lambda text: b"File Date,soon\n" + text, "line 1: expected a date, found 'soon'"),
        (lambda text: text.replace(b"/2026", b"/2199", 1), "a date that has come, found 2199-"),
        (lambda text: text[30:], "to begin with File Date, found"),
        (
            lambda text: text.replace(b"ASSIGNED,ASSIGNMENT_DT", b"ASSIGNED,WHEN"),
            "with ASSIGNMENT_DT in column 7, found 'WHEN'",
        ),
        (lambda text: text.replace(b"_NOTES\r", b"_NOTES,NEW\r"), "found 33: 'NEW' is new"),
        (lambda text: text.replace(b",DIALING_PLAN_NOTES", b""), "found 31: no DIALING_PLAN"),
        (without(300), "found 799: the first that is missing is 498"),
        (lambda text: text[: len(text) // 2], "expected 32 cells, found"),
        (lambda text: text + b"999" + b"," * 31 + b"\n", "one area code more, found '999'"),
        (lambda text: text.replace(b"Yes", b"Maybe"), "Yes or No in ASSIGNED, found 'Maybe'"),
        (lambda text: text.replace(b"200,", b'200,"'), "cut off or no CSV"),
        (lambda text: text.replace(b"200,", b"200," + b"x" * 70_000), "longer than 65536 bytes"),
        (lambda text: text[:9_000] + b"\0" + text[9_000:], "found a zero byte"),
    ],
)
def test_a_report_that_is_not_as_expected_is_refused_in_one_line(
    report: Codes, ask: Ask, change: Callable[[bytes], bytes], said: str
) -> None:
    bad: IO[bytes] = io.BytesIO(change(report().read()))
    with pytest.raises(FeedRefused) as refused:
        area_codes.plan(bad, ask())
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
