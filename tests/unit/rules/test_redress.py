"""What a released number gets past, and what it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ringfence.call import Call
from ringfence.lists import NumberList, parse_entry
from ringfence.rules import Rule, compile_rules, evaluate
from ringfence.rules.callee_book import EMPTY_CALLEES, CalleeBook, compile_callees
from ringfence.rules.callees import Callee
from ringfence.rules.explain import explain
from ringfence.thresholds import Thresholds
from ringfence.verdict import Action, Basis, Reason, Verdict

NUMBER, OTHER, OWN = "+12025550142", "+12025550143", "+13015550199"
DUTIES = (
    *("dno-subscriber", "dno-invalid", "dno-unallocated", "dno-unused"),
    *("provider-notice", "provider-order", "rmd"),
)


def released(*numbers: str) -> dict[str, NumberList]:
    found = NumberList("redress")
    for number in numbers:
        found.add(parse_entry(number))
    return {"redress": found}


def judged(
    call: Call, *rules: Rule, callees: CalleeBook = EMPTY_CALLEES, block_at: int | None = None
) -> Verdict:
    lists = released(NUMBER)
    return evaluate(
        compile_rules(rules),
        call,
        lists,
        0.0,
        choice=callees.choice(call, lists, 0.0),
        thresholds=Thresholds(block_at=block_at),
    )


@pytest.mark.parametrize("basis", ["analytics", "policy", "identity"])
def test_a_released_number_gets_past_what_had_blocked_it(
    call: Callable[..., Call], rule: Callable[..., Rule], basis: str
) -> None:
    verdict = judged(call(NUMBER), rule(basis=basis))
    assert (verdict.action, verdict.reason) == (Action.ALLOW, Reason.REDRESS)
    assert verdict.matched == (f"caller @redress ({NUMBER})",)
    assert judged(call(OTHER), rule(basis=basis)).action is Action.BLOCK


@pytest.mark.parametrize("basis", DUTIES)
def test_a_duty_holds_for_a_released_number(
    call: Callable[..., Call], rule: Callable[..., Rule], basis: str
) -> None:
    verdict = judged(call(NUMBER), rule("guess", basis="analytics"), rule("duty", basis=basis))
    assert (verdict.action, verdict.rule) == (Action.BLOCK, "duty")


def test_every_ground_is_either_lifted_or_not() -> None:
    assert set(Basis) == {*DUTIES, "subscriber", "analytics", "policy", "identity"}


def test_what_the_called_customer_wants_goes_before_redress(
    call: Callable[..., Call], rule: Callable[..., Rule]
) -> None:
    callees = compile_callees({OWN: Callee(block=NUMBER)})
    assert judged(call(NUMBER, OWN), callees=callees).reason is Reason.CALLEE
    assert judged(call(NUMBER), rule(basis="subscriber")).sip == 607
    allowing = compile_callees({OWN: Callee(allow=NUMBER)})
    verdict = judged(call(NUMBER, OWN), rule(basis="subscriber"), callees=allowing)
    assert (verdict.action, verdict.reason) == (Action.ALLOW, Reason.CALLEE)


def test_points_do_not_block_a_released_number(
    call: Callable[..., Call], rule: Callable[..., Rule]
) -> None:
    points = rule("points", "score", points=90, basis="subscriber")
    assert judged(call(NUMBER), points, block_at=60).action is Action.ALLOW
    assert judged(call(OTHER), points, block_at=60).action is Action.BLOCK


def test_check_says_that_a_dispute_let_the_number_through(
    call: Callable[..., Call], rule: Callable[..., Rule]
) -> None:
    lists, asked = released(NUMBER), call(NUMBER)
    choice = EMPTY_CALLEES.choice(asked, lists, 0.0)
    steps = explain(compile_rules([rule()]), asked, lists, 0.0, choice=choice)
    assert [(step.rule, step.outcome) for step in steps] == [
        ("(redress)", "matched"),
        ("r", "left out"),
    ]
    assert steps[1].why == "this caller was released by a dispute"
