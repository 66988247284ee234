"""Rules become one book."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from ringfence.call import Call
from ringfence.rules import Rule, RuleRefused, compile_rules, decode_rule
from ringfence.rules.compile import compile_rule


def test_rules_are_in_order_of_priority_and_then_of_id(rule: Callable[..., Rule]) -> None:
    rules = [rule("b"), rule("a", priority=200), rule("a2"), rule("B"), rule("z", priority=0)]
    assert [each.rule.id for each in compile_rules(rules).rules] == ["z", "B", "a2", "b", "a"]


def test_rules_that_are_compiled_already_are_taken_as_they_are(rule: Callable[..., Rule]) -> None:
    ready = compile_rule(rule())
    assert compile_rules([ready]).rules[0] is ready


@pytest.mark.parametrize(
    ("when", "named"),
    [
        ({"caller": ["+1900*", "nobody"]}, "when.caller: 'nobody'"),
        ({"caller": "!!+1900*"}, r"when.caller: '!\+1900\*'"),
        ({"caller": "!"}, "when.caller: ''"),
        ({"called": "!~(x"}, "when.called"),
        ({"called": "!emergency"}, "when.called: an emergency call"),
        ({"country": ["US", "UK"]}, "when.country: 'UK'"),
        ({"caller_name": "!"}, "when.caller_name: nothing"),
        ({"user_agent": "~a(?=b)"}, "when.user_agent"),
        ({"provider": "!"}, "when.provider: nothing"),
        ({"origid": "a b"}, "when.origid"),
        ({"schedule": {"days": "mon", "timezone": "Mars"}}, "when.schedule: 'Mars'"),
        ({"source_ip": "!x"}, "when.source_ip"),
        ({"attestation": ["A", "!E"]}, "when.attestation"),
    ],
)
def test_a_rule_with_a_value_that_is_none_is_refused_by_its_name_and_fields(
    rule: Callable[..., Rule], when: dict[str, str], named: str
) -> None:
    with pytest.raises(RuleRefused, match=named) as refused:
        compile_rule(rule("odd", when=when))
    assert refused.value.rule_id == "odd"


def test_the_lists_that_rules_name_are_known_also_the_excluded_ones(
    rule: Callable[..., Rule],
) -> None:
    book = compile_rules(
        [rule("a", when={"caller": ["@bad", "!@good"]}), rule("b", when={"called": "own"})]
    )
    assert book.list_names == {"bad", "good", "own"}


@pytest.mark.parametrize(
    ("expires", "ends"),
    [
        ("2027-01-31T00:00:00Z", 1801353600.0),
        ("2027-01-31T00:00:00-05:00", 1801371600.0),
        ("9999-12-31T23:59:59-23:59", 253402387139.0),
        ("0001-01-01T00:00:00+23:59", -62135683140.0),
    ],
)
def test_a_rule_is_in_force_until_its_expiry(expires: str, ends: float) -> None:
    ready = compile_rule(decode_rule("r", f'{{"action":"block","expires_at":"{expires}"}}'))
    assert ready.expires == ends
    assert ready.in_force(ends - 1)
    assert not ready.in_force(ends)


def test_a_rule_without_expiry_is_in_force_for_ever_unless_switched_off(
    rule: Callable[..., Rule],
) -> None:
    assert compile_rule(rule()).in_force(math.inf) is False
    assert compile_rule(rule()).in_force(1e15)
    assert not compile_rule(rule(enabled=False)).in_force(0.0)


def test_a_rule_without_conditions_matches_every_call(
    rule: Callable[..., Rule], call: Callable[..., Call]
) -> None:
    assert compile_rule(rule()).test(call(), {}, 0.0) == ()


def test_any_value_of_a_field_and_all_fields_must_match(
    rule: Callable[..., Rule], call: Callable[..., Call]
) -> None:
    when = {"caller": ["+1900*", "+1202*"], "trunk": "carrier-a"}
    ready = compile_rule(rule(when=when))
    assert ready.test(call(trunk="carrier-a"), {}, 0.0) == ("caller +1202*", "trunk carrier-a")
    assert ready.test(call(trunk="carrier-b"), {}, 0.0) is None
    assert ready.test(call("3015550100", trunk="carrier-a"), {}, 0.0) is None


def test_an_excluded_value_outweighs_any_wanted_one(
    rule: Callable[..., Rule], call: Callable[..., Call]
) -> None:
    ready = compile_rule(rule(when={"caller": ["+1202*", "!+12025550100"]}))
    assert ready.test(call("2025550100"), {}, 0.0) is None
    assert ready.test(call("2025550101"), {}, 0.0) == ("caller +1202*",)


def test_a_field_that_only_excludes_matches_everything_else(
    rule: Callable[..., Rule], call: Callable[..., Call]
) -> None:
    ready = compile_rule(rule(when={"caller": ["!+1202*", "!anonymous"]}))
    assert ready.test(call("3015550100"), {}, 0.0) == ("caller not excluded",)
    assert ready.test(call("2025550100"), {}, 0.0) is None
    assert ready.test(call("anonymous"), {}, 0.0) is None
    assert ready.test(call("alice"), {}, 0.0) is not None
