"""What each rule did, call by call."""

from __future__ import annotations

from ringfence.reports.rules import RulesReport
from ringfence.verdict import Action, Noted
from tests.unit.reports.calls import let_through, record


def test_each_rule_has_what_it_kept_away_noted_and_would_have_done() -> None:
    report = RulesReport()
    points = Noted("points", Action.SCORE, False, "", 40)
    watch = Noted("watch", Action.BLOCK, True)
    for each in (
        record(1),
        record(2, action="intercept"),
        record(3, noted=(points,)),
        record(4, rule="", reason="score", noted=(points, watch)),
        let_through(5, noted=(watch,)),
        let_through(6, rule="friends", reason="rule", basis="policy"),
        record(7, action="challenge", outcome="passed", challenge="passed", rule="ask"),
    ):
        report.add(each)
    names = [name for name, _ in report.ordered]
    assert names[0] == "premium"
    assert names[-1] == "(no-rule)"
    found = {name: deeds.document() for name, deeds in report.ordered}
    assert found["premium"]["kept_away"] == {"blocked": 2, "intercepted": 1}
    assert found["premium"]["last"] == "2026-11-21T11:00:03.000Z"
    assert found["points"]["had_part"] == 2
    assert found["watch"]["would"] == 2
    assert found["(score)"]["kept_away"] == {"blocked": 1}
    assert (found["friends"]["let_through"], found["ask"]["let_through"]) == (1, 1)
    assert found["(no-rule)"]["let_through"] == 1


def test_a_rule_that_flags_a_call_has_it_once() -> None:
    report = RulesReport()
    flag = Noted("label", Action.FLAG, False, "caller anonymous")
    report.add(let_through(action="flag", rule="label", reason="rule", noted=(flag,)))
    ((name, deeds),) = report.ordered
    assert (name, deeds.had_part, deeds.went_on, deeds.calls) == ("label", 1, 0, 1)


def test_a_rule_that_had_its_verdict_too_late_let_the_call_through() -> None:
    report = RulesReport()
    report.add(record(outcome="late"))
    ((_, deeds),) = report.ordered
    assert (deeds.went_on, deeds.means.total()) == (1, 0)
