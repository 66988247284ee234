"""From rules and a call to a verdict; also against a plain evaluator that tries every rule."""

from __future__ import annotations

import ipaddress
import itertools
import json
import math
import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import Call
from ringfence.lists import NumberList, parse_entry
from ringfence.numbers import normalise
from ringfence.rules import Rule, compile_rules, decode_rule, evaluate, explain
from ringfence.rules.compile import compile_rule
from ringfence.verdict import Action, Reason, Verdict

Make = Callable[..., Any]


@pytest.fixture
def verdict(rule: Make, call: Make) -> Callable[..., Verdict]:
    def of(*rules: Rule, monitor: bool = False, **facts: Any) -> Verdict:
        return evaluate(compile_rules(rules), call(**facts), {}, 0.0, monitor=monitor)

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


# -- against a plain evaluator ----------------------------------------------------------------

NUMBERS = [
    *("+12025550100", "+12025550123", "+12025550199", "+12025550200", "+13015550100"),
    *("+19005550100", "+442079460123", "611", "*67", "anonymous"),
    *("+18005550100", "+16475550100", "+12225550123", "+12029110123"),
]
CANNOT_EXIST = ("+12225550123", "+12029110123")
COUNTRIES = {"+1222": "", "+1647": "CA", "+1": "US", "+44": "GB", "": ""}
NUMBER_VALUES = [
    *("+12025550100", "+12025550123", "+442079460123", "+1*", "+1202*", "+12025550*", "+1900*"),
    *("+44*", "+12025550100-+12025550199", "+12025550123-+12025550200", "611", "*67", "anonymous"),
    *("+12025550100-+19005550100", "+12025550123-+12025550123", "@a", "@b", "@missing"),
]
WORDS = ["invalid", "neighbour", "own", "same", "tollfree"]
PATTERNS = [r"~^\+1202", "~0123$", "~^[^+]", r"~^\+1(800|9\d\d)", "~(5+)+01", "~[^0-9+]"]
ALL_VALUES = [*NUMBER_VALUES, *WORDS, *PATTERNS]
TRUNKS = ["carrier-a", "carrier-b", "gw", ""]
TRUNK_VALUES = ["carrier-a", "carrier-b", "carrier-*", "*", "*a", "g*w"]
ADDRESSES = ["192.0.2.7", "198.51.100.1", "2001:db8::1", ""]
ADDRESS_VALUES = ["192.0.2.7", "192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0"]
NAMES = ["", "ALICE", "IRS OFFICE", "Irs", "Zoë"]
NAME_VALUES = ["ALICE", "alice", "~IRS", "~(?i)irs", "~^$", "~^.{5}$", "~[^ -~]", "Zoë"]
ORIGIDS = ["", "123e4567-e89b-12d3-a456-426614174000"]
# NOW is in the first two minutes of 1970, a Thursday in London, a Wednesday evening in New York.
SCHEDULES = {
    "thu UTC": True,
    "wed UTC": False,
    "wed America/New_York": True,
    "mon-fri 19:00-19:02 America/New_York": True,
    "19:02-20:00 America/New_York": False,
    "wed 23:00-00:02 UTC": True,
    "thu 23:00-00:02 UTC": False,
}

FIELDS = {
    "caller": [*ALL_VALUES, "emergency"],
    "called": ALL_VALUES,
    "country": ["US", "CA", "GB", "us"],
    "caller_name": NAME_VALUES,
    "user_agent": NAME_VALUES,
    "trunk": TRUNK_VALUES,
    "provider": TRUNK_VALUES,
    "source_ip": ADDRESS_VALUES,
    "attestation": ["A", "B", "C", "none"],
    "verification": ["passed", "failed", "none"],
    "origid": [ORIGIDS[1], ORIGIDS[1].upper(), "another"],
    "schedule": list(SCHEDULES),
}


def any_rule(chance: Random, rule_id: str) -> dict[str, Any]:
    often = ["caller", "called"] * 4
    fields = chance.sample([*FIELDS, *often], chance.choice([0, 1, 1, 1, 2, 3]))
    return {
        "id": rule_id,
        "action": chance.choice(["allow", "flag", "flag", "block", "intercept"]),
        "priority": chance.choice([1, 1, 2]),
        "when": {
            field: [
                chance.choice(["", "", "!"]) + value
                for value in chance.sample(FIELDS[field], chance.choice([1, 1, 2, 3]))
            ]
            for field in fields
        },
        "mode": chance.choice(["enforce", "enforce", "monitor"]),
        "enabled": chance.random() < 0.9,
        "expires_at": chance.choice([None, None, "1970-01-01T00:00:50Z", "1970-01-01T00:03:00Z"]),
    }


# Made once, as compiling costs more than all else here; hypothesis picks among them.
POOL = [any_rule(Random(n), f"r{n}") for n in range(600)]
COMPILED = {rule["id"]: compile_rule(decode_rule(rule["id"], json.dumps(rule))) for rule in POOL}
RULES = st.lists(st.integers(0, len(POOL) - 1), max_size=30, unique=True).map(
    lambda numbers: [POOL[n] for n in numbers]
)
CALLS = st.fixed_dictionaries(
    {
        "caller": st.sampled_from([*NUMBERS, "911"]),
        "called": st.sampled_from(NUMBERS),
        "caller_name": st.sampled_from(NAMES),
        "user_agent": st.sampled_from(NAMES),
        "trunk": st.sampled_from(TRUNKS),
        "provider": st.sampled_from(TRUNKS),
        "source_ip": st.sampled_from(ADDRESSES),
        "attestation": st.sampled_from(["A", "B", "C", "none"]),
        "verification": st.sampled_from(["passed", "failed", "none"]),
        "origid": st.sampled_from(ORIGIDS),
    }
)
# A list keeps one expiry for one entry, so each is written in one way only.
ANOTHER_WAY = "+12025550123-+12025550123"
IN_A_LIST = [value for value in NUMBER_VALUES if value[0] not in "@a" and value != ANOTHER_WAY]
ENTRIES = st.dictionaries(
    st.sampled_from(IN_A_LIST), st.sampled_from([math.inf, 50.0, 150.0]), max_size=4
)
LISTS = st.fixed_dictionaries({"a": ENTRIES, "b": ENTRIES, "own": ENTRIES})
NOW = 100.0


def holds(field: str, value: str, call: dict[str, str], lists: dict[str, dict[str, float]]) -> bool:
    if field == "schedule":
        return SCHEDULES[value]
    if field == "country":
        prefixes = [prefix for prefix in COUNTRIES if call["caller"].startswith(prefix)]
        return COUNTRIES[max(prefixes, key=len)] == value.upper()
    of_call = call[field]
    if value.startswith("~"):
        return bool(re.search(value[1:], of_call))
    if field == "source_ip":
        return bool(of_call) and ipaddress.ip_address(of_call) in ipaddress.ip_network(value)
    if field in ("trunk", "provider"):
        return fits(value, of_call)
    if field == "origid":
        return value.lower() == of_call
    if field not in ("caller", "called"):
        return value == of_call
    if value in (*WORDS, "emergency"):
        return means(value, of_call, call, lists)
    if value.startswith("@"):
        entries = lists.get(value[1:], {})
        return any(end > NOW and holds(field, entry, call, lists) for entry, end in entries.items())
    if value[0] == "+" and value[-1] == "*":
        return of_call.startswith(value[:-1])
    if "-" in value:
        first, last = value.split("-")
        return of_call.startswith("+") and int(first) <= int(of_call) <= int(last)
    return value == of_call


def means(word: str, number: str, call: dict[str, str], lists: dict[str, Any]) -> bool:
    caller, called = call["caller"], call["called"]
    return {
        "invalid": number in CANNOT_EXIST,
        "neighbour": caller[:2] == "+1" and caller[:8] == called[:8],
        "own": holds("caller", "@own", {"caller": number}, lists),
        "same": caller == called != "anonymous",
        "tollfree": number.startswith("+1800"),
        "emergency": number == "911",
    }[word]


def fits(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return text[:1] == pattern[0] and fits(pattern[1:], text[1:])


def applies(rule: dict[str, Any], call: dict[str, str], lists: dict[str, Any]) -> bool:
    if not rule["enabled"] or rule["expires_at"] == "1970-01-01T00:00:50Z":
        return False
    for field, values in rule["when"].items():
        wanted = [value for value in values if value[0] != "!"]
        if any(holds(field, value[1:], call, lists) for value in values if value[0] == "!"):
            return False
        if wanted and not any(holds(field, value, call, lists) for value in wanted):
            return False
    return True


def plainly(
    rules: list[dict[str, Any]], call: dict[str, str], lists: dict[str, Any], monitor: bool
) -> tuple[str, str, list[str]]:
    """Action, rule and noted rules, trying one rule after the other."""
    noted: list[str] = []
    flag = ""
    for rule in sorted(rules, key=lambda rule: (rule["priority"], rule["id"])):
        if not applies(rule, call, lists):
            continue
        if monitor or rule["mode"] == "monitor":
            noted.append(rule["id"])
        elif rule["action"] == "flag":
            noted.append(rule["id"])
            flag = flag or rule["id"]
        elif rule["action"] == "allow" and flag:
            return "flag", rule["id"], noted
        else:
            return rule["action"], rule["id"], noted
    return ("flag", flag, noted) if flag else ("allow", "", noted)


def built(
    rules: list[dict[str, Any]], call: dict[str, str], lists: dict[str, Any]
) -> tuple[Any, Call, dict[str, NumberList]]:
    book = compile_rules(COMPILED[rule["id"]] for rule in rules)
    mirrored = {name: NumberList(name) for name in lists}
    for name, entries in lists.items():
        for entry, end in entries.items():
            mirrored[name].add(parse_entry(entry), end)
    seen = Call(
        caller=normalise(call["caller"]),
        called=normalise(call["called"]),
        trunk=call["trunk"],
        provider=call["provider"],
        caller_name=call["caller_name"],
        user_agent=call["user_agent"],
        source_ip=call["source_ip"],
        attestation=Attestation(
            Level(call["attestation"]), Verification(call["verification"]), origid=call["origid"]
        ),
    )
    return book, seen, mirrored


@settings(max_examples=60, deadline=None)
@given(
    rules=RULES, calls=st.lists(CALLS, min_size=1, max_size=6), lists=LISTS, monitor=st.booleans()
)
def test_the_verdict_is_that_of_trying_every_rule_in_turn(
    rules: list[dict[str, Any]], calls: list[dict[str, str]], lists: dict[str, Any], monitor: bool
) -> None:
    for facts in calls:
        book, call, mirrored = built(rules, facts, lists)
        said = evaluate(book, call, mirrored, NOW, monitor=monitor)
        action, rule, noted = plainly(rules, facts, lists, monitor)
        assert (said.action, said.rule, [each.rule for each in said.noted]) == (action, rule, noted)
        assert (said.reason is Reason.RULE) is bool(rule)
        assert bool(said.sip) is not said.action.lets_through
        assert bool(said.label) is (said.action is Action.FLAG)


@settings(max_examples=60, deadline=None)
@given(rules=RULES, calls=st.lists(CALLS, min_size=1, max_size=6), lists=LISTS)
def test_the_index_leaves_out_no_rule_that_matches(
    rules: list[dict[str, Any]], calls: list[dict[str, str]], lists: dict[str, Any]
) -> None:
    for facts in calls:
        book, call, mirrored = built(rules, facts, lists)
        candidates = [each.order for each in book.lookup.candidates(call, mirrored, NOW)]
        matching = [
            compiled.order
            for compiled in book.rules
            if compiled.test(call, mirrored, NOW) is not None
        ]
        assert set(matching) <= set(candidates)
        assert all(a < b for a, b in itertools.pairwise(candidates))


@settings(max_examples=60, deadline=None)
@given(rules=RULES, facts=CALLS, lists=LISTS, monitor=st.booleans())
def test_the_explanation_agrees_with_the_verdict(
    rules: list[dict[str, Any]], facts: dict[str, str], lists: dict[str, Any], monitor: bool
) -> None:
    book, call, mirrored = built(rules, facts, lists)
    said = evaluate(book, call, mirrored, NOW, monitor=monitor)
    steps = explain(book, call, mirrored, NOW, monitor=monitor)
    assert [step.rule for step in steps] == [each.rule.id for each in book.rules]
    matched = [step.rule for step in steps if step.outcome == "matched"]
    assert len(matched) <= 1
    if matched:
        assert matched == [said.rule]
    assert [step.rule for step in steps if step.outcome == "noted"] == [n.rule for n in said.noted]
