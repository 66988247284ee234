"""The record of one call: every field that a traceback or a blocked-calls list must have.

Owns the record's JSON; knows nothing of where records are kept.
What is asked for, by whom: 47 CFR 64.1200(n)(1) (traceback), (k)(8) and (k)(10) (redress).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from ringfence.attestation import UNKNOWN
from ringfence.call import Call
from ringfence.screening import Screened
from ringfence.verdict import PLAIN, UNTOUCHED, Action, Also, Noted, Treatment, Verdict

MAX_RECORD = 65_536
"""Bytes of one record. Asterisk's own arguments stay far below; ARI's JSON need not."""

KEPT_IDENTITIES = 2
"""Identity headers that are kept of a call whose signature failed: strangers choose how long."""
_IDENTITY = re.compile(r"identity[-._]?\d*", re.ASCII)
_encoder = msgspec.json.Encoder()


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call as it came, what was decided and why; a field without a value is left out.

    `caller`, `called` and the headers are as the trunk wrote them, `caller_e164` and
    `called_e164` as rules saw them. `time` is UTC to the millisecond, at the door. `outcome` is
    the door's word on what became of the verdict: ``applied``, ``hung-up``, ``late``, ``failed``,
    and of a challenge ``passed``, ``failed``, ``hung-up``: then `challenge` says so too, and the
    verdict stays what the rules said. `headers` holds what the dialplan read besides those that
    have a field. `cut` says that parts were left out because the record would have been too large.
    `answered`, `ended`, `duration` (seconds from one to the other) and `cause` (Q.850) come from
    the archive, which hears of them after the record was written; without `ended` nothing is known
    of a call's end, and with it and without `answered` nobody took the call.
    """

    id: str
    time: str
    outcome: str = ""
    door: str = ""
    worker: str = ""
    uniqueid: str = ""
    channel: str = ""

    trunk: str = ""
    provider: str = ""
    source: str = ""
    sip_call_id: str = ""
    caller: str = ""
    caller_e164: str = ""
    caller_name: str = ""
    presentation: str = ""
    anonymous: bool = False
    called: str = ""
    called_e164: str = ""
    sip_from: str = msgspec.field(default="", name="from")
    pai: str = ""
    diversion: str = ""
    identity: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    cut: bool = False

    attestation: str = "none"
    verification: str = "none"
    attestation_origin: str = ""
    attestation_detail: str = ""
    origid: str = ""
    signer: str = ""
    diverters: tuple[str, ...] = ()
    x5u: str = ""
    attestation_reason: str = ""
    attestation_code: int = 0
    stir_shaken: tuple[tuple[str, str], ...] = ()

    action: str = ""
    reason: str = ""
    rule: str = ""
    basis: str = ""
    sip: int = 0
    label: str = ""
    prompt: str = ""
    detail: str = ""
    callee: str = ""
    score: int = 0
    treatment: Treatment = PLAIN
    challenge: str = ""
    matched: tuple[str, ...] = ()
    noted: tuple[Noted, ...] = ()
    also: tuple[Also, ...] = ()
    ms: float = 0.0

    answered: str = ""
    ended: str = ""
    duration: float = 0.0
    cause: int = 0


_decoder = msgspec.json.Decoder(CallRecord)


def utc_text(at: float) -> str:
    """``2026-11-21T18:51:08.123Z``: sorts as text, and says its zone."""
    seconds, rest = divmod(round(at * 1e6), 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"


@lru_cache(maxsize=2)
def _second(at: int) -> str:
    # Calls of one second share it.
    return datetime.fromtimestamp(at, UTC).isoformat()[:-6]


def make_record(screened: Screened, outcome: str, worker: str) -> CallRecord:
    """Everything that is known of a call when its door is done with it."""
    attempt, call = screened.attempt, screened.call
    # Most calls have little to tell: what has its default is not handed over, as each field costs.
    more: dict[str, Any] = {}
    if attempt.headers:
        more |= _of_headers(attempt.headers)
    if call is not None:
        more |= _of_call(call)
    if attempt.stir_shaken:
        more["stir_shaken"] = attempt.stir_shaken
    if screened.verdict is not UNTOUCHED:
        more |= _of_verdict(screened.verdict, outcome)
    else:
        more["action"], more["reason"] = "allow", "no-rule"
    if attempt.identities and more.get("verification") == "failed" and "identity" not in more:
        # What did not verify is kept, so that people can look into it.
        more["identity"] = attempt.identities[:KEPT_IDENTITIES]
    return CallRecord(
        id=screened.id,
        time=utc_text(screened.at),
        outcome=outcome,
        door=screened.door,
        worker=worker,
        uniqueid=attempt.uniqueid,
        channel=attempt.channel,
        trunk=attempt.trunk,
        source=attempt.source,
        sip_call_id=attempt.sip_call_id,
        caller=attempt.caller,
        caller_name=attempt.caller_name,
        presentation=attempt.presentation,
        called=attempt.called,
        ms=int(screened.took * 1e6 + 0.5) / 1000,
        **more,
    )


def _of_headers(given: dict[str, str]) -> dict[str, Any]:
    headers = dict(given)
    names = [name for name in sorted(headers) if _IDENTITY.fullmatch(name)]
    more: dict[str, Any] = {}
    if names:
        more["identity"] = tuple([headers.pop(name) for name in names])
    for field, name in _HEADERS:
        if text := headers.pop(name, ""):
            more[field] = text
    return more | {"headers": headers}


_HEADERS = (("sip_from", "from"), ("pai", "p-asserted-identity"), ("diversion", "diversion"))


def _of_call(call: Call) -> dict[str, Any]:
    more: dict[str, Any] = {"caller_e164": call.caller.e164, "called_e164": call.called.e164}
    if call.provider:
        more["provider"] = call.provider
    if call.caller.anonymous:
        more["anonymous"] = True
    if call.attestation is not UNKNOWN:
        attestation = call.attestation
        more |= {
            "attestation": attestation.level.value,
            "verification": attestation.verification.value,
            "attestation_origin": attestation.origin,
            "attestation_detail": attestation.detail,
            "origid": attestation.origid,
            "signer": attestation.signer,
            "diverters": attestation.diverters,
            "x5u": attestation.x5u,
            "attestation_reason": attestation.reason,
            "attestation_code": attestation.code,
        }
    return more


def _of_verdict(verdict: Verdict, outcome: str) -> dict[str, Any]:
    return {
        "action": verdict.action.value,
        "reason": verdict.reason.value,
        "rule": verdict.rule,
        "basis": verdict.basis,
        "sip": verdict.sip,
        "label": verdict.label,
        "prompt": verdict.prompt,
        "detail": verdict.detail,
        "callee": verdict.callee,
        "score": verdict.score,
        # an equal one would not be left out
        "treatment": PLAIN if verdict.treatment == PLAIN else verdict.treatment,
        "challenge": challenge_result(verdict.action, outcome),
        "matched": verdict.matched,
        "noted": verdict.noted,
        "also": verdict.also,
    }


CHALLENGE_RESULTS = ("passed", "failed", "hung-up")


def challenge_result(action: Action, outcome: str) -> str:
    """How a challenge went; "" for another verdict, or where it did not come to an end."""
    return outcome if action is Action.CHALLENGE and outcome in CHALLENGE_RESULTS else ""


def encode_record(record: CallRecord) -> bytes:
    """One line of JSON of at most `MAX_RECORD` bytes, without a line break in it."""
    data = _encoder.encode(record)
    if len(data) <= MAX_RECORD:
        return data
    # Headers are the only part without a count of their own; what was decided stays whole.
    small = msgspec.structs.replace(
        record,
        headers={},
        identity=tuple(text[:2_048] for text in record.identity[:4]),
        matched=tuple(text[:256] for text in record.matched[:16]),
        noted=tuple(msgspec.structs.replace(n, why=n.why[:128]) for n in record.noted[:64]),
        also=record.also[:16],
        cut=True,
    )
    data = _encoder.encode(small)
    if len(data) > MAX_RECORD:
        raise ValueError(f"call record {record.id}: {len(data)} bytes even without its headers")
    return data


def decode_record(data: bytes) -> CallRecord:
    """The record in `data`; ValueError in one line where it is none."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:300]) from None
