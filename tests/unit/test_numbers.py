"""From what trunks write to E.164."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.numbers import (
    ANONYMOUS,
    DEFAULT_PLAN,
    MAX_TEXT,
    NumberPlan,
    _normalise,
    bare,
    normalise,
)

GB = NumberPlan(country="GB")


@pytest.mark.parametrize(
    "text",
    [
        "+12025550123",
        "12025550123",
        "2025550123",
        "0012025550123",
        "01112025550123",
        "+1-(202)-555-0123",
        "+1.202.555.0123",
        "202/555 0123",
        "202\u00a0555\u00a00123",
        "sip:+12025550123@carrier.example",
        "SIP:2025550123@carrier.example:5060;transport=udp",
        "sips:+12025550123@carrier.example",
        "tel:+1-202-555-0123",
        "tel:2025550123;phone-context=+1",
        "sip:2025550123;phone-context=+1@carrier.example;user=phone",
        "<sip:+12025550123@carrier.example>",
        '"Bank" <sip:+12025550123@carrier.example>;tag=1',
        "Bank <tel:+12025550123>",
        "+12025550123;npdi;rn=+13015550000",
        "<sip:+12025550123;verstat=TN-Validation-Passed@carrier.example>",
        '"+12025550123"',
        "  +12025550123  ",
        "2025550123#",
        "+12025550123#",
    ],
)
def test_every_way_to_write_a_number_means_the_same_number(text: str) -> None:
    number = normalise(text)
    assert number == ("+12025550123", 12025550123, "+12025550123", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anonymous",
        "Anonymous",
        "UNKNOWN",
        "unavailable",
        "private",
        "restricted",
        "blocked",
        "withheld",
        "+266696687",
        "266696687",
        "+2666966871",
        "sip:anonymous@anonymous.invalid",
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "   ",
        '""',
    ],
)
def test_every_way_to_withhold_a_number_is_anonymous(text: str) -> None:
    assert normalise(text) == ANONYMOUS


@pytest.mark.parametrize("name", ['"<sip:+15550000000@x>"', r'"a\" <sip:+15550000000@x>"'])
def test_a_name_that_holds_an_address_is_not_taken_for_the_address(name: str) -> None:
    assert normalise(f"{name} <sip:+12025550123@carrier.example>").e164 == "+12025550123"


@pytest.mark.parametrize(
    "text",
    [
        "anonymouse",
        "alice",
        "0",
        "0123456789012345678",
        "+0112025550123",
        "+",
        "++12025550123",
        "+1202555012a",
        "1" * 16,
        "+" + "9" * 16,
        "192.0.2.1",
        "٢٠٢٥٥٥٠١٢٣",
        "２０２５５５０１２３",
        "+1²025550123",
        "202555\x000123",
        "\ud800",
        "9" * 100_000,
    ],
)
def test_what_is_no_number_has_no_e164_and_a_bounded_text(text: str) -> None:
    number = normalise(text)
    assert (number.e164, number.key, number.anonymous) == ("", 0, False)
    assert len(number.text) <= 64


def test_an_impossible_north_american_number_keeps_its_form_so_that_rules_can_name_it() -> None:
    assert normalise("11234567890").e164 == "+11234567890"
    assert normalise("+10005550123").e164 == "+10005550123"


@pytest.mark.parametrize("plan", [DEFAULT_PLAN, GB, NumberPlan(country="DE")])
@pytest.mark.parametrize(
    ("text", "short"), [("911", "911"), ("+911", "911"), ("9-1-1", "911"), ("+988", "988")]
)
def test_a_short_code_is_no_number_and_its_text_has_no_plus(
    plan: NumberPlan, text: str, short: str
) -> None:
    assert normalise(text, plan) == ("", 0, short, False)


@pytest.mark.parametrize("code", ["110", "112", "119", "911", "933", "999", "000", "116117"])
def test_in_no_country_is_a_short_code_taken_for_a_subscriber(code: str) -> None:
    for country in phonenumbers.SUPPORTED_REGIONS:
        assert normalise(code, NumberPlan(country)).text == code, country


def test_a_national_number_is_read_with_the_country_of_its_trunk() -> None:
    assert normalise("02079460123", GB).e164 == "+442079460123"
    assert normalise("00442079460123", GB).e164 == "+442079460123"
    assert normalise("06 1234 5678", NumberPlan(country="IT")).e164 == "+390612345678"
    assert normalise("not a number", GB).e164 == ""
    assert normalise("02", GB).e164 == ""
    assert normalise("0" * 32, GB).e164 == ""


def test_a_trunk_may_send_e164_without_a_plus() -> None:
    plan = NumberPlan(international=("",))
    assert normalise("442079460123", plan).e164 == "+442079460123"


def test_the_first_international_prefix_that_fits_is_taken_off() -> None:
    plan = NumberPlan(country="AU", international=("0011",))
    assert normalise("001112025550123", plan).e164 == "+12025550123"


@pytest.mark.parametrize(
    ("strip", "text", "meant"),
    [
        ("9", "912025550123", "+12025550123"),
        ("9", "92025550123", "+12025550123"),
        ("9", "+912025550123", "+912025550123"),
        ("1234#", "1234#+12025550123", "+12025550123"),
        ("*77", "*7701112025550123", "+12025550123"),
        ("+99", "+9912025550123", "+12025550123"),
        ("9", "9911", "911"),
        ("9", "911#", "911"),
        ("9", "9911#", "911"),
        ("9", "9*67", "*67"),
        ("1234", "1234911", "911"),
    ],
)
def test_a_technical_prefix_is_taken_off_before_the_number_is_read(
    strip: str, text: str, meant: str
) -> None:
    assert normalise(text, NumberPlan(strip=strip)).text == meant


@pytest.mark.parametrize("strip", ["9", "91", "+9", "911", "1"])
@pytest.mark.parametrize("code", ["911", "112", "988"])
def test_a_technical_prefix_never_eats_a_short_code(strip: str, code: str) -> None:
    assert normalise(code, NumberPlan(strip=strip)).text == code


def test_what_is_cached_is_bounded() -> None:
    before = _normalise.cache_info().currsize
    normalise("+12025550123" + "x" * 5_000)
    normalise("+12025550123" + "x" * 50_000)
    assert _normalise.cache_info().currsize <= before + 1
    assert len(bare("y" * 50_000)) <= MAX_TEXT


@given(
    text=st.text(alphabet=st.characters(codec=None), max_size=40)
    | st.text("0123456789+*#<>\"';:@ ()-", max_size=24),
    country=st.sampled_from(["US", "CA", "GB", "DE", "XX"]),
    strip=st.sampled_from(["", "9", "+1", "00"]),
)
def test_nothing_that_a_stranger_sends_raises_or_gives_half_a_number(
    text: str, country: str, strip: str
) -> None:
    number = normalise(text, NumberPlan(country=country, strip=strip))
    assert bool(number.e164) == bool(number.key)
    if number.e164:
        assert number.e164 == f"+{number.key}" == number.text
        assert not number.anonymous


@given(digits=st.from_regex(r"[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True))
def test_reading_a_number_again_changes_nothing(digits: str) -> None:
    number = normalise(digits)
    if not number.anonymous:
        assert number.e164 == "+1" + digits
        assert normalise(number.text) == number


@settings(max_examples=40)
@given(
    st.from_regex(r"\+?[0-9]{1,18}", fullmatch=True),
    st.sampled_from([NumberPlan(), NumberPlan("GB", ("00",)), NumberPlan(strip="9"),
                     NumberPlan(strip="+1"), NumberPlan("US", (), "00")]),
)  # fmt: skip
def test_digits_mean_the_same_with_and_without_dress(digits: str, plan: NumberPlan) -> None:
    assert normalise(digits, plan) == normalise(f" <sip:{digits}@192.0.2.1> ", plan)
