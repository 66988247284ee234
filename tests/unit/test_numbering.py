"""What the numbering plans say of a number."""

from __future__ import annotations

import pytest

from ringfence.numbering import area, area_codes, standing
from ringfence.numbers import normalise


@pytest.mark.parametrize(
    ("number", "flaw"),
    [
        ("2025550123", ""),
        ("+18885550123", ""),
        ("8888888888", ""),
        ("0000000000", "no such country code"),
        ("1111111111", "no area code 111"),
        ("+11111111111", "no area code 111"),
        ("2222222222", "no area code 222"),
        ("+10125550123", "no area code 012"),
        ("9115550123", "no area code 911"),
        ("4115550123", "no area code 411"),
        ("2021550123", "no exchange 155"),
        ("2020550123", "no exchange 055"),
        ("2024110123", "no exchange 411"),
        ("8009110123", "no exchange 911"),
        ("+1202555012", "wrong length"),
        ("+120255501234", "wrong length"),
        ("202555012", "wrong length"),
        ("5550123", "wrong length"),
        ("2025550123456789", "wrong length"),
        ("+442079460123", ""),
        ("+4420794601", "wrong length"),
        ("+44207946012345", "wrong length"),
        ("+390612345678", ""),
        ("+80012345678", ""),
        ("+999123456789", "no such country code"),
        ("+0123456789", "no such country code"),
    ],
)
def test_a_number_that_nobody_can_have_is_told_with_its_flaw(number: str, flaw: str) -> None:
    assert standing(normalise(number)).flaw == flaw


@pytest.mark.parametrize("text", ["", "anonymous", "911", "611", "*67", "1001", "116117", "alice"])
def test_what_is_no_full_number_has_no_flaw_as_one(text: str) -> None:
    assert standing(normalise(text)) == ("", "", False)


def test_area_codes_in_service_that_phonenumbers_does_not_know_are_real() -> None:
    for code in ("357", "436", "457", "621", "624", "679", "729", "837", "861", "924"):
        assert standing(normalise(f"+1{code}5550123")).flaw == ""


def test_the_governments_emergency_service_is_never_taken_for_a_forged_number() -> None:
    assert standing(normalise("7106274387")).flaw == ""


def test_there_are_as_many_area_codes_as_the_plan_has_and_none_is_a_service_code() -> None:
    codes = area_codes()
    assert 450 < len(codes) < 550
    assert not {f"{n}11" for n in range(2, 10)} & codes.keys()
    assert {"US", "CA", "JM", "PR", "DO", "BS"} <= set(codes.values())


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("2025550123", "US"),
        ("6475550123", "CA"),
        ("8765550123", "JM"),
        ("+18095550123", "DO"),
        ("+17875550123", "PR"),
        ("+18005550123", "US"),
        ("+12225550123", ""),
        ("+442079460123", "GB"),
        ("+441481712345", "GG"),
        ("+440000000000", "GB"),
        ("+77012345678", "KZ"),
        ("+79161234567", "RU"),
        ("+2348031234567", "NG"),
        ("+80012345678", ""),
        ("+870123456789", ""),
        ("911", ""),
        ("anonymous", ""),
    ],
)
def test_a_country_is_told_also_where_several_share_a_code(number: str, country: str) -> None:
    assert standing(normalise(number)).country == country


@pytest.mark.parametrize(
    ("number", "tollfree"),
    [
        *((f"{code}5550123", True) for code in (800, 833, 844, 855, 866, 877, 888)),
        ("8225550123", False),
        ("8995550123", False),
        ("9005550123", False),
        ("+448001234567", True),
        ("+80012345678", True),
        ("+442079460123", False),
    ],
)
def test_a_number_that_costs_its_caller_nothing_is_told(number: str, tollfree: bool) -> None:
    assert standing(normalise(number)).tollfree is tollfree


@pytest.mark.parametrize(
    ("number", "near"),
    [
        ("2025550123", "+1202555"),
        ("+120255501234", ""),
        ("+442079460123", ""),
        ("5550123", ""),
        ("anonymous", ""),
    ],
)
def test_only_numbers_of_the_nanp_have_an_exchange(number: str, near: str) -> None:
    assert area(normalise(number)) == near
