"""Why a call gets its verdict, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ringfence.rules import compile_rules, explain

Make = Callable[..., Any]


def told(book: Any, call: Any, **how: Any) -> list[tuple[str, str, str]]:
    return [(step.rule, step.outcome, step.why) for step in explain(book, call, {}, 0.0, **how)]


def test_every_rule_says_what_became_of_it_and_why(rule: Make, call: Make) -> None:
    book = compile_rules(
        [
            rule("a", enabled=False),
            rule("b", expires_at="1969-07-20T20:17:00Z"),
            rule("c", when={"trunk": "carrier-b", "caller": "+1202*"}),
            rule("d", "block", mode="monitor"),
            rule("e", "flag", when={"caller": "+1202*"}),
            rule("f", "block", when={"caller": "!anonymous"}),
            rule("g", "allow"),
        ]
    )
    assert told(book, call(trunk="carrier-a")) == [
        ("a", "off", "disabled"),
        ("b", "expired", "on 1969-07-20 20:17 UTC"),
        ("c", "no match", "trunk"),
        ("d", "noted", "no conditions"),
        ("e", "noted", "caller +1202*"),
        ("f", "matched", "caller not excluded"),
        ("g", "not reached", ""),
    ]


def test_under_a_general_monitor_every_rule_is_only_noted(rule: Make, call: Make) -> None:
    book = compile_rules([rule("a"), rule("b", "allow")])
    assert [outcome for _, outcome, _ in told(book, call(), monitor=True)] == ["noted", "noted"]


def test_the_emergency_guard_is_told_first_and_no_rule_is_reached(rule: Make, call: Make) -> None:
    book = compile_rules([rule("a")])
    assert told(book, call(called="911")) == [
        ("(emergency)", "matched", "called 911"),
        ("a", "not reached", ""),
    ]
