"""The trail of a call: why, by which rule, since when, who added it, how to undo it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ringfence.calllog.record import CallRecord
from ringfence.cli.call_views import Behind, concerned, row, trail
from ringfence.cli.rule_views import read_rule
from ringfence.store.writing.history import Change
from ringfence.verdict import Action, Also, Noted, Treatment

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TIME = "2026-11-21T11:00:00.000Z"


def told(record: CallRecord, **rules: str) -> dict[str, list[str]]:
    """What the trail says, by label."""
    shown = {name: Behind(read_rule(name, text.encode())) for name, text in rules.items()}
    return facts(record, shown)


def facts(record: CallRecord, rules: dict[str, Behind]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for label, text in trail(record, rules, NOW):
        if text:
            found.setdefault(label, []).append(text)
    return found


def record(**fields: Any) -> CallRecord:
    return CallRecord(**{"id": "c1", "time": TIME, "action": "block", "reason": "rule", **fields})


PREMIUM = (
    '{"action": "block", "when": {"caller": "+1900*"}, "added_by": "alice",'
    ' "added_at": "2026-11-01T10:00:00Z", "note": "ticket 17"}'
)


def test_a_blocked_call_says_by_which_rule_who_added_it_and_how_to_undo_it() -> None:
    said = told(
        record(rule="premium", sip=403, matched=("caller +1900* (+19005550100)",)), premium=PREMIUM
    )
    assert said["verdict"] == ["block, SIP 403"]
    assert said["decided by"] == ["rule premium"]
    assert said["because"] == ["caller +1900* (+19005550100)"]
    (rule,) = said["rule premium"]
    for wanted in ("added by alice, 2026-11-01 10:00Z", "ticket 17", "now on"):
        assert wanted in rule
    assert said["undo"] == ["ringfence rule disable premium"]


def test_a_rule_that_is_gone_off_or_changed_says_so() -> None:
    call = record(rule="premium")
    assert "there is no such rule now: ringfence rule history" in told(call)["rule premium"][0]
    assert "undo" not in told(call)
    off = PREMIUM.replace('"block"', '"block", "enabled": false')
    assert "now off" in told(call, premium=off)["rule premium"][0]
    assert "undo" not in told(call, premium=off)
    # the same moment as 11:30 UTC
    later = PREMIUM.replace("2026-11-01T10:00:00Z", "2026-11-21T06:30:00-05:00")
    assert "CHANGED since: ringfence rule history" in told(call, premium=later)["rule premium"][0]
    refused = told(call, premium='{"action": "smash"}')
    assert "REFUSED" in refused["rule premium"][0]
    assert refused["undo"] == ["ringfence rule remove premium"]


def test_a_rule_that_was_changed_since_is_told_as_it_was_and_who_changed_it() -> None:
    then = read_rule("premium", PREMIUM.encode())
    stands = read_rule("premium", b'{"action": "allow", "added_by": "bob"}')
    change = Change("1-1", NOW.timestamp(), "bob", "rule", "premium", "set")
    (changed,) = facts(record(rule="premium"), {"premium": Behind(stands, change, then)})[
        "rule premium"
    ]
    for wanted in ("added by alice", "meets caller +1900*", "CHANGED since, by bob, 2026-11-21"):
        assert wanted in changed
    (removed,) = facts(record(rule="premium"), {"premium": Behind(None, change, then)})[
        "rule premium"
    ]
    for wanted in ("added by alice", "REMOVED since, by bob", "there is no such rule now"):
        assert wanted in removed


def test_a_score_says_its_parts_and_how_to_undo_each() -> None:
    call = record(
        reason="score",
        score=70,
        matched=("score 70, block_at 60",),
        noted=(
            Noted("a", Action.SCORE, False, "caller anonymous", 40),
            Noted("b", Action.SCORE, False, "", 30),
            Noted("w", Action.SCORE, True, "", 99),
        ),
    )
    said = told(call, a='{"action": "score", "points": 40}', b='{"action": "score", "points": 30}')
    assert said["score"] == ["70: a +40, b +30"]
    assert said["because"] == ["score 70, block_at 60"]
    assert said["noted"][0] == "a, score +40: caller anonymous"
    assert said["noted"][2] == "w, would have been score +99"
    assert said["undo"] == ["ringfence rule disable a", "ringfence rule disable b"]


def test_a_monitor_rule_would_have_and_needs_no_undoing() -> None:
    call = record(
        action="allow",
        reason="no-rule",
        noted=(Noted("m", Action.BLOCK, True, "trunk carrier-a"),),
    )
    said = told(call, m='{"action": "block", "mode": "monitor"}')
    assert said["noted"] == ["m, would have been block: trunk carrier-a"]
    assert said["decided by"] == ["no rule ended it"]
    assert "undo" not in said
    assert row(call)[6] == "(m)"


def test_a_callees_own_choice_says_whose() -> None:
    said = told(record(reason="callee", callee="acme", matched=("block +1900*",)))
    assert said["decided by"] == ["the called customer's own choice"]
    assert said["callee"] == ["acme"]
    assert said["see"] == ["ringfence callee show acme"]


def test_a_treatment_and_an_automatic_list_are_told() -> None:
    divert = told(
        record(
            action="divert", rule="r", called="2025550100",
            treatment=Treatment(context="checks", language="es"),
            also=(Also("caught", 3_600, "r"),),
        )
    )  # fmt: skip
    assert divert["verdict"] == ["divert, language es, to 2025550100@checks"]
    assert divert["put on a list"] == ["caught for 1h, by rule r"]
    challenge = told(record(action="challenge", rule="r", sip=603, challenge="passed"))
    assert challenge["verdict"] == ["challenge, 3 tries, result: passed, SIP 603"]


def test_what_the_trail_has_no_words_for_follows_as_it_is() -> None:
    said = told(record(headers={"user-agent": "x"}, identity=("t1", "t2"), uniqueid="7.1"))
    assert said["headers.user-agent"] == ["x"]
    assert said["identity"] == ["t1", "t2"]
    assert said["uniqueid"] == ["7.1"]


def test_what_is_in_brackets_is_no_rule_to_look_up() -> None:
    noted = (Noted("(score)", Action.BLOCK, True), Noted("a", Action.FLAG, False))
    assert concerned(record(rule="r", noted=noted)) == ["r", "a"]


def test_how_a_call_ended_is_one_line_and_nothing_where_it_is_not_known() -> None:
    assert "end" not in told(record())
    when = "2026-11-21T11:00:05.000Z"
    alone = told(record(ended=when, cause=19))
    assert alone["end"] == [f"never answered, ended {when}, cause 19"]
    talked = told(record(answered="2026-11-21T11:00:01.000Z", ended=when, duration=4.0))
    assert talked["end"][0].endswith(f"ended {when} after 4.0 s, no cause given")
    assert {"answered", "ended", "duration", "cause"}.isdisjoint(talked)
