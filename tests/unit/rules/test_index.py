"""The index finds few rules out of many, and all that matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ringfence.lists import NumberList, parse_entry
from ringfence.rules import RuleBook, compile_rules

Make = Callable[..., Any]


def found_in(book: RuleBook, call: Any, lists: dict[str, NumberList] | None = None) -> list[str]:
    return [each.rule.id for each in book.lookup.candidates(call, lists or {}, 0.0)]


def test_a_call_meets_only_the_rules_that_can_concern_it(rule: Make, call: Make) -> None:
    rules = [rule(f"n{n}", when={"caller": f"+1301555{n:04d}"}) for n in range(500)]
    rules += [rule(f"p{n}", when={"called": f"+1703{n:03d}*"}) for n in range(500)]
    rules += [rule(f"t{n}", when={"trunk": f"carrier-{n}"}) for n in range(500)]
    book = compile_rules(rules)
    seen = call("3015550007", "7030425555", trunk="carrier-9")
    found = found_in(book, seen)
    assert found == ["n7", "p42", "t9"]
    assert found_in(book, call()) == []


def test_a_rule_that_nothing_finds_is_always_looked_at(rule: Make, call: Make) -> None:
    rules = [
        rule("a", when={"caller": ["!+1202*", "!@good"]}),
        rule("b", when={"trunk": "carrier-*"}),
        rule("c", when={"source_ip": "192.0.2.0/24"}),
        rule("d"),
        rule("e", when={"trunk": ["carrier-a", "gw-*"]}),
    ]
    book = compile_rules(rules)
    assert found_in(book, call("anonymous")) == ["a", "b", "c", "d", "e"]


def test_a_rule_hangs_on_a_field_with_values_that_can_be_found(rule: Make, call: Make) -> None:
    book = compile_rules([rule(when={"caller": "!+1202*", "called": "+1900*"})])
    assert found_in(book, call(called="9005550100")) == ["r"]
    assert found_in(book, call(called="3015550100")) == []


def test_a_withheld_number_is_found_as_anonymous_and_by_itself(rule: Make, call: Make) -> None:
    book = compile_rules(
        [
            rule("n", when={"caller": "+12025550100"}),
            rule("w", when={"caller": "anonymous"}),
            rule("x", when={"caller": "+1303*"}),
        ]
    )
    shown = call("2025550100")
    withheld = msgspec.structs.replace(shown, caller=shown.caller._replace(anonymous=True))
    assert found_in(book, shown) == ["n"]
    assert found_in(book, withheld) == ["n", "w"]


def test_a_rule_found_in_several_ways_is_looked_at_once(rule: Make, call: Make) -> None:
    values = ["+12025550100", "+1202*", "+1*", "+12025550000-+12025559999", "@a", "@b"]
    lists = {name: NumberList(name) for name in "ab"}
    for numbers in lists.values():
        numbers.add(parse_entry("+1202*"))
    book = compile_rules([rule(when={"caller": values})])
    assert found_in(book, call("2025550100"), lists) == ["r"]


def test_a_short_range_within_a_long_one_hides_nothing(rule: Make, call: Make) -> None:
    rules = [
        rule("long", when={"caller": "+12020000000-+12029999999"}),
        rule("short", when={"caller": "+12025550000-+12025550009"}),
        rule("later", when={"caller": "+12025550100-+12025550199"}),
        rule("same", when={"caller": "+12020000000-+12029999999"}),
    ]
    book = compile_rules(rules)

    def found(caller: str) -> list[str]:
        return found_in(book, call(caller))

    assert found("2025550150") == ["later", "long", "same"]
    assert found("2025550005") == ["long", "same", "short"]
    assert found("2029999999") == ["long", "same"]
    assert found("2030000000") == []
