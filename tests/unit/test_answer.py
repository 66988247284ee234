"""The verdict as the dialplan reads it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.answer import assignments, passes
from ringfence.rules import RuleRefused, compile_rules, decode_rule, evaluate
from ringfence.screening import CallAttempt, call_of
from ringfence.trunk import DEFAULT_TRUNK
from ringfence.verdict import Action, Reason, Verdict


def test_a_call_that_goes_on_has_its_action_reason_rule_label_and_id() -> None:
    verdict = Verdict(action=Action.FLAG, reason=Reason.RULE, rule="watch", label="SPAM?")
    assert assignments(verdict, "ID1") == (
        "RINGFENCE_ACTION=flag,RINGFENCE_REASON=rule,RINGFENCE_RULE=watch,"
        "RINGFENCE_LABEL=SPAM?,RINGFENCE_ID=ID1"
    )


def test_a_call_that_ends_has_its_sip_code_and_prompt_too() -> None:
    verdict = Verdict(
        action=Action.INTERCEPT, reason=Reason.RULE, rule="r", sip=603, prompt="ss-noservice"
    )
    assert assignments(verdict, "ID1").endswith(
        "RINGFENCE_ID=ID1,RINGFENCE_SIP=603,RINGFENCE_PROMPT=ss-noservice"
    )


def test_only_a_call_that_no_rule_touched_passes_with_its_id_alone() -> None:
    assert passes(Verdict(action=Action.ALLOW, reason=Reason.NO_RULE))
    for action, reason in (
        (Action.ALLOW, Reason.RULE),
        (Action.ALLOW, Reason.EMERGENCY),
        (Action.ALLOW, Reason.FAIL_OPEN),
        (Action.FLAG, Reason.RULE),
        (Action.BLOCK, Reason.RULE),
        (Action.INTERCEPT, Reason.RULE),
    ):
        assert not passes(Verdict(action=action, reason=reason))


def split_as_mset_does(text: str) -> dict[str, str]:
    """Asterisk's MSet: commas within (), [] and "" do not part; a backslash hides what follows."""
    parts, depth, quoted, hidden = [""], {"(": 0, "[": 0}, False, False
    for letter in text:
        if hidden:
            hidden = False
        elif letter == "\\":
            hidden = True
            continue
        elif letter == '"':
            quoted = not quoted
            continue
        elif letter in "([":
            depth[letter] += 1
        elif letter in ")]":
            opening = "(" if letter == ")" else "["
            depth[opening] = max(0, depth[opening] - 1)
        elif letter == "," and not quoted and not any(depth.values()):
            parts.append("")
            continue
        parts[-1] += letter
    return dict(part.split("=", 1) for part in parts)


ODD = st.text(st.sampled_from("aB9 ?!*#:._+[]()-,;\"'\\$={}&|/\n\r\0é<>"), min_size=1, max_size=12)


@given(label=ODD, prompt=ODD)
def test_no_label_or_prompt_that_a_rule_may_have_breaks_out_of_its_variable(
    label: str, prompt: str
) -> None:
    for action, respond in (("flag", {"label": label}), ("intercept", {"prompt": prompt})):
        verdict = _verdict_of(action, respond)
        if verdict is None:
            continue
        text = assignments(verdict, "0123456789ABCDEFGH")
        assert "\n" not in text
        read = split_as_mset_does(text)
        assert read["RINGFENCE_ACTION"] == action
        assert read["RINGFENCE_LABEL"] == verdict.label
        assert read["RINGFENCE_ID"] == "0123456789ABCDEFGH"
        assert read.get("RINGFENCE_PROMPT", "") == verdict.prompt


@pytest.mark.parametrize("label", ["[SPAM]", "SPAM?", "*** Check: a.b", "[a][b]"])
def test_a_usual_label_comes_through_whole(label: str) -> None:
    verdict = _verdict_of("flag", {"label": label})
    assert verdict
    assert split_as_mset_does(assignments(verdict, "1"))["RINGFENCE_LABEL"] == label


def _verdict_of(action: str, respond: dict[str, str]) -> Verdict | None:
    try:
        rule = decode_rule("r", msgspec.json.encode({"action": action, "respond": respond}))
    except RuleRefused:
        return None
    call = call_of(CallAttempt(called="2025550123"), DEFAULT_TRUNK)
    return evaluate(compile_rules([rule]), call, {}, 0.0)
