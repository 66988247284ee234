"""What is kept of a call."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import CallAttempt
from ringfence.calllog.line import log_line, mask_number
from ringfence.calllog.record import (
    MAX_RECORD,
    CallRecord,
    decode_record,
    encode_record,
    make_record,
    utc_text,
)
from ringfence.verdict import Action, Also, Noted, Reason, Treatment, Verdict


def test_a_record_has_all_that_a_traceback_answer_needs(screened):
    record = json.loads(encode_record(make_record(screened(), "applied", "w1")))
    assert record == {
        "id": "0123456789ABCDEFGH",
        "time": "2023-11-14T22:13:20.123Z",
        "outcome": "applied",
        "door": "agi",
        "worker": "w1",
        "uniqueid": "1700000000.7",
        "channel": "PJSIP/carrier-a-00000001",
        "trunk": "carrier-a",
        "source": "192.0.2.7:5060",
        "sip_call_id": "abc@192.0.2.7",
        "caller": "3015550199",
        "caller_e164": "+13015550199",
        "caller_name": "Jane",
        "called": "0112025550123",
        "called_e164": "+12025550123",
        "from": "<sip:3015550199@192.0.2.7>",
        "pai": "<sip:+13015550199@192.0.2.7>",
        "diversion": "<sip:+12025550100@192.0.2.7>;reason=unconditional",
        "identity": ["first.token", "second.token"],
        "headers": {"user-agent": "switch/1"},
        "attestation": "C",
        "verification": "passed",
        "attestation_origin": "asterisk",
        "origid": "o-1",
        "stir_shaken": [["passed", "C"]],
        "action": "block",
        "reason": "rule",
        "rule": "gateway",
        "basis": "analytics",
        "sip": 603,
        "prompt": "ss-noservice",
        "matched": ["attestation C"],
        "noted": [{"rule": "watch", "action": "block", "monitor": True}],
        "ms": 0.123,
    }


def test_a_record_reads_back_as_it_was(screened):
    record = make_record(screened(), "applied", "w1")
    assert decode_record(encode_record(record)) == record


def test_what_is_empty_is_left_out(screened):
    verdict = Verdict(action=Action.ALLOW, reason=Reason.FAIL_OPEN)
    bare = screened(attempt=CallAttempt(), call=None, verdict=verdict, took=0.0)
    record = json.loads(encode_record(make_record(bare, "", "")))
    assert set(record) == {"id", "time", "door", "action", "reason", "ms"}


def test_a_record_is_one_line_whatever_strangers_wrote(screened):
    attempt = CallAttempt(caller='a"\n,\r', caller_name="\u2028 \x00")
    assert b"\n" not in encode_record(make_record(screened(attempt=attempt), "applied", "w1"))


def test_a_record_that_is_too_large_loses_headers_and_says_so(screened):
    attempt = CallAttempt(headers={f"x-{n}": "y" * 2_048 for n in range(64)})
    data = encode_record(make_record(screened(attempt=attempt), "applied", "w1"))
    record = decode_record(data)
    assert len(data) <= MAX_RECORD
    assert record.cut
    assert record.headers == {}
    assert record.rule == "gateway"


def test_a_record_has_the_whole_trail(screened):
    verdict = Verdict(
        action=Action.DIVERT,
        reason=Reason.RULE,
        rule="gateway",
        callee="acme",
        score=60,
        treatment=Treatment(language="es", context="checks"),
        noted=(
            Noted("points", Action.SCORE, False, "caller +1900*", 60),
            Noted("watch", Action.BLOCK, True),
        ),
        also=(Also("caught", 3_600, "gateway"),),
    )
    made = make_record(screened(verdict=verdict), "applied", "w1")
    record = json.loads(encode_record(made))
    assert decode_record(encode_record(made)) == made
    assert {name: record[name] for name in ("callee", "score", "treatment", "noted", "also")} == {
        "callee": "acme",
        "score": 60,
        "treatment": {"language": "es", "context": "checks"},
        "noted": [
            {
                "rule": "points",
                "action": "score",
                "monitor": False,
                "why": "caller +1900*",
                "points": 60,
            },
            {"rule": "watch", "action": "block", "monitor": True},
        ],
        "also": [{"list": "caught", "seconds": 3_600, "rule": "gateway"}],
    }
    assert log_line(made)["score"] == 60
    assert log_line(made)["callee"] == "acme"


def test_a_treatment_that_says_nothing_is_left_out(screened):
    verdict = Verdict(action=Action.INTERCEPT, reason=Reason.RULE, treatment=Treatment())
    assert b"treatment" not in encode_record(make_record(screened(verdict=verdict), "", ""))


@pytest.mark.parametrize(
    ("action", "outcome", "challenge"),
    [
        (Action.CHALLENGE, "passed", "passed"),
        (Action.CHALLENGE, "failed", "failed"),
        (Action.CHALLENGE, "hung-up", "hung-up"),
        (Action.CHALLENGE, "late", ""),
        (Action.BLOCK, "failed", ""),
        (Action.BLOCK, "hung-up", ""),
    ],
)
def test_a_challenge_has_its_result_beside_the_verdict(screened, action, outcome, challenge):
    verdict = Verdict(action=action, reason=Reason.RULE, rule="r")
    record = make_record(screened(verdict=verdict), outcome, "w1")
    assert (record.action, record.outcome, record.challenge) == (action, outcome, challenge)


def test_a_trail_that_is_too_long_is_cut_and_says_so(screened):
    noted = tuple(Noted(f"rule-{n}", Action.FLAG, True, '"' * 200) for n in range(1_000))
    matched = ("\u2028" * 2_000,) * 20
    verdict = Verdict(action=Action.BLOCK, reason=Reason.RULE, noted=noted, matched=matched)
    data = encode_record(make_record(screened(verdict=verdict), "applied", "w1"))
    record = decode_record(data)
    assert len(data) <= MAX_RECORD
    assert (record.cut, len(record.noted), len(record.noted[0].why)) == (True, 64, 128)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"id": 7}', b"[" * 10_000])
def test_what_is_no_record_is_a_value_error_in_one_line(data):
    with pytest.raises(ValueError, match=r"\A.+\Z"):
        decode_record(data)


def test_a_field_of_a_later_version_is_ignored():
    assert decode_record(b'{"id":"a","time":"b","new":1}') == CallRecord(id="a", time="b")


def test_the_log_line_says_what_happened(screened):
    assert log_line(make_record(screened(), "applied", "w1")) == {
        "id": "0123456789ABCDEFGH",
        "action": "block",
        "reason": "rule",
        "rule": "gateway",
        "sip": 603,
        "trunk": "carrier-a",
        "caller": "+13015550199",
        "called": "+12025550123",
        "attestation": "C",
        "noted": "watch",
        "outcome": "applied",
        "door": "agi",
        "uniqueid": "1700000000.7",
        "sip_call_id": "abc@192.0.2.7",
        "ms": 0.123,
    }


def test_a_masked_log_line_does_not_give_the_caller_away(screened):
    record = replace(make_record(screened(), "applied", "w1"), matched=("caller +13015550199",))
    line = repr(log_line(record, mask=True))
    assert "+1301555****" in line
    assert "0199" not in line


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+12025550123", "+1202555****"),
        ("anonymous", "anonymous"),
        ("", ""),
        ("911", "****"),
        ("john.doe", "****"),
    ],
)
def test_masking_hides_what_tells_a_caller(text, masked):
    assert mask_number(text) == masked


FORGED = Attestation(
    Level.NONE, Verification.FAILED, "identity", "the signature does not hold",
    code=438, reason="bad-signature", x5u="https://example.org/818H.pem",
)  # fmt: skip


def test_a_record_says_whose_signature_it_was(screened):
    signed = Attestation(Level.A, Verification.PASSED, "identity", signer="818H", x5u="https://x")
    attempt = CallAttempt(caller="3015550199", identities=("a.b.c",))
    record = make_record(screened(attempt=attempt, attestation=signed), "applied", "w1")
    assert (record.signer, record.x5u, record.attestation_code) == ("818H", "https://x", 0)
    assert record.identity == (), "what verified need not be kept"


def test_a_signature_that_failed_is_kept_with_why(screened):
    attempt = CallAttempt(caller="3015550199", identities=("a.b.c", "d.e.f", "g.h.i"))
    record = make_record(screened(attempt=attempt, attestation=FORGED), "applied", "w1")
    assert (record.attestation_reason, record.attestation_code) == ("bad-signature", 438)
    assert record.identity == ("a.b.c", "d.e.f")


@given(st.floats(0, 4e9))
def test_a_records_time_is_that_of_the_call_to_the_millisecond(at):
    written = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    assert utc_text(at) == written.replace("+00:00", "Z")
