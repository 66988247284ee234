"""A book that is changed rule by rule is the same as one made anew, and the old one stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.call import Call
from ringfence.lists import NumberList, parse_entry
from ringfence.numbers import normalise
from ringfence.rules import EMPTY_BOOK, RuleBook, compile_rules, decode_rule, evaluate, explain
from ringfence.rules.compile import CompiledRule, compile_rule
from ringfence.verdict import Verdict

Make = Callable[..., Any]

CALLERS = [
    *("+12025550123", "+12025550199", "+13015550100", "+442079460123", "911", "anonymous"),
]
VALUES = [
    *("+12025550123", "+1202*", "+1*", "+12025550100-+12025550199", "+12025550123-+12025550123"),
    *(
        "+12025550000-+12025559999",
        "+12025550150-+13015550100",
        "911",
        "anonymous",
        "@a",
        "!+1202*",
    ),
]
WHENS = st.fixed_dictionaries(
    {},
    optional={
        "caller": st.lists(st.sampled_from(VALUES), min_size=1, max_size=3),
        "called": st.sampled_from(VALUES),
        "trunk": st.sampled_from(["carrier-a", "carrier-b", "carrier-*"]),
    },
)
RULES = st.fixed_dictionaries(
    {
        "priority": st.sampled_from([1, 2]),
        "action": st.sampled_from(["allow", "block", "flag"]),
        "when": WHENS,
    }
)
IDS = st.sampled_from(["r1", "r2", "r3", "r4", "r5", "r6"])
STEPS = st.lists(st.dictionaries(IDS, st.none() | RULES, max_size=3), max_size=12)
CALLS = [
    Call(caller=normalise(caller), called=normalise(called), trunk=trunk)
    for caller in CALLERS
    for called in ("+12025550150", "+442079460123")
    for trunk in ("carrier-a", "")
]
LISTS = {"a": NumberList("a")}
LISTS["a"].add(parse_entry("+1301*"))


def said(book: RuleBook) -> list[tuple[Verdict, list[Any]]]:
    return [(evaluate(book, c, LISTS, 0.0), explain(book, c, LISTS, 0.0)) for c in CALLS]


def after(
    book: RuleBook, held: dict[str, CompiledRule], step: dict[str, dict[str, Any] | None]
) -> RuleBook:
    gone = [held.pop(id) for id in step if id in held]
    new = [compile_rule(decode_rule(id, json.dumps(rule))) for id, rule in step.items() if rule]
    held.update({rule.rule.id: rule for rule in new})
    return book.changed(gone, new)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_a_changed_book_says_what_one_made_anew_says(
    steps: list[dict[str, dict[str, Any] | None]],
) -> None:
    book, held = EMPTY_BOOK, dict[str, CompiledRule]()
    for step in steps:
        book = after(book, held, step)
        fresh = compile_rules(held.values())
        assert book.rules == fresh.rules
        assert book.list_names == fresh.list_names
        assert said(book) == said(fresh)
        for call in CALLS:
            found = book.lookup.candidates(call, LISTS, 0.0)
            assert [*found] == [*fresh.lookup.candidates(call, LISTS, 0.0)]
            missed = [rule for rule in book.rules if rule not in found]
            assert not any(rule.test(call, LISTS, 0.0) is not None for rule in missed)


@settings(max_examples=40, deadline=None)
@given(first=STEPS, then=STEPS)
def test_a_book_that_was_handed_out_stays_as_it_was(
    first: list[dict[str, dict[str, Any] | None]], then: list[dict[str, dict[str, Any] | None]]
) -> None:
    book, held = EMPTY_BOOK, dict[str, CompiledRule]()
    for step in first:
        book = after(book, held, step)
    before = said(book)
    newer = book
    for step in then:
        newer = after(newer, held, step)
    assert said(book) == before


def test_of_rules_with_one_id_the_last_one_counts(rule: Make) -> None:
    book = compile_rules([rule("a", "block"), rule("a", "allow", priority=7)])
    assert [(each.rule.action, each.rule.priority) for each in book.rules] == [("allow", 7)]


def test_nothing_of_a_rule_is_left_once_it_is_gone(rule: Make) -> None:
    rules = [compile_rule(rule(f"r{n}", when={"caller": value})) for n, value in enumerate(VALUES)]
    book = compile_rules(rules).changed(rules, ())
    assert book.rules == ()
    assert all(not book.lookup.candidates(call, LISTS, 0.0) for call in CALLS)
