"""The verdict as the dialplan reads it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.protocol import command
from ringfence.answer import assignments, passes
from ringfence.call import CallAttempt
from ringfence.rules import RuleRefused, compile_rules, decode_rule, evaluate
from ringfence.screening import call_of
from ringfence.trunk import DEFAULT_TRUNK
from ringfence.verdict import Action, Reason, Treatment, Verdict


def test_a_call_that_goes_on_has_its_action_reason_rule_label_and_id() -> None:
    verdict = Verdict(action=Action.FLAG, reason=Reason.RULE, rule="watch", label="SPAM?")
    assert assignments(verdict, "ID1") == (
        "RINGFENCE_ACTION=flag,RINGFENCE_REASON=rule,RINGFENCE_RULE=watch,"
        "RINGFENCE_LABEL=SPAM?,RINGFENCE_ID=ID1"
    )


def test_a_blocked_call_has_its_sip_code_and_pays_for_nothing_else() -> None:
    verdict = Verdict(action=Action.BLOCK, reason=Reason.RULE, rule="r", sip=607)
    assert assignments(verdict, "ID1").endswith("RINGFENCE_ID=ID1,RINGFENCE_SIP=607")


def more_than_a_block(verdict: Verdict, **how: bool) -> dict[str, str]:
    read = split_as_mset_does(assignments(verdict, "ID1", **how))
    return {
        name.removeprefix("RINGFENCE_"): value
        for name, value in read.items()
        if name.removeprefix("RINGFENCE_") not in ("ACTION", "REASON", "RULE", "LABEL", "ID", "SIP")
    }


INTERCEPT = Verdict(
    action=Action.INTERCEPT, reason=Reason.RULE, rule="r", sip=603, prompt="ss-noservice&beep"
)


def test_an_intercept_says_all_that_the_dialplan_reads_for_it() -> None:
    assert more_than_a_block(INTERCEPT) == {
        "THEN": "reject", "PROMPT": "ss-noservice&beep", "LANGUAGE": "", "ANSWER": "no",
        "REPEAT": "1",
    }  # fmt: skip
    how = Treatment(
        language="es", answer=True, repeat=3, then="divert", context="desk", extension="1"
    )
    verdict = msgspec.structs.replace(INTERCEPT, treatment=how)
    assert more_than_a_block(verdict) == {
        "THEN": "divert", "PROMPT": "ss-noservice&beep", "LANGUAGE": "es", "ANSWER": "yes",
        "REPEAT": "3", "CONTEXT": "desk", "EXTENSION": "1",
    }  # fmt: skip


def test_of_an_intercept_that_somebody_else_plays_the_dialplan_gets_what_comes_then() -> None:
    assert more_than_a_block(INTERCEPT, announced=True) == {"THEN": "reject", "PROMPT": ""}


def test_a_diversion_without_an_extension_says_so_as_an_earlier_one_may_have_had_one() -> None:
    verdict = Verdict(
        action=Action.DIVERT, reason=Reason.RULE, rule="r", treatment=Treatment(context="desk")
    )
    assert more_than_a_block(verdict) == {"CONTEXT": "desk", "EXTENSION": ""}


def test_the_longest_that_rules_may_say_is_no_more_than_agi_takes() -> None:
    respond = {
        "prompt": ["p" * 128] * 8, "language": "abc_12345678_12345678", "answer": True,
        "repeat": 10, "then": "divert", "context": "c" * 79, "extension": "1" * 79, "sip": 603,
    }  # fmt: skip
    rule = {"action": "intercept", "respond": respond}
    verdict = evaluate(
        compile_rules([decode_rule("r" * 64, msgspec.json.encode(rule))]),
        call_of(CallAttempt(called="2025550123"), DEFAULT_TRUNK), {}, 0.0,
    )  # fmt: skip
    verdict = msgspec.structs.replace(verdict, label="[" + "L" * 30 + "]")
    text = assignments(verdict, "0" * 22)
    assert text in command("SET VARIABLE", "RINGFENCE_VERDICT", text).decode()


def test_only_a_call_that_no_rule_touched_passes_with_its_id_alone() -> None:
    assert passes(Verdict(action=Action.ALLOW, reason=Reason.NO_RULE))
    for action, reason in (
        (Action.ALLOW, Reason.RULE),
        (Action.ALLOW, Reason.EMERGENCY),
        (Action.ALLOW, Reason.FAIL_OPEN),
        (Action.FLAG, Reason.RULE),
        (Action.BLOCK, Reason.RULE),
        (Action.INTERCEPT, Reason.RULE),
        (Action.DIVERT, Reason.RULE),
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
