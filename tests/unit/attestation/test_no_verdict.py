"""An attestation is a fact about a call, and never by itself a verdict."""

from __future__ import annotations

import json

import pytest

from ringfence.call import Call
from ringfence.numbers import normalise
from ringfence.rules import compile_rules, decode_rule, evaluate
from ringfence.verdict import Action, Reason
from tests.unit.attestation.maker import CALLED, CALLER, Maker

BLOCKED = {"action": "block", "when": {"caller": f"+{CALLER}"}}


def call(maker: Maker, *identities: str) -> Call:
    caller, called = normalise(f"+{CALLER}"), normalise(f"+{CALLED}")
    return Call(caller=caller, called=called, attestation=maker.verify(*identities))


def test_a_valid_signature_lets_nobody_through_whom_a_rule_blocks(maker: Maker) -> None:
    rules = compile_rules([decode_rule("listed", json.dumps(BLOCKED))])
    signed = call(maker, maker.identity(attest="A"))
    assert (signed.attestation.level, signed.attestation.verification) == ("A", "passed")
    assert evaluate(rules, signed, {}, 0.0).action is Action.BLOCK


@pytest.mark.parametrize("identity", ["none", "rubbish", "stale", "C"])
def test_without_a_rule_no_signature_and_no_fault_of_one_stops_a_call(
    maker: Maker, identity: str
) -> None:
    headers = {
        "none": (),
        "rubbish": ("rubbish",),
        "stale": (maker.identity(age=3_600),),
        "C": (maker.identity(attest="C"),),
    }
    verdict = evaluate(compile_rules([]), call(maker, *headers[identity]), {}, 0.0)
    assert (verdict.action, verdict.reason) == (Action.ALLOW, Reason.NO_RULE)
