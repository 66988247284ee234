"""What a rule wants counted, and under which key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ringfence.rules import compile_rules
from ringfence.rules.velocity import Counter

Make = Callable[..., Any]


def counter(rule: Make, **when: Any) -> Counter:
    (compiled,) = compile_rules([rule("r", "block", when=when)]).rules
    (only,) = compiled.counters
    return only


@pytest.mark.parametrize(
    ("per", "key"),
    [
        ("caller", "r:rate:+12025550100"),
        ("called", "r:rate:+13015550199"),
        ("trunk", "r:rate:carrier-a"),
        ("source_ip", "r:rate:192.0.2.7"),
        (["trunk", "caller"], "r:rate:carrier-a|+12025550100"),
    ],
)
def test_calls_are_counted_by_what_they_have_in_common(
    rule: Make, call: Make, per: Any, key: str
) -> None:
    made = counter(rule, rate={"per": per, "over": "2m", "at_least": 3})
    demand = made.demand(call(trunk="carrier-a", source_ip="192.0.2.7"))
    assert demand == (key, "", 120, 3)


def test_a_spread_counts_what_is_different(rule: Make, call: Make) -> None:
    made = counter(rule, spread={"of": "called", "per": "trunk", "over": "1h", "at_least": 9})
    assert made.demand(call(trunk="a")) == ("r:spread:a", "+13015550199", 3600, 9)
    assert made.text == "9 called in 1h per trunk"


@pytest.mark.parametrize("caller", ["anonymous", "", "alice", "611"])
def test_who_calls_from_no_number_is_not_counted_as_one_caller(
    rule: Make, call: Make, caller: str
) -> None:
    made = counter(rule, rate={"per": "caller", "over": "60s", "at_least": 3})
    assert made.demand(call(caller)) is None
    assert made.evidence(call(caller), {"r:rate:": 99}) == ""


def test_a_strangers_text_in_a_key_is_bounded(rule: Make, call: Make) -> None:
    made = counter(rule, rate={"per": "called", "over": "60s", "at_least": 3})
    demand = made.demand(call(called="x" * 500))
    assert demand
    assert len(demand.key) <= len("r:rate:") + 64


def test_a_count_is_evidence_from_its_number_on(rule: Make, call: Make) -> None:
    made = counter(rule, rate={"per": "caller", "over": "60s", "at_least": 3})
    key = "r:rate:+12025550100"
    assert [made.evidence(call(), {key: n}) for n in (2, 3, 4)] == [
        *("", "rate 3 in 1m per caller", "rate 3 in 1m per caller"),
    ]
