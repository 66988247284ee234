"""From rules and a call to a verdict; see test_evaluate_plainly for random ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ringfence.lists import NumberList, parse_entry
from ringfence.rules import Rule, compile_rules, demands, evaluate
from ringfence.rules.choice import DUTIES, Choice
from ringfence.thresholds import Thresholds
from ringfence.verdict import Action, Basis, Reason, Verdict

Make = Callable[..., Any]
HOW = {"monitor", "choice", "thresholds", "counted"}


@pytest.fixture
def verdict(rule: Make, call: Make) -> Callable[..., Verdict]:
    def of(*rules: Rule, lists: Any = None, **facts: Any) -> Verdict:
        how = {name: facts.pop(name) for name in HOW & facts.keys()}
        return evaluate(compile_rules(rules), call(**facts), lists or {}, 0.0, **how)

    return of


def test_without_a_rule_a_call_is_let_through(verdict: Make) -> None:
    assert verdict() == Verdict(action=Action.ALLOW, reason=Reason.NO_RULE)


def test_a_block_carries_its_rule_code_ground_and_evidence(verdict: Make, rule: Make) -> None:
    said = verdict(rule("dc", basis="analytics", when={"caller": "+1202*"}))
    assert said == Verdict(
        action=Action.BLOCK,
        reason=Reason.RULE,
        rule="dc",
        sip=603,
        basis="analytics",
        matched=("caller +1202*",),
    )


def test_a_rules_own_code_goes_before_that_of_its_ground(verdict: Make, rule: Make) -> None:
    assert verdict(rule(basis="analytics", respond={"sip": 608})).sip == 608
    assert verdict(rule()).sip == 403


def test_an_intercept_has_its_prompt_and_a_block_has_none(verdict: Make, rule: Make) -> None:
    assert verdict(rule("r", "intercept")).prompt == "ss-noservice"
    assert verdict(rule("r", "intercept", respond={"prompt": "custom/no"})).prompt == "custom/no"
    assert verdict(rule("r", "block", respond={"prompt": "custom/no"})).prompt == ""


@pytest.mark.parametrize("first", ["allow", "block", "intercept"])
def test_the_first_rule_that_ends_the_evaluation_decides(
    verdict: Make, rule: Make, first: str
) -> None:
    assert verdict(rule("b", "block"), rule("a", first)).rule == "a"
    assert verdict(rule("a", "block"), rule("b", first, priority=1)).rule == "b"


def test_a_flag_lets_the_call_through_with_its_label(verdict: Make, rule: Make) -> None:
    said = verdict(rule("watch", "flag", respond={"label": "[SPAM]"}))
    assert (said.action, said.rule, said.label, said.sip) == (Action.FLAG, "watch", "[SPAM]", 0)
    assert [(noted.rule, noted.monitor) for noted in said.noted] == [("watch", False)]


def test_the_first_flags_label_is_shown_and_all_flags_are_noted(verdict: Make, rule: Make) -> None:
    said = verdict(
        rule("a", "flag", respond={"label": "A"}), rule("b", "flag", respond={"label": "B"})
    )
    assert said.label == "A"
    assert [noted.rule for noted in said.noted] == ["a", "b"]


def test_a_flagged_call_that_is_blocked_after_all_is_blocked(verdict: Make, rule: Make) -> None:
    said = verdict(rule("a", "flag"), rule("b", "block"))
    assert (said.action, said.rule, said.label, said.sip) == (Action.BLOCK, "b", "", 403)
    assert [noted.rule for noted in said.noted] == ["a"]


def test_a_flagged_call_that_is_allowed_keeps_its_label(verdict: Make, rule: Make) -> None:
    said = verdict(rule("a", "flag"), rule("b", "allow"))
    assert (said.action, said.rule, said.label) == (Action.FLAG, "b", "SPAM?")


def test_a_rule_after_the_one_that_ended_it_flags_nothing(verdict: Make, rule: Make) -> None:
    said = verdict(rule("a", "allow"), rule("b", "flag"))
    assert (said.action, said.noted) == (Action.ALLOW, ())


@pytest.mark.parametrize("action", ["allow", "block", "intercept", "flag"])
def test_a_monitor_rule_only_notes_and_the_next_one_decides(
    verdict: Make, rule: Make, action: str
) -> None:
    said = verdict(rule("a", action, mode="monitor"), rule("b", "block"))
    assert (said.action, said.rule) == (Action.BLOCK, "b")
    assert [(n.rule, n.action, n.monitor) for n in said.noted] == [("a", action, True)]


def test_a_general_monitor_makes_every_rule_only_note(verdict: Make, rule: Make) -> None:
    said = verdict(rule("a", "flag"), rule("b", "block"), rule("c", "intercept"), monitor=True)
    assert (said.action, said.reason, said.label) == (Action.ALLOW, Reason.NO_RULE, "")
    assert [(n.rule, n.monitor) for n in said.noted] == [("a", True), ("b", True), ("c", True)]


def test_a_rule_that_is_off_or_has_run_out_does_nothing(verdict: Make, rule: Make) -> None:
    rules = (rule("a", enabled=False), rule("b", expires_at="1969-12-31T23:59:59Z"))
    assert verdict(*rules).reason is Reason.NO_RULE


# -- points and thresholds


SOME = Thresholds(flag_at=20, challenge_at=40, block_at=60)


def points(rule: Make, rule_id: str, number: int, **fields: Any) -> Rule:
    made: Rule = rule(rule_id, "score", points=number, **fields)
    return made


@pytest.mark.parametrize(
    ("score", "action", "label"),
    [(19, "allow", ""), (20, "flag", "SPAM?"), (40, "challenge", ""), (60, "block", "")],
)
def test_points_add_up_and_the_highest_threshold_decides(
    verdict: Make, rule: Make, score: int, action: str, label: str
) -> None:
    said = verdict(points(rule, "a", 10), points(rule, "b", score - 10), thresholds=SOME)
    assert (said.action, said.label, said.score) == (action, label, score)
    assert [(n.rule, n.points) for n in said.noted] == [("a", 10), ("b", score - 10)]
    if action != "allow":
        assert (said.reason, said.rule, said.basis) == (Reason.SCORE, "", "analytics")
        assert said.matched == (f"score {score}, {action}_at {getattr(SOME, action + '_at')}",)


def test_a_score_without_thresholds_decides_nothing(verdict: Make, rule: Make) -> None:
    said = verdict(points(rule, "a", 100))
    assert (said.action, said.reason, said.score) == (Action.ALLOW, Reason.NO_RULE, 100)


def test_points_can_be_taken_back(verdict: Make, rule: Make) -> None:
    said = verdict(points(rule, "a", 70), points(rule, "b", -30), thresholds=SOME)
    assert (said.action, said.score) == (Action.CHALLENGE, 40)


def test_a_rule_may_ask_for_the_points_so_far(verdict: Make, rule: Make) -> None:
    asks = rule("b", "block", when={"score": {"at_least": 50}})
    assert verdict(points(rule, "a", 49), asks).action is Action.ALLOW
    said = verdict(points(rule, "a", 50), asks)
    assert (said.rule, said.matched) == ("b", ("score 50 of 50",))
    assert verdict(points(rule, "c", 50), asks).action is Action.ALLOW  # points that come later


def test_a_call_that_a_rule_allows_has_no_score_held_against_it(verdict: Make, rule: Make) -> None:
    said = verdict(points(rule, "a", 99), rule("b", "allow"), thresholds=SOME)
    assert (said.action, said.reason, said.score) == (Action.ALLOW, Reason.RULE, 99)


def test_a_monitor_rules_points_are_noted_and_do_not_count(verdict: Make, rule: Make) -> None:
    said = verdict(points(rule, "a", 99, mode="monitor"), thresholds=SOME)
    assert (said.action, said.score, said.noted[0].points) == (Action.ALLOW, 0, 99)


def test_under_a_general_monitor_the_threshold_is_noted(verdict: Make, rule: Make) -> None:
    said = verdict(points(rule, "a", 60), thresholds=SOME, monitor=True)
    assert (said.action, said.reason) == (Action.ALLOW, Reason.NO_RULE)
    assert [(n.rule, n.action, n.monitor) for n in said.noted] == [
        ("a", "score", True),
        ("(score)", "block", True),
    ]


def test_a_flagged_call_keeps_its_own_label_at_the_thresholds(verdict: Make, rule: Make) -> None:
    flag = rule("f", "flag", respond={"label": "[IRS]"})
    said = verdict(points(rule, "a", 20), flag, thresholds=SOME)
    assert (said.action, said.rule, said.label) == (Action.FLAG, "f", "[IRS]")
    said = verdict(points(rule, "a", 40), flag, thresholds=SOME)
    assert (said.action, said.reason, said.label) == (Action.CHALLENGE, Reason.SCORE, "[IRS]")


# -- challenges and diverts


def passed(number: str = "+12025550100") -> dict[str, NumberList]:
    numbers = NumberList("passed")
    numbers.add(parse_entry(number), 100.0)
    return {"passed": numbers}


def test_a_challenge_says_how_it_is_done_and_how_it_ends(verdict: Make, rule: Make) -> None:
    said = verdict(
        rule("c", "challenge", respond={"tries": 2, "remember": "15m", "language": "es"})
    )
    assert (said.action, said.sip, said.prompt) == (Action.CHALLENGE, 403, "")
    how = said.treatment
    assert (how.tries, how.remember, how.language) == (2, 900, "es")


def test_who_passed_a_challenge_before_is_let_through(verdict: Make, rule: Make) -> None:
    said = verdict(rule("c", "challenge"), rule("d", "block"), lists=passed())
    assert (said.action, said.reason, said.rule) == (Action.ALLOW, Reason.CHALLENGE, "c")
    assert said.matched == ("passed before (+12025550100)",)
    assert verdict(rule("c", "challenge"), lists=passed("+13035550100")).action == "challenge"


def test_who_passed_before_also_passes_the_threshold_but_not_that_of_a_block(
    verdict: Make, rule: Make
) -> None:
    said = verdict(points(rule, "a", 40), thresholds=SOME, lists=passed())
    assert (said.action, said.reason, said.sip) == (Action.ALLOW, Reason.CHALLENGE, 0)
    assert verdict(points(rule, "a", 60), thresholds=SOME, lists=passed()).action == "block"


def test_a_divert_says_where_and_has_no_code(verdict: Make, rule: Make) -> None:
    said = verdict(rule("d", "divert", respond={"context": "honeypot", "extension": "s"}))
    assert (said.action, said.sip) == (Action.DIVERT, 0)
    assert (said.treatment.context, said.treatment.extension) == ("honeypot", "s")


def test_several_prompts_are_played_in_their_order(verdict: Make, rule: Make) -> None:
    said = verdict(rule("i", "intercept", respond={"prompt": ["custom/hello", "ss-noservice"]}))
    assert said.prompt == "custom/hello&ss-noservice"


# -- automatic lists


def test_every_rule_that_took_effect_puts_the_caller_on_its_lists(
    verdict: Make, rule: Make
) -> None:
    def also(name: str) -> dict[str, str]:
        return {"list": name, "for": "1h"}

    said = verdict(
        rule("a", "flag", also=also("seen")),
        rule("b", "block", mode="monitor", also=also("never")),
        rule("c", "block", when={"caller": "+1900*"}, also=also("never")),
        rule("d", "block", also=[also("caught"), {"list": "year", "for": "365d"}]),
        rule("e", "block", also=also("never")),
    )
    assert [(each.list, each.seconds, each.rule) for each in said.also] == [
        ("seen", 3_600, "a"),
        ("caught", 3_600, "d"),
        ("year", 365 * 86_400, "d"),
    ]


def test_who_passed_a_challenge_before_goes_on_no_list_for_it(verdict: Make, rule: Make) -> None:
    challenge = rule("c", "challenge", also={"list": "suspects", "for": "1h"})
    assert verdict(challenge, lists=passed()).also == ()


# -- velocity


RATE = {"per": "caller", "over": "60s", "at_least": 3}


def test_a_rate_matches_from_its_number_of_calls_on(verdict: Make, rule: Make) -> None:
    fast = rule("fast", "block", when={"trunk": "a", "rate": RATE})
    for count, action in ((2, "allow"), (3, "block"), (None, "allow")):
        counted = {} if count is None else {"fast:rate:+12025550100": count}
        assert verdict(fast, trunk="a", counted=counted).action == action
    said = verdict(fast, trunk="a", counted={"fast:rate:+12025550100": 3})
    assert said.matched == ("trunk a", "rate 3 in 1m per caller")


def test_a_rule_counts_the_calls_that_meet_all_its_other_conditions(rule: Make, call: Make) -> None:
    book = compile_rules(
        [
            rule("a", "block", when={"trunk": "a", "rate": RATE}),
            rule("b", "flag", when={"spread": {"per": "trunk", "over": "1h", "at_least": 9}}),
            rule("c", "block", when={"trunk": "b"}),
            rule("d", "block", when={"rate": RATE | {"per": ["caller", "trunk"]}}),
        ]
    )
    assert [
        (d.key, d.member, d.over, d.at_least) for d in demands(book, call(trunk="a"), {}, 0.0)
    ] == [
        ("a:rate:+12025550100", "", 60, 3),
        ("b:spread:a", "+13015550199", 3600, 9),
        ("d:rate:+12025550100|a", "", 60, 3),
    ]
    # the rule that ends it keeps those behind it from counting
    assert [d.key for d in demands(book, call(trunk="b"), {}, 0.0)] == ["b:spread:b"]
    assert demands(book, call(called="911", trunk="a"), {}, 0.0) == ()


@pytest.mark.parametrize(
    ("called", "trunk", "key"),
    [
        ("x' other:rules", "a", "d:rate:x%27%20other:rules|a"),
        ("x|a", "b", "d:rate:x%7Ca|b"),
        ("100%", "a", "d:rate:100%25|a"),
        pytest.param("€" * 90, "a", f"d:rate:{'%E2%82%AC' * 64}"[: 7 + 192] + "|a", id="long"),
        ("*67#", "carrier@a", "d:rate:*67#|carrier@a"),
    ],
)
def test_a_counters_key_is_one_word_whatever_strangers_call(
    rule: Make, call: Make, called: str, trunk: str, key: str
) -> None:
    book = compile_rules([rule("d", when={"rate": RATE | {"per": ["called", "trunk"]}})])
    assert [d.key for d in demands(book, call(called=called, trunk=trunk), {}, 0.0)] == [key]


def test_a_rule_that_may_not_come_to_its_score_keeps_none_from_counting(
    rule: Make, call: Make
) -> None:
    book = compile_rules(
        [rule("a", "block", when={"score": {"at_least": 5}}), rule("b", when={"rate": RATE})]
    )
    assert [d.key for d in demands(book, call(), {}, 0.0)] == ["b:rate:+12025550100"]


def test_a_rule_that_a_customer_leaves_out_neither_counts_nor_ends(rule: Make, call: Make) -> None:
    book = compile_rules(
        [
            rule("a", basis="analytics", when={"rate": RATE}),
            rule("b", basis="analytics"),
            rule("c", when={"rate": RATE}),
        ]
    )
    choice = Choice("acme", analytics=False)
    asked = demands(book, call(), {}, 0.0, choice=choice)
    assert [d.key for d in asked] == ["c:rate:+12025550100"]
    assert len(demands(book, call(), {}, 0.0)) == 1
    assert len(demands(book, call(), {}, 0.0, monitor=True)) == 2
    blocked = Choice("acme", blocked="caller *")
    assert demands(book, call(), {}, 0.0, choice=blocked) == ()


def test_a_call_without_what_is_counted_is_not_counted(rule: Make, call: Make) -> None:
    book = compile_rules([rule("a", "block", when={"rate": RATE})])
    assert demands(book, call("anonymous"), {}, 0.0) == ()
    assert evaluate(book, call("anonymous"), {}, 0.0).action is Action.ALLOW


def test_a_book_without_counters_asks_for_nothing(rule: Make) -> None:
    book = compile_rules([rule("a"), rule("b", when={"rate": RATE})])
    assert book.counting == 1
    assert book.changed(book.rules[1:], ()).counting == 0


# -- the called customer's choice


def test_what_a_customer_allows_beats_every_rule_but_a_duty(verdict: Make, rule: Make) -> None:
    choice = Choice("acme", allowed="caller +12025550100")
    for basis in Basis:
        said = verdict(rule("r", "block", basis=basis), choice=choice)
        assert (said.action is Action.BLOCK) is (basis in DUTIES), basis
    said = verdict(rule("r", "flag"), points(rule, "s", 99), choice=choice, thresholds=SOME)
    assert (said.action, said.reason, said.callee) == (Action.ALLOW, Reason.CALLEE, "acme")
    assert said.matched == ("caller +12025550100",)


def test_what_a_customer_blocks_is_blocked_as_unwanted(verdict: Make, rule: Make) -> None:
    choice = Choice("acme", blocked="caller anonymous")
    said = verdict(rule("r", "allow"), choice=choice)
    assert (said.action, said.reason, said.sip, said.basis) == (
        *(Action.BLOCK, Reason.CALLEE, 607, "subscriber"),
    )
    said = verdict(choice=choice, monitor=True)
    assert (said.action, said.noted[0].rule) == (Action.ALLOW, "(callee)")


def test_who_is_both_allowed_and_blocked_is_allowed(verdict: Make) -> None:
    choice = Choice("acme", allowed="caller +1202*", blocked="caller +12025550100")
    assert verdict(choice=choice).action is Action.ALLOW


def test_who_opted_out_of_analytics_keeps_all_other_rules(verdict: Make, rule: Make) -> None:
    choice = Choice("acme", analytics=False)
    for basis in Basis:
        said = verdict(rule("r", "block", basis=basis), choice=choice)
        assert (said.action is Action.ALLOW) is (basis is Basis.ANALYTICS), basis
    assert verdict(points(rule, "s", 99), choice=choice, thresholds=SOME).action is Action.ALLOW


def test_an_emergency_call_comes_before_a_customers_block(verdict: Make) -> None:
    assert verdict(called="911", choice=Choice("x", blocked="caller *")).reason is Reason.EMERGENCY
