"""What is compared letter by letter, and patterns that cannot stall a call."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.attestation import Attestation
from ringfence.call import Call, CallAttempt, parse_facts
from ringfence.rules.conditions.pattern import compile_pattern
from ringfence.rules.match import compile_value
from ringfence.screening import call_of
from ringfence.trunk import DEFAULT_TRUNK

Make = Callable[..., Call]


@pytest.mark.parametrize("field", ["caller_name", "user_agent"])
@pytest.mark.parametrize(
    ("value", "given", "said"),
    [
        ("IRS OFFICE", "IRS OFFICE", "IRS OFFICE"),
        ("IRS OFFICE", "irs office", ""),
        ("IRS", "IRS OFFICE", ""),
        ("~IRS", "THE IRS OFFICE", "~IRS (THE IRS OFFICE)"),
        ("~^IRS", "THE IRS OFFICE", ""),
        ("~(?i)irs|refund", "Your Refund", "~(?i)irs|refund (Your Refund)"),
        ("~^$", "", "~^$ ()"),
        ("~^.{3}$", "Zoë", "~^.{3}$ (Zoë)"),
        ("~[^ -~]", "Zoë", "~[^ -~] (Zoë)"),
        ("~x", "y" * 128 + "x", ""),
        ("~x", "y" * 127 + "x", "~x (" + "y" * 64 + ")"),
        ("~x", "\ud800x", "~x (\ud800x)"),
    ],
)
def test_a_name_is_compared_as_written_or_searched_for_a_pattern(
    call: Make, field: str, value: str, given: str, said: str
) -> None:
    assert compile_value(field, value).test(call(**{field: given}), {}, 0.0) == said


def test_a_user_agent_is_the_header_that_the_dialplan_handed_on() -> None:
    attempt = parse_facts("caller=2025550100&h.User-Agent=friendly%2Dscanner")
    test = compile_value("user_agent", "~scanner").test
    assert test(call_of(attempt, DEFAULT_TRUNK), {}, 0.0) == "~scanner (friendly-scanner)"
    assert test(call_of(CallAttempt(), DEFAULT_TRUNK), {}, 0.0) == ""


@pytest.mark.parametrize(
    ("value", "provider", "said"),
    [
        ("acme", "acme", "acme"),
        ("acme", "acme-2", ""),
        ("acme*", "acme-2", "acme* (acme-2)"),
        ("*Tel*", "Best Tel Inc.", "*Tel* (Best Tel Inc.)"),
        ("*Tel*", "", ""),
    ],
)
def test_a_provider_is_compared_letter_by_letter_with_stars(
    call: Make, value: str, provider: str, said: str
) -> None:
    assert compile_value("provider", value).test(call(provider=provider), {}, 0.0) == said


def test_an_origid_is_compared_whatever_its_case(call: Make) -> None:
    origid = "123e4567-e89b-12d3-a456-426614174000"
    signed = msgspec.structs.replace(call(), attestation=Attestation(origid=origid))
    test = compile_value("origid", origid.upper()).test
    assert test(signed, {}, 0.0) == origid.upper()
    assert test(call(), {}, 0.0) == ""


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("(?=a)", "perl operator"),
        (r"(a)\1", "invalid escape"),
        ("a(", "missing \\)"),
        ("[z-a]", "range"),
        ("*a", "no argument"),
        ("a{2000}", "repetition size"),
        ("((a{30}){30}){30}", "repetition size"),
        ("(a?){999}b", "too large"),
        (r"\pL{50}", "too large"),
        ("\ud800", "no pattern"),
        ("\n(", "no pattern"),
    ],
)
def test_a_bad_pattern_is_refused_by_name_and_in_one_line(pattern: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint) as refused:
        compile_value("caller_name", f"~{pattern}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("field", ["caller", "called", "caller_name", "user_agent"])
def test_a_pattern_must_say_something(field: str) -> None:
    with pytest.raises(ValueError, match="followed by a pattern"):
        compile_value(field, "~")


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "(.*)(.*)(.*)(.*)(.*)x", "(a?){450}b", ".*a.{20}b.*a.{20}c"]
)
def test_no_pattern_and_name_together_make_a_call_wait(pattern: str) -> None:
    found = compile_pattern(pattern, 128)
    began = time.process_time()
    for text in ("a" * 128, "ab" * 64, "\U0001d49c" * 128, "a" * 100_000 + "!"):
        found(text)
    assert time.process_time() - began < 1.0


@given(st.text(max_size=40), st.text(max_size=200))
def test_any_text_is_a_pattern_or_refused_and_any_name_can_be_searched(
    pattern: str, name: str
) -> None:
    said = ""
    try:
        assert compile_pattern(pattern, 128)(name) in (True, False)
    except ValueError as error:
        said = str(error)
    assert said.isprintable()
