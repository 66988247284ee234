"""One value of one field against one call."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ringfence.call import Call
from ringfence.lists import NumberList, parse_entry
from ringfence.rules.match import compile_value

Make = Callable[..., Call]
NOTHING: dict[str, NumberList] = {}


@pytest.mark.parametrize("field", ["caller", "called"])
@pytest.mark.parametrize(
    ("value", "number", "evidence"),
    [
        ("+12025550123", "2025550123", "+12025550123"),
        ("12025550123", "+12025550123", "+12025550123"),
        ("+12025550123", "2025550124", ""),
        ("+1900*", "9005550100", "+1900*"),
        ("1900*", "9005550100", "+1900*"),
        ("+1900*", "8005550100", ""),
        ("+1*", "anonymous", ""),
        ("+12025550100-+12025550199", "2025550150", "+12025550100-+12025550199"),
        ("+12025550100-+12025550199", "2025550200", ""),
        ("+12025550100-+12025550199", "anonymous", ""),
        ("anonymous", "", "anonymous"),
        ("anonymous", "Unknown", "anonymous"),
        ("anonymous", "2025550123", ""),
        ("anonymous", "alice", ""),
        ("611", "611", "611"),
        ("611", "+611", "611"),
        ("611", "6115550123", ""),
        ("*67", "*67", "*67"),
    ],
)
def test_a_number_is_held_against_a_value(
    call: Make, field: str, value: str, number: str, evidence: str
) -> None:
    assert compile_value(field, value).test(call(**{field: number}), NOTHING, 0.0) == evidence


def test_a_list_that_does_not_exist_matches_nobody(call: Make) -> None:
    assert compile_value("caller", "@scammers").test(call(), NOTHING, 0.0) == ""


def test_a_lists_entry_is_the_evidence_until_it_runs_out(call: Make) -> None:
    numbers = NumberList("scammers")
    numbers.add(parse_entry("+1202*"), 10.0)
    test = compile_value("caller", "@scammers").test
    assert test(call(), {"scammers": numbers}, 9.0) == "@scammers (+1202*)"
    assert test(call(), {"scammers": numbers}, 10.0) == ""


@pytest.mark.parametrize(
    ("value", "trunk", "matches"),
    [
        ("carrier-a", "carrier-a", True),
        ("carrier-a", "Carrier-A", False),
        ("carrier-a", "carrier-ab", False),
        ("carrier-a", "", False),
        ("carrier-*", "carrier-a", True),
        ("carrier-*", "carrier-", True),
        ("carrier-*", "xcarrier-a", False),
        ("*", "", True),
        ("**", "anything", True),
        ("*-b", "carrier-a-b", True),
        ("*-b", "carrier-b-a", False),
        ("c*r*a", "carrier-a", True),
        ("c*r*ra", "carrier-ra", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab*ab*", "abxab", True),
        ("*ab*ab*", "abab", True),
        ("*ab*ab*", "aab", False),
        ("a.b*", "axb", False),
    ],
)
def test_a_trunks_name_is_compared_letter_by_letter_with_stars(
    call: Make, value: str, trunk: str, matches: bool
) -> None:
    assert bool(compile_value("trunk", value).test(call(trunk=trunk), NOTHING, 0.0)) is matches


def test_no_pattern_of_stars_makes_a_call_wait(call: Make) -> None:
    test = compile_value("trunk", "*a" * 39 + "*b").test
    began = time.process_time()
    assert not test(call(trunk="a" * 250), NOTHING, 0.0)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    ("value", "address", "matches"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.0/24", "::ffff:192.0.2.7", True),
        ("192.0.2.0/24", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:DB8:0:0::1", True),
        ("2001:db8::/32", "192.0.2.7", False),
        ("::ffff:0:0/96", "::ffff:192.0.2.7", True),
        ("0.0.0.0/0", "", False),
        ("0.0.0.0/0", "carrier.example", False),
        ("0.0.0.0/0", "192.0.2.07", False),
    ],
)
def test_a_source_is_held_against_addresses_of_both_families(
    call: Make, value: str, address: str, matches: bool
) -> None:
    test = compile_value("source_ip", value).test
    assert bool(test(call(source_ip=address), NOTHING, 0.0)) is matches


@pytest.mark.parametrize("level", ["A", "B", "C", "none"])
def test_a_level_matches_itself_only(call: Make, level: str) -> None:
    test = compile_value("attestation", level).test
    matched = [each for each in ("A", "B", "C", "none") if test(call(level=each), NOTHING, 0.0)]
    assert matched == [level]


@pytest.mark.parametrize("result", ["passed", "failed", "none"])
def test_a_verification_matches_itself_only(call: Make, result: str) -> None:
    test = compile_value("verification", result).test
    results = ("passed", "failed", "none")
    assert [each for each in results if test(call(verification=each), NOTHING, 0.0)] == [result]


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("caller", "2025550123", r"\+12025550123"),
        ("caller", "Anonymous", "anonymous"),
        ("caller", "scammers", "@list"),
        ("caller", "@", "no list"),
        ("caller", "@a b", "no list"),
        ("caller", "@../x", "no list"),
        ("caller", "!+1900*", "not known"),
        ("called", "neighbor", "neighbour"),
        ("trunk", "carrier a", "endpoint"),
        ("trunk", "carrier-a\n", "endpoint"),
        ("trunk", "é", "endpoint"),
        ("trunk", "x" * 81, "endpoint"),
        ("source_ip", "192.0.2.1/24", "host bits"),
        ("source_ip", "192.0.2", "address or CIDR"),
        ("source_ip", "192.0.2.0/33", "address or CIDR"),
        ("source_ip", "carrier.example", "address or CIDR"),
        ("attestation", "a", "A, B, C, none"),
        ("attestation", "D", "A, B, C, none"),
        ("verification", "success", "passed, failed, none"),
    ],
)
def test_a_value_that_the_field_does_not_know_is_refused_with_what_it_takes(
    field: str, value: str, hint: str
) -> None:
    with pytest.raises(ValueError, match=hint) as refused:
        compile_value(field, value)
    assert "\n" not in str(refused.value)
