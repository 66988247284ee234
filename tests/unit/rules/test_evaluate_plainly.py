"""The compiled engine against a plain one that tries every rule in turn, on random rules and calls.

The plain one is slow and looks right at first sight: no index, no compiled conditions, its own
reading of every value.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import math
import re
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import Call
from ringfence.lists import NumberList, parse_entry
from ringfence.numbers import normalise
from ringfence.rules import compile_rules, decode_rule, demands, evaluate, explain
from ringfence.rules.choice import DUTIES, Choice
from ringfence.rules.compile import compile_rule
from ringfence.thresholds import Thresholds
from ringfence.verdict import Action, Reason

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
    "reason": ["stale", "bad-signature", "no-identity"],
    "signer": ["818H", "818h", "1"],
    "diverter": ["818H", "709j", "2"],
    "origid": [ORIGIDS[1], ORIGIDS[1].upper(), "another"],
    "schedule": list(SCHEDULES),
}
PER = ["caller", "called", "trunk", "source_ip", ["caller", "provider"]]
ACTIONS = ["challenge", "divert", "score"]
DIVERT = {"respond": {"context": "honeypot"}}
COUNTED = ("rate", "spread", "score")


def any_rule(chance: Random, rule_id: str) -> dict[str, Any]:
    often = ["caller", "called"] * 4
    counts = chance.random() < 0.4
    fields = chance.sample(
        [*FIELDS, *often], chance.choice([0, 0, 1] if counts else [0, 1, 1, 1, 2, 3])
    )
    when: dict[str, Any] = {
        field: [
            chance.choice(["", "", "!"]) + value
            for value in chance.sample(FIELDS[field], chance.choice([1, 1, 2, 3]))
        ]
        for field in fields
    }
    if counts and chance.random() < 0.5:
        when["rate"] = {"per": chance.choice(PER), "over": "60s", "at_least": 5}
    if counts and chance.random() < 0.3:
        when["spread"] = {"of": "called", "per": "caller", "over": "1h", "at_least": 5}
    if counts and chance.random() < 0.5:
        when["score"] = {"at_least": chance.choice([1, 30, 70])}
    action = chance.choice([*("allow", "flag", "flag", "block", "intercept"), *ACTIONS, *ACTIONS])
    more: dict[str, dict[str, Any]] = {
        "score": {"points": chance.choice([-20, 10, 30, 60])},
        "divert": DIVERT,
    }
    return {
        "id": rule_id,
        "action": action,
        **more.get(action, {}),
        "basis": chance.choice(
            ["policy", "policy", "analytics", "rmd", "dno-invalid", "subscriber"]
        ),
        "also": [{"list": "caught", "for": "1h"}] * chance.choice([0, 1]),
        "priority": chance.choice([1, 1, 2]),
        "when": when,
        "mode": chance.choice(["enforce", "enforce", "monitor"]),
        "enabled": chance.random() < 0.9,
        "expires_at": chance.choice([None, None, "1970-01-01T00:00:50Z", "1970-01-01T00:03:00Z"]),
    }


def given_of(rule: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if value != []}


# Made once, as compiling costs more than all else here; hypothesis picks among them.
POOL = [any_rule(Random(n), f"r{n}") for n in range(600)]
COMPILED = {
    rule["id"]: compile_rule(decode_rule(rule["id"], json.dumps(given_of(rule)))) for rule in POOL
}
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
        "reason": st.sampled_from(["", "stale", "revoked"]),
        "signer": st.sampled_from(["", "818H", "2"]),
        "diverter": st.sampled_from(["", "818H", "709J"]),
        "origid": st.sampled_from(ORIGIDS),
    }
)
# A list keeps one expiry for one entry, so each is written in one way only.
ANOTHER_WAY = "+12025550123-+12025550123"
IN_A_LIST = [value for value in NUMBER_VALUES if value[0] not in "@a" and value != ANOTHER_WAY]
ENTRIES = st.dictionaries(
    st.sampled_from(IN_A_LIST), st.sampled_from([math.inf, 50.0, 150.0]), max_size=4
)
LISTS = st.fixed_dictionaries({"a": ENTRIES, "b": ENTRIES, "own": ENTRIES, "passed": ENTRIES})
NOW = 100.0
LIMITS = st.none() | st.sampled_from([10, 40, 80])
THRESHOLDS = st.builds(Thresholds, LIMITS, LIMITS, LIMITS)
CHOICES = st.just(Choice()) | st.builds(
    Choice,
    st.just("acme"),
    st.sampled_from(["", "y"]),
    st.sampled_from(["", "n"]),
    st.booleans(),
    st.sampled_from(["", "released"]),
)
COUNTS = st.integers(0, 255)


def count_of(rule_id: str, counts: int) -> int:
    """Enough or one too few, for each rule by a bit of `counts`."""
    return 4 + (counts >> int(rule_id[1:]) % 8 & 1)


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
    if field in ("origid", "signer", "diverter"):
        return value.lower() == of_call.lower()
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
        if field in COUNTED:
            continue
        wanted = [value for value in values if value[0] != "!"]
        if any(holds(field, value[1:], call, lists) for value in values if value[0] == "!"):
            return False
        if wanted and not any(holds(field, value, call, lists) for value in wanted):
            return False
    return True


def enough(rule: dict[str, Any], call: dict[str, str], counts: int, score: int) -> bool:
    when = rule["when"]
    for kind in ("rate", "spread"):
        if kind not in when:
            continue
        facts = when[kind]["per"]
        for fact in [facts] if isinstance(facts, str) else facts:
            # who calls from no number of a subscriber's is not told from others
            if not call[fact] or (fact == "caller" and not call[fact].startswith("+")):
                return False
        if count_of(rule["id"], counts) < 5:
            return False
    return "score" not in when or score >= when["score"]["at_least"]


def plainly(
    rules: list[dict[str, Any]],
    call: dict[str, str],
    lists: dict[str, Any],
    *,
    monitor: bool,
    choice: Choice,
    thresholds: Thresholds,
    counts: int,
) -> tuple[str, str, list[str], int, list[str]]:
    """Action, deciding rule, noted rules, score and the rules that fill lists."""
    if call["called"] == "911":
        return "allow", "", [], 0, []
    noted: list[str] = []
    flag, score = "", 0
    also: list[str] = []
    passed = call["caller"].startswith("+") and holds("caller", "@passed", call, lists)
    if choice.blocked and not choice.allowed:
        if not monitor:
            return "block", "", [], 0, []
        noted.append("(callee)")
    for rule in sorted(rules, key=lambda rule: (rule["priority"], rule["id"])):
        basis = rule["basis"]
        if choice.allowed and basis not in [duty.value for duty in DUTIES]:
            continue
        if not choice.analytics and not choice.allowed and basis == "analytics":
            continue
        if choice.released and not choice.allowed and basis in ("analytics", "policy"):
            continue
        if not applies(rule, call, lists) or not enough(rule, call, counts, score):
            continue
        name, action, points = rule["id"], rule["action"], rule.get("points", 0)
        fills = [name] if rule["also"] else []
        if rule["mode"] == "monitor":
            noted.append(name)
        elif monitor:
            noted.append(name)
            score += points
        elif action in ("flag", "score"):
            noted.append(name)
            score += points
            also += fills
            if action == "flag":
                flag = flag or name
        elif action == "challenge" and passed:
            return "flag" if flag else "allow", name, noted, score, also
        elif action == "allow" and flag:
            return "flag", name, noted, score, also + fills
        else:
            return action, name, noted, score, also + fills
    decided = ""
    if choice.analytics and not choice.allowed and not choice.released and score > 0:
        for word in ("flag", "challenge", "block"):
            at = getattr(thresholds, f"{word}_at")
            if at is not None and score >= at:
                decided = word
    if decided and monitor:
        noted.append("(score)")
    elif decided == "challenge" and passed:
        return "flag" if flag else "allow", "", noted, score, also
    elif decided and not (decided == "flag" and flag):
        return decided, "", noted, score, also
    return ("flag", flag, noted, score, also) if flag else ("allow", "", noted, score, also)


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
            Level(call["attestation"]),
            Verification(call["verification"]),
            origid=call["origid"],
            signer=call["signer"],
            reason=call["reason"],
            diverters=tuple(filter(None, ["1", call["diverter"]])),
        ),
    )
    return book, seen, mirrored


HOW = st.fixed_dictionaries(
    {"monitor": st.booleans(), "choice": CHOICES, "thresholds": THRESHOLDS, "counts": COUNTS}
)


def counted_for(
    book: Any, call: Call, lists: dict[str, NumberList], how: dict[str, Any]
) -> dict[str, int]:
    """What a counter would answer: nothing but what was asked for."""
    asked = demands(book, call, lists, NOW, monitor=how["monitor"], choice=how["choice"])
    return {demand.key: count_of(demand.key.partition(":")[0], how["counts"]) for demand in asked}


@settings(max_examples=200, deadline=None)
@given(rules=RULES, calls=st.lists(CALLS, min_size=1, max_size=6), lists=LISTS, how=HOW)
def test_the_verdict_is_that_of_trying_every_rule_in_turn(
    rules: list[dict[str, Any]],
    calls: list[dict[str, str]],
    lists: dict[str, Any],
    how: dict[str, Any],
) -> None:
    for facts in calls:
        book, call, mirrored = built(rules, facts, lists)
        counts = how["counts"]
        terms = {name: how[name] for name in ("monitor", "choice", "thresholds")}
        counted = counted_for(book, call, mirrored, how)
        said = evaluate(book, call, mirrored, NOW, counted=counted, **terms)
        action, rule, noted, score, also = plainly(rules, facts, lists, counts=counts, **terms)
        assert (said.action, said.rule, [each.rule for each in said.noted]) == (action, rule, noted)
        assert (said.score, [each.rule for each in said.also]) == (score, also)
        assert bool(said.rule) is (
            said.reason is Reason.RULE or (said.reason is Reason.CHALLENGE and bool(rule))
        )
        assert bool(said.sip) is (said.action in ("block", "intercept", "challenge"))
        assert said.label or said.action is not Action.FLAG


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


@settings(max_examples=200, deadline=None)
@given(rules=RULES, facts=CALLS, lists=LISTS, how=HOW)
def test_the_explanation_agrees_with_the_verdict(
    rules: list[dict[str, Any]], facts: dict[str, str], lists: dict[str, Any], how: dict[str, Any]
) -> None:
    book, call, mirrored = built(rules, facts, lists)
    terms = {name: how[name] for name in ("monitor", "choice", "thresholds")}
    counted = counted_for(book, call, mirrored, how)
    said = evaluate(book, call, mirrored, NOW, counted=counted, **terms)
    steps = explain(book, call, mirrored, NOW, counted=counted, **terms)
    of_rules = [step.rule for step in steps if step.rule[0] != "("]
    assert of_rules == [each.rule.id for each in book.rules]
    matched = [s.rule for s in steps if s.outcome == "matched" and s.rule[0] != "("]
    # a flag decides without ending the evaluation
    assert matched == ([said.rule] if said.rule and said.rule not in noted_of(said) else [])
    assert [step.rule for step in steps if step.outcome == "noted"] == noted_of(said)
    by_score = [s.action for s in steps if s.rule == "(score)" and s.outcome == "matched"]
    assert by_score == ([said.action] if said.matched[:1] and "_at " in said.matched[0] else [])


def noted_of(said: Any) -> list[str]:
    return [note.rule for note in said.noted]
