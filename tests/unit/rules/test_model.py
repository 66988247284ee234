"""A rule's JSON: what is taken, and what is refused by name."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.rules import MAX_RULE_BYTES, Rule, RuleRefused, decode_rule, encode_rule
from ringfence.rules.model import Schedule, Score, When, values_of
from ringfence.rules.respond import DEFAULT_LABEL, Listing, Respond
from ringfence.rules.velocity import Rate, Spread
from ringfence.verdict import Action, Basis


def refused(text: bytes | str, rule_id: str = "r") -> str:
    with pytest.raises(RuleRefused) as caught:
        decode_rule(rule_id, text)
    reason = caught.value.reason
    assert "\n" not in reason
    assert len(reason) <= 300
    assert str(caught.value) == f"rule {caught.value.rule_id}: {reason}"
    return reason


def test_the_rule_of_the_contract_is_read_whole() -> None:
    rule = decode_rule(
        "covid-gateway",
        """{"id": "covid-gateway", "priority": 200,
        "when": {"trunk": ["carrier-b*"], "attestation": ["C", "none"],
                 "caller": ["+1900*", "+12025550100-+12025550199", "@scammers", "anonymous"]},
        "action": "intercept", "respond": {"prompt": "ss-noservice", "sip": 603},
        "basis": "analytics", "mode": "enforce", "expires_at": "2027-01-31T00:00:00Z",
        "note": "why, for the next admin"}""",
    )
    assert rule == Rule(
        id="covid-gateway",
        priority=200,
        when=When(
            trunk=("carrier-b*",),
            attestation=("C", "none"),
            caller=("+1900*", "+12025550100-+12025550199", "@scammers", "anonymous"),
        ),
        action=Action.INTERCEPT,
        respond=Respond(prompt="ss-noservice", sip=603),
        basis=Basis.ANALYTICS,
        mode="enforce",
        expires_at=datetime(2027, 1, 31, tzinfo=UTC),
        note="why, for the next admin",
    )


def test_an_action_is_all_that_a_rule_must_have() -> None:
    rule = decode_rule("r", '{"action":"block"}')
    assert (rule.id, rule.priority, rule.mode, rule.enabled) == ("r", 100, "enforce", True)
    assert (rule.basis, rule.respond.label, rule.when) == (Basis.POLICY, DEFAULT_LABEL, When())
    assert encode_rule(rule) == b'{"action":"block","id":"r"}'


RATE = {"per": "caller", "over": "60s", "at_least": 10}


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({}, "action"),
        ({"action": "blok"}, "action"),
        ({"action": None}, "action"),
        ({"action": "score"}, "points, such as 40"),
        ({"action": "block", "points": 40}, "points are for action score"),
        ({"action": "divert"}, "respond.context"),
        ({"action": "divert", "respond": {"context": "a,b"}}, "context takes"),
        ({"action": "intercept", "respond": {"then": "divert"}}, "respond.context"),
        ({"action": "intercept", "respond": {"then": "fly"}}, "respond.then"),
        ({"action": "intercept", "respond": {"repeat": 0}}, "respond.repeat"),
        ({"action": "intercept", "respond": {"language": "../es"}}, "language takes"),
        ({"action": "challenge", "respond": {"tries": 9}}, "respond.tries"),
        ({"action": "challenge", "respond": {"remember": "soon"}}, "60s, 15m, 1h or 7d"),
        ({"action": "block", "also": {"list": "caught"}}, "for"),
        ({"action": "block", "also": {"list": "a b", "for": "1h"}}, "is no list"),
        ({"action": "block", "also": {"list": "caught", "for": "1 h"}}, "60s, 15m, 1h or 7d"),
        ({"action": "block", "also": {"list": "emergency", "for": "1h"}}, "not for rules to fill"),
        ({"action": "block", "when": {"rate": {**RATE, "over": "60"}}}, "60s, 15m, 1h or 7d"),
        ({"action": "block", "when": {"rate": {**RATE, "over": "8d"}}}, "at most 7d"),
        ({"action": "block", "when": {"rate": {**RATE, "at_least": 0}}}, "when.rate.at_least"),
        ({"action": "block", "when": {"rate": {**RATE, "per": "moon"}}}, "when.rate.per"),
        ({"action": "block", "when": {"spread": {**RATE, "of": "caller"}}}, "always one"),
        ({"action": "block", "when": {"score": {"at_least": 0}}}, "when.score.at_least"),
        ({"action": "block", "whne": {}}, "whne"),
        ({"action": "block", "when": {"calller": "+1900*"}}, "calller"),
        ({"action": "block", "when": {"rate": {"per": "caller"}}}, "rate"),
        ({"action": "block", "when": {"spread": {"per": "caller"}}}, "spread"),
        ({"action": "block", "when": {"score": 60}}, "score"),
        ({"action": "block", "when": {"schedule": {"days": "mon-fri"}}}, "timezone"),
        ({"action": "block", "when": {"schedule": {"timezone": ""}}}, "when.schedule.timezone"),
        ({"action": "block", "when": {"schedule": {"timezone": "UTC", "day": "mon"}}}, "`day`"),
        (
            {"action": "block", "when": {"schedule": [{"timezone": "UTC", "days": "!mon"}]}},
            "to exclude one",
        ),
        ({"action": "block", "respond": {"sipp": 603}}, "sipp"),
        ({"action": "block", "when": []}, "when"),
        ({"action": "block", "when": {"caller": 19005550100}}, "when.caller"),
        ({"action": "block", "when": {"caller": []}}, "when.caller"),
        ({"action": "block", "when": {"caller": ""}}, "when.caller"),
        ({"action": "block", "when": {"caller": ["+1900*", None]}}, "when.caller"),
        ({"action": "block", "when": {"caller": "x" * 201}}, "when.caller"),
        ({"action": "block", "when": {"caller": ["+1900*"] * 1001}}, "when.caller"),
        ({"action": "block", "priority": "1"}, "priority"),
        ({"action": "block", "priority": 1.5}, "priority"),
        ({"action": "block", "priority": True}, "priority"),
        ({"action": "block", "priority": -1}, "priority"),
        ({"action": "block", "priority": 10**30}, "priority"),
        ({"action": "block", "enabled": "yes"}, "enabled"),
        ({"action": "block", "enabled": 1}, "enabled"),
        ({"action": "block", "mode": "audit"}, "mode"),
        ({"action": "block", "basis": "hunch"}, "basis"),
        ({"action": "block", "respond": {"sip": 200}}, "respond.sip"),
        ({"action": "block", "respond": {"sip": 700}}, "respond.sip"),
        ({"action": "block", "respond": {"sip": "603"}}, "respond.sip"),
        ({"action": "block", "note": "x" * 4001}, "note"),
        ({"action": "block", "expires_at": 1893456000}, "expires_at"),
        ({"action": "block", "expires_at": "2027-01-31"}, "expires_at"),
        ({"action": "block", "expires_at": "2027-02-30T00:00:00Z"}, "expires_at"),
    ],
)
def test_what_is_wrong_with_a_rule_is_named(rule: dict[str, Any], named: str) -> None:
    assert named in refused(json.dumps(rule))


def test_an_expiry_without_its_time_zone_is_refused() -> None:
    reason = refused('{"action":"block","expires_at":"2027-01-31T00:00:00"}')
    assert "zone" in reason
    assert "expires_at" in reason


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"true",
        b"[]",
        b'"block"',
        b"{",
        b'{"action":"block"',
        b'{"action":"block"}{"action":"allow"}',
        b'{"action":"block",}',
        b"{'action':'block'}",
        b'{"action":"block","priority":NaN}',
        b'{"action":"block","priority":Infinity}',
        b'{"action":"block","priority":1e400}',
        b'\xef\xbb\xbf{"action":"block"}',
        '{"action":"block"}'.encode("utf-16"),
        b'{"action":"block","note":"\xff\xfe"}',
        b'{"action":"block","note":"\xed\xa0\x80"}',
        b'{"action":"block","note":"\\ud800"}',
        '{"action":"block","note":"\ud800"}',
        b'{"action":"block","note":"a\nb"}',
        b'{"action":"block","note":"a\x00b"}',
        b"[" * 60_000,
        b'{"when":' * 8_000,
        b'{"action":"block","when":{"caller":' + b"[" * 60_000,
        b'{"action":"block","x":' + b"[" * 60_000,
        b"\x00" * 100,
    ],
)
def test_broken_json_is_refused_in_one_line(text: bytes | str) -> None:
    refused(text)


@pytest.mark.parametrize("size", [MAX_RULE_BYTES + 1, 10_000_000])
def test_a_huge_rule_is_refused_before_it_is_read(size: int) -> None:
    reason = refused(b'{"action":"block","note":"' + b"x" * size)
    assert "put the numbers into a list" in reason


@pytest.mark.parametrize(
    "text",
    [
        '{"action":"allow","action":"block"}',
        '{"action":"block","when":{"caller":"+1900*"},"when":{"trunk":"carrier-a"}}',
        '{"action":"block","when":{"trunk":"carrier-a","trunk":"carrier-b"}}',
        '{"action":"block","when":{"trunk":"carrier-a","tr\\u0075nk":"carrier-b"}}',
    ],
)
def test_a_name_that_stands_twice_is_refused_as_nobody_knows_which_was_meant(text: str) -> None:
    assert "is there twice" in refused(text)


@pytest.mark.parametrize(
    "rule_id", ["", "-r", ".r", "_r", "a b", "a\n", "a,b", "${x}", "é", "x" * 65, "\ud800", "a/b"]
)
def test_an_id_that_could_mean_something_elsewhere_is_refused(rule_id: str) -> None:
    reason = refused('{"action":"block"}', rule_id)
    assert "letters, digits" in reason


@pytest.mark.parametrize("rule_id", ["a", "7", "Covid-Gateway_2.1", "x" * 64])
def test_an_id_of_letters_digits_and_marks_is_taken(rule_id: str) -> None:
    assert decode_rule(rule_id, '{"action":"block"}').id == rule_id


def test_a_rule_that_names_itself_otherwise_is_refused() -> None:
    assert "make both the same" in refused('{"action":"block","id":"other"}')


@pytest.mark.parametrize("end", [*",;\"'\\${}()=&|<>`^~@\n\r\0\t", "é", "\u2028", "[", "]", "]["])
@pytest.mark.parametrize("field", ["label", "prompt"])
def test_a_label_or_prompt_cannot_hold_what_means_something_to_a_dialplan(
    field: str, end: str
) -> None:
    for text in (f"a{end}", f"{end}a", f"a{end}a", end):
        text_of_rule = json.dumps({"action": "flag", "respond": {field: text}})
        assert f"respond.{field}" in refused(text_of_rule)


@pytest.mark.parametrize("prompt", ["", "/etc/passwd", "../../voicemail/a", "a/../b", "x" * 129])
def test_a_prompt_stays_inside_the_folder_of_sounds(prompt: str) -> None:
    assert "respond.prompt" in refused(
        json.dumps({"action": "intercept", "respond": {"prompt": prompt}})
    )


@pytest.mark.parametrize("label", ["", "x" * 33, "[" + "x" * 32 + "]"])
def test_a_label_is_bounded(label: str) -> None:
    assert "respond.label" in refused(json.dumps({"action": "flag", "respond": {"label": label}}))


def test_a_schedule_is_an_object_or_one_text_or_several_of_either() -> None:
    rule = decode_rule(
        "r",
        """{"action": "block", "when": {"schedule": [
        {"days": "mon-fri", "hours": "08:00-17:30", "timezone": "America/New_York"},
        {"days": "sat,sun", "timezone": "UTC"}, "!12:00-13:00 UTC"]}}""",
    )
    assert values_of(rule.when.schedule) == (
        "mon-fri 08:00-17:30 America/New_York",
        "sat,sun UTC",
        "!12:00-13:00 UTC",
    )
    alone = decode_rule("r", '{"action":"block","when":{"schedule":{"timezone":"UTC"}}}')
    assert values_of(alone.when.schedule) == ("UTC",)


SCHEDULES = st.sampled_from(
    [
        (),
        "mon UTC",
        Schedule("UTC", "mon-fri", "08:00-17:30"),
        (Schedule("UTC", hours="08:00-09:00"), "!sat UTC"),
    ]
)
NOTES = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
MOMENTS = st.datetimes(timezones=st.just(UTC)) | st.none()
RULES = st.builds(
    Rule,
    action=st.sampled_from([a for a in Action if a not in (Action.SCORE, Action.DIVERT)]),
    id=st.just("r"),
    priority=st.integers(0, 1_000_000),
    when=st.builds(
        When,
        caller=st.sampled_from([(), "anonymous", ("+1900*", "!@good")]),
        schedule=SCHEDULES,
        rate=st.sampled_from([None, Rate("caller", "60s", 10), Rate(("caller", "trunk"), "1h", 1)]),
        spread=st.sampled_from([None, Spread("caller", "60s", 10, "called")]),
        score=st.sampled_from([None, Score(60)]),
    ),
    respond=st.builds(
        Respond,
        prompt=st.sampled_from([(), "a", ("a", "b/c")]),
        sip=st.sampled_from([None, 400, 699]),
        remember=st.sampled_from(["0s", "24h", "7d"]),
    ),
    also=st.sampled_from([(), Listing("caught", "1h"), (Listing("a", "1h"), Listing("b", "2d"))]),
    basis=st.sampled_from(Basis),
    mode=st.sampled_from(["enforce", "monitor"]),
    enabled=st.booleans(),
    expires_at=MOMENTS,
    added_at=MOMENTS,
    note=NOTES,
)


@given(RULES)
def test_a_rule_written_and_read_again_is_the_same_rule(rule: Rule) -> None:
    assert decode_rule("r", encode_rule(rule)) == rule


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NOTES | st.just("block"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["action", "when", "caller", "respond", "label", "id", "x"]), inner
        )
    ),
    max_leaves=8,
)


@given(JSON.map(msgspec.json.encode) | st.binary(max_size=60))
def test_whatever_stands_in_redis_is_a_rule_or_refused(text: bytes) -> None:
    with contextlib.suppress(RuleRefused):
        assert isinstance(decode_rule("r", text), Rule)
