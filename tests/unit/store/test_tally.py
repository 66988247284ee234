"""What counts as a hit of a rule."""

from __future__ import annotations

from ringfence.store.counting import tally
from ringfence.store.counting.tally import Tallier, Tally
from ringfence.verdict import Action, Noted, Reason, Verdict


def verdict(
    rule: str = "", *noted: Noted, action: Action = Action.BLOCK, reason: Reason = Reason.RULE
) -> Verdict:
    return Verdict(action=action, reason=reason, rule=rule, noted=noted)


def counted(*verdicts: Verdict) -> dict[str, tuple[int, int]]:
    tallier = Tallier()
    for at, each in enumerate(verdicts, start=1):
        tallier.add(each, float(at))
    return {name: (t.hits, t.would_hits) for name, t in tallier.take(100).items()}


def test_a_call_that_no_rule_met_is_no_hit() -> None:
    assert counted(Verdict(action=Action.ALLOW, reason=Reason.NO_RULE)) == {}
    assert counted(Verdict(action=Action.ALLOW, reason=Reason.FAIL_OPEN)) == {}


def test_the_rule_that_ends_the_evaluation_is_hit() -> None:
    assert counted(verdict("a"), verdict("b"), verdict("a")) == {"a": (2, 0), "b": (1, 0)}


def test_a_flag_that_had_the_last_word_is_hit_once() -> None:
    flag = Noted("f", Action.FLAG, False)
    assert counted(verdict("f", flag, action=Action.FLAG)) == {"f": (1, 0)}
    assert counted(verdict("b", flag)) == {"f": (1, 0), "b": (1, 0)}


def test_points_and_a_challenge_passed_before_are_hits() -> None:
    noted = (Noted("p", Action.SCORE, False, points=40), Noted("c", Action.CHALLENGE, False))
    let_through = verdict("", *noted, action=Action.ALLOW, reason=Reason.NO_RULE)
    assert counted(let_through) == {"p": (1, 0), "c": (1, 0)}


def test_a_monitor_rule_only_would_have_hit() -> None:
    noted = Noted("m", Action.BLOCK, True)
    let_through = verdict("", noted, action=Action.ALLOW, reason=Reason.NO_RULE)
    assert counted(let_through, let_through, verdict("b", noted)) == {"m": (0, 3), "b": (1, 0)}


def test_what_decides_and_is_no_rule_is_counted_by_a_name_in_brackets() -> None:
    score = Noted("(score)", Action.CHALLENGE, False)
    assert counted(
        verdict("", reason=Reason.SCORE),
        verdict("", score, reason=Reason.SCORE),
        verdict("", reason=Reason.CALLEE),
        verdict("", action=Action.ALLOW, reason=Reason.EMERGENCY),
    ) == {"(score)": (2, 0), "(callee)": (1, 0), "(emergency)": (1, 0)}


def test_the_last_time_is_the_latest_also_where_calls_come_out_of_order() -> None:
    tallier = Tallier()
    for at in (3.0, 7.0, 5.0):
        tallier.add(verdict("r", Noted("m", Action.FLAG, True)), at)
    assert tallier.take(9) == {"r": Tally(3, 0, 7.0, 0.0), "m": Tally(0, 3, 0.0, 7.0)}


def test_what_was_taken_is_not_counted_again() -> None:
    tallier = Tallier()
    for number in range(10):
        tallier.add(verdict(f"r{number}"), 1.0)
    assert [len(tallier.take(4)) for _ in range(4)] == [4, 4, 2, 0]
    assert len(tallier) == 0


def test_memory_is_bounded_whatever_happens() -> None:
    tallier = Tallier()
    for number in range(tally.AT_MOST + 10):
        tallier.add(verdict(f"r{number}"), 1.0)
    tallier.add(verdict("r0"), 2.0)
    assert len(tallier) == tally.AT_MOST
    assert tallier.take(1) == {"r0": Tally(2, 0, 2.0, 0.0)}
