"""The words that `caller` and `called` take, and patterns and countries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ringfence.call import Call
from ringfence.lists import NumberList, parse_entry
from ringfence.rules.match import compile_value

Make = Callable[..., Call]


def evidence(field: str, value: str, call: Call, lists: dict[str, NumberList] | None = None) -> str:
    return compile_value(field, value).test(call, lists or {}, 0.0)


@pytest.mark.parametrize("field", ["caller", "called"])
def test_a_number_that_cannot_exist_is_invalid_and_the_evidence_says_why(
    call: Make, field: str
) -> None:
    assert evidence(field, "invalid", call(**{field: "2225550123"})) == (
        "invalid (no area code 222)"
    )
    for number in ("2025550123", "911", "anonymous", "alice"):
        assert evidence(field, "invalid", call(**{field: number})) == ""


@pytest.mark.parametrize("field", ["caller", "called"])
@pytest.mark.parametrize(
    ("caller", "called", "said"),
    [
        ("2025550100", "2025550199", "neighbour (+1202555)"),
        ("2025550100", "2025550100", "neighbour (+1202555)"),
        ("2025550100", "2025560100", ""),
        ("2025550100", "2035550100", ""),
        ("+442079460100", "+442079460199", ""),
        ("anonymous", "anonymous", ""),
        ("5550100", "5550199", ""),
    ],
)
def test_neighbours_share_area_code_and_exchange(
    call: Make, field: str, caller: str, called: str, said: str
) -> None:
    assert evidence(field, "neighbour", call(caller, called)) == said


@pytest.mark.parametrize("field", ["caller", "called"])
@pytest.mark.parametrize(
    ("caller", "called", "said"),
    [
        ("2025550100", "+12025550100", "same (+12025550100)"),
        ("611", "+611", "same (611)"),
        ("2025550100", "2025550101", ""),
        ("611", "711", ""),
        ("611", "2025550100", ""),
        ("", "", ""),
        ("anonymous", "anonymous", ""),
    ],
)
def test_a_caller_that_is_the_called_number_is_the_same_and_two_unknown_ones_are_not(
    call: Make, field: str, caller: str, called: str, said: str
) -> None:
    assert evidence(field, "same", call(caller, called)) == said


def test_own_numbers_are_those_of_the_list_own(call: Make) -> None:
    own = NumberList("own")
    own.add(parse_entry("+1202555*"), 10.0)
    test = compile_value("caller", "own").test
    assert test(call("2025550100"), {"own": own}, 9.0) == "own (+1202555*)"
    assert test(call("2025550100"), {"own": own}, 10.0) == ""
    assert test(call("2025550100"), {}, 9.0) == ""


def test_toll_free_numbers_are_told(call: Make) -> None:
    assert evidence("caller", "tollfree", call("8335550100")) == "tollfree"
    assert evidence("called", "tollfree", call("8335550100")) == ""


def test_an_emergency_number_as_caller_is_known_by_the_guards_own_numbers(call: Make) -> None:
    own = NumberList("emergency")
    own.add(parse_entry("+12025550911"))
    assert evidence("caller", "emergency", call("911")) == "emergency (911)"
    assert evidence("caller", "emergency", call("112")) == "emergency (112)"
    assert evidence("caller", "emergency", call("2025550911"), {"emergency": own}) == (
        "emergency (@emergency (+12025550911))"
    )
    assert evidence("caller", "emergency", call("2025550911")) == ""


def test_a_rule_about_emergency_calls_is_refused_as_none_is_ever_asked() -> None:
    with pytest.raises(ValueError, match="before any rule is asked"):
        compile_value("called", "emergency")


@pytest.mark.parametrize("field", ["caller", "called"])
@pytest.mark.parametrize(
    ("value", "number", "said"),
    [
        (r"~^\+1(900|976)", "9005550100", r"~^\+1(900|976) (+19005550100)"),
        (r"~^\+1(900|976)", "8005550100", ""),
        ("~(01){2}", "2025550101", "~(01){2} (+12025550101)"),
        ("~^[^+]", "1001", "~^[^+] (1001)"),
        ("~^[^+]", "alice", "~^[^+] (alice)"),
        ("~^[^+]", "anonymous", "~^[^+] (anonymous)"),
        ("~^[^+]", "2025550100", ""),
        ("~(?i)ALICE", "alice", "~(?i)ALICE (alice)"),
    ],
)
def test_a_pattern_is_found_in_the_number_as_records_have_it(
    call: Make, field: str, value: str, number: str, said: str
) -> None:
    assert evidence(field, value, call(**{field: number})) == said


def test_a_country_is_the_callers(call: Make) -> None:
    assert evidence("country", "NG", call("+2348031234567", "2025550100")) == "NG"
    assert evidence("country", "ng", call("+2348031234567")) == "NG"
    assert evidence("country", "NG", call("2025550100", "+2348031234567")) == ""
    assert evidence("country", "US", call("6475550100")) == ""
    assert evidence("country", "US", call("anonymous")) == ""


@pytest.mark.parametrize("value", ["", "U", "UK", "USA", "001", "ÜS"])
def test_a_country_is_an_iso_code(value: str) -> None:
    with pytest.raises(ValueError, match="ISO code"):
        compile_value("country", value)
