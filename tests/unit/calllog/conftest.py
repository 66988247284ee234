"""A screened call as the call log's tests put it in."""

from collections.abc import Callable
from typing import Any

import pytest

from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import Call, CallAttempt
from ringfence.numbers import normalise
from ringfence.screening import Screened
from ringfence.verdict import Action, Noted, Reason, Verdict

ATTEMPT = CallAttempt(
    called="0112025550123",
    caller="3015550199",
    caller_name="Jane",
    trunk="carrier-a",
    source="192.0.2.7:5060",
    sip_call_id="abc@192.0.2.7",
    uniqueid="1700000000.7",
    channel="PJSIP/carrier-a-00000001",
    headers={
        "from": "<sip:3015550199@192.0.2.7>",
        "p-asserted-identity": "<sip:+13015550199@192.0.2.7>",
        "diversion": "<sip:+12025550100@192.0.2.7>;reason=unconditional",
        "identity": "first.token",
        "identity.1": "second.token",
        "user-agent": "switch/1",
    },
    stir_shaken=(("passed", "C"),),
)
SIGNED = Attestation(Level.C, Verification.PASSED, "asterisk", origid="o-1")
VERDICT = Verdict(
    action=Action.BLOCK,
    reason=Reason.RULE,
    rule="gateway",
    sip=603,
    basis="analytics",
    prompt="ss-noservice",
    matched=("attestation C",),
    noted=(Noted("watch", Action.BLOCK, True),),
)


@pytest.fixture
def screened() -> Callable[..., Screened]:
    def make(**changes: Any) -> Screened:
        attempt = changes.pop("attempt", ATTEMPT)
        call = Call(
            called=normalise("+12025550123"),
            caller=normalise(attempt.caller),
            trunk=attempt.trunk,
            attestation=changes.pop("attestation", SIGNED),
        )
        fields = {
            "id": "0123456789ABCDEFGH",
            "at": 1_700_000_000.1239,
            "door": "agi",
            "attempt": attempt,
            "call": call,
            "verdict": VERDICT,
            "took": 0.000_123_4,
        }
        return Screened(**(fields | changes))

    return make
