"""Ringfence verifies signed calls itself: what each one proves, and what the rules make of it.

Both doors, a real Asterisk, real tokens and certificates by HTTPS. The whole table is placed at
the beginning, call after call, and each test looks at one row of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from demo.stage import Stage
from lab import CallResult, Trunk
from lab.shaken import Shaken
from ringfence.attestation import Failure, Reason
from tests.asterisk.signed_calls import (
    CALLED,
    CALLER,
    MEANT,
    OTHER,
    Headers,
    Made,
    by_http,
    by_short_name,
    by_stranger,
    compact,
    compact_without_date,
    diversion,
    expired,
    for_other_numbers,
    for_this_number,
    forged,
    in_turn,
    info_elsewhere,
    large,
    meant,
    no_certificate_there,
    nobody_there,
    not_found,
    not_yet_valid,
    raised,
    revoked,
    rewritten,
    signed,
    text,
    unsigned,
    with_a_query,
    without_a_code,
)

pytestmark = pytest.mark.asterisk

DOORS = ("agi", "ari")
ORIGID = "0f5a7c1e-0000-4000-8000-00000000a77e"
CLAIM = "P-Attestation-Indicator"
LOOKED_AT = ("carrier-a", "gateway-b", "quiet", "elsewhere", "both", "headers-first")
EXTRA = [
    Trunk(name, 20 + at, "from-trunk", trusted=True)
    for at, name in enumerate(("quiet", "elsewhere", "both", "headers-first"))
]
ELSEWHERE = """
[by-local-channel]
exten => _[+0-9].,1,Set(RINGFENCE_DOOR=${CUT(EXTEN,*,2)})
 same => n,Set(RINGFENCE_IDENTITY=yes)
 same => n,Gosub(ringfence,screen,1(${CUT(EXTEN,*,1)}))
 same => n,Hangup()

[through-local]
exten => _[+0-9].,1,Dial(Local/${EXTEN}*${PJSIP_HEADER(read,X-Lab-Door)}@by-local-channel,5)
 same => n,PJSIPHangup(480)

[screened-twice]
exten => _[+0-9].,1,Set(RINGFENCE_DOOR=${PJSIP_HEADER(read,X-Lab-Door)})
 same => n,Gosub(ringfence,screen,1(${EXTEN}))
 same => n,Set(RINGFENCE_IDENTITY=no)
 same => n,Gosub(ringfence,screen,1(${EXTEN}))
 same => n,PJSIPHangup(480)
"""
# A machine that is busy may take longer over a certificate than a call would wait for it.
PATIENT = {"RINGFENCE_ATTESTATION_WAIT": "2", "RINGFENCE_ARI_DEADLINE": "4"}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Six trunks hand on Identity headers, the customers' does not."""
    with Stage(
        shaken=Shaken(), environment=PATIENT, extra_dialplan=ELSEWHERE,
        extra_trunks=[
            *EXTRA, Trunk("twice", 30, "screened-twice"), Trunk("local", 31, "through-local"),
        ],
        globals={"RINGFENCE_DEADLINE": "4", "RINGFENCE_HEADERS": CLAIM},
        set_var={name: {"RINGFENCE_IDENTITY": "yes"} for name in (*LOOKED_AT, "twice")},
        purpose="tests",
    ) as running:  # fmt: skip
        running.ringfence.start()
        yield running


@pytest.fixture(scope="module")
def rules(stage: Stage) -> None:
    """What an admin would set; no rule concerns the trunk called quiet."""
    admin = stage.ringfence.cli
    for words in (
        "elsewhere --attestation asterisk",
        "both --attestation ringfence --attestation headers",
        "headers-first --attestation headers --attestation ringfence",
    ):
        admin("trunk", "set", *words.split())
    for words in (
        "a-signer --signer 0007 --priority 10 --action block --basis provider-notice",
        f"a-origid --origid {ORIGID} --priority 10 --action block --sip 480",
        "a-reason --reason bad-attest --priority 10 --action block --sip 488",
        "a-gateway --attestation C --trunk gateway-b --action intercept --basis analytics "
        "--prompt beep",
        "a-demand --verification none --trunk gateway-b --action block --basis identity",
    ):
        admin("rule", "add", *words.split())
    with stage.ringfence.in_force("a-failed"):
        admin(
            "rule", "add", "a-failed", "--verification", "failed", "--trunk", "!quiet",
            "--action", "block", "--basis", "identity",
        )  # fmt: skip


class Expected(NamedTuple):
    """A call, and what comes of it. Where `reason` has a code and the rule is ``a-failed``, the
    SIP response is that code."""

    name: str
    made: Made
    sip: int
    rule: str = ""
    level: str = "none"
    verification: str = "none"
    reason: str = ""
    signer: str = ""
    trunk: str = "carrier-a"
    caller: str = CALLER
    called: str = CALLED
    more: Headers = ()


def passed(name: str, made: Made, level: str = "A", **more: Any) -> Expected:
    known: dict[str, Any] = {"sip": 200, "signer": "818H", "verification": "passed", **more}
    return Expected(name, made, level=level, **known)


def failed(name: str, made: Made, reason: str, **more: Any) -> Expected:
    code = Failure(Reason(reason)).code
    known: dict[str, Any] = {"sip": code, "rule": "a-failed", **more}
    return Expected(name, made, verification="failed", reason=reason, **known)


def claims(level: str) -> Headers:
    return ((CLAIM, level),)


def asserted(number: str, *more: tuple[str, str]) -> Headers:
    return (("P-Asserted-Identity", f"<sip:{number}@carrier.test>"), *more)


TABLE = [
    passed("an A attested call", signed()),
    passed("a B attested call", signed(attest="B"), "B"),
    passed("a C attested call", signed(attest="C"), "C"),
    passed("another signer", signed(spc="709J"), signer="709J"),
    passed("a national number", signed(), caller=CALLER[2:]),
    passed("an asserted number", signed(), caller="+13015550100", more=asserted(CALLER)),
    passed("a withheld number", signed(), more=asserted(CALLER, ("Privacy", "id"))),
    passed("a signer of this number alone", for_this_number, signer=""),
    # -- what rules make of it
    passed("a C attested call of a gateway", signed(attest="C"), "C", trunk="gateway-b",
           sip=603, rule="a-gateway"),
    passed("an A by a refused signer", signed(spc="0007"), signer="0007", sip=403,
           rule="a-signer"),
    passed("a refused origid", signed(origid=ORIGID), sip=480, rule="a-origid"),
    failed("a refused reason", signed(attest="D"), "bad-attest", sip=488, rule="a-reason"),
    Expected("nothing where a signature is demanded", unsigned, 428, "a-demand",
             reason="no-identity", trunk="gateway-b"),
    # -- the token
    failed("a forged signature", forged, "bad-signature"),
    failed("a C that was made an A of", raised, "bad-signature"),
    failed("a stale token", signed(age=90), "stale"),
    failed("a token from the future", signed(age=-90), "stale"),
    passed("a clock half a minute ahead", signed(age=-30)),
    failed("another caller's token", signed(), "orig-mismatch", caller=OTHER),
    failed("a token for another called number", meant, "dest-mismatch"),
    failed("another algorithm", signed(header={"alg": "RS256"}), "unsupported"),
    failed("no origid", signed(payload={"origid": None}), "malformed"),
    failed("no token at all", text("garbage"), "malformed"),
    failed("dialplan", text('a.b.c"${SHELL(id)}):0:1&|%;info=<x>'), "malformed"),
    # -- the certificate
    failed("an authority nobody trusts", by_stranger, "untrusted"),
    failed("an expired certificate", expired, "expired"),
    failed("a certificate of tomorrow", not_yet_valid, "not-yet-valid"),
    failed("a revoked certificate", revoked, "revoked"),
    failed("a certificate without a code", without_a_code, "no-tnauthlist"),
    failed("a certificate for other numbers", for_other_numbers, "out-of-scope"),
    failed("no certificate there", no_certificate_there, "bad-certificate"),
    # -- where it is said to be
    failed("a certificate that is not found", not_found, "no-certificate"),
    failed("a server that is not there", nobody_there, "no-certificate"),
    failed("an inner address", signed(x5u="https://[::1]:8443/a.pem"), "no-certificate"),
    failed("a certificate by http", by_http, "bad-x5u"),
    failed("another port", signed(x5u="https://127.0.0.1:8080/a.pem"), "bad-x5u"),
    failed("an address with a query", with_a_query, "bad-x5u"),
    failed("another address in the header", info_elsewhere, "bad-x5u"),
    # -- diverted calls
    passed("a diverted call", in_turn(meant, diversion())),
    passed("a diverted call, the diversion first", in_turn(diversion(), meant)),
    failed("a diversion of another number", in_turn(meant, diversion(OTHER)), "broken-diversion"),
    failed("a diversion of another caller's call", in_turn(meant, diversion(caller=OTHER)),
           "orig-mismatch"),
    failed("a stale diversion", in_turn(meant, diversion(age=90)), "stale"),
    Expected("a diversion alone", diversion(), 200, reason="no-shaken"),
    # -- several headers, and how they are written
    passed("a token behind three spoilt ones",
           in_turn(text("a"), text("b;info=<>"), signed(age=90), signed())),
    passed("an A and a C", in_turn(signed(), signed(attest="C")), "C"),
    passed("spaces and quotes", rewritten(";alg=ES256;ppt=shaken",
                                          ' ; alg = "ES256" ;ppt="shaken"', signed())),
    passed("no parameters but info", rewritten(";alg=ES256;ppt=shaken", "", signed())),
    passed("an unknown parameter", rewritten(";alg", ";x=y;alg", signed())),
    passed("a header's name in small letters", lambda shaken: [
        (name.lower(), value) for name, value in signed()(shaken)]),
    passed("a header on two lines", rewritten(";alg=", ";\r\n alg=", signed())),
    Expected("a header by its short name", by_short_name, 200, reason="no-identity"),
    passed("a compact token", compact(), "none"),
    failed("a compact token without a date", compact_without_date, "malformed"),
    failed("a stale compact token", compact(age=90), "stale"),
    # -- who is believed
    Expected("no Identity header", unsigned, 200, reason="no-identity"),
    Expected("a signed anonymous call", signed(), 200, reason="no-number", caller="anonymous"),
    Expected("a trunk that is not trusted with it", signed(), 200, trunk="elsewhere"),
    Expected("a trunk that does not hand it on", signed(), 200, trunk="customer"),
    Expected("headers that are not trusted", unsigned, 200, reason="no-identity",
             more=claims("A")),
    failed("a carrier's A against our failure", forged, "bad-signature", trunk="both",
           more=claims("A")),
    Expected("a carrier's word where there is no token", unsigned, 200, "", "B", "passed",
             trunk="both", more=claims("B")),
    Expected("a carrier's word that counts first", forged, 200, "", "A", "passed",
             trunk="headers-first", more=claims("A")),
    passed("our word where the carrier says none", signed(), trunk="headers-first"),
    failed("an emergency call with a forged token", forged, "bad-signature", called="911",
           sip=200, rule=""),
    # -- large ones: Asterisk reads none of over 4,095 bytes, and 2,048 characters are handed on
    passed("four headers of 1,700 characters", in_turn(*[large(1_000)] * 4), trunk="quiet"),
    passed("four headers of almost 2,048 characters", in_turn(*[large(1_300)] * 4),
           trunk="quiet"),
    failed("a header of 3,000 characters", large(2_300), "malformed", trunk="quiet", sip=200,
           rule=""),
    Expected("a header of 6,000 characters", large(5_300), 200, reason="no-identity",
             trunk="quiet"),
    Expected("four headers of 6,000 characters", in_turn(*[large(5_300)] * 4), 200,
             reason="no-identity", trunk="quiet"),
]  # fmt: skip


class Outcome(NamedTuple):
    door: str
    result: CallResult
    record: dict[str, Any]


@pytest.fixture(scope="module")
def outcomes(stage: Stage, rules: None) -> dict[str, list[Outcome]]:
    """The whole table, each call through both doors."""
    placed = asyncio.run(_place(stage, TABLE))
    ids = [result.call_id for results in placed.values() for result in results]
    records = dict(zip(ids, stage.ringfence.records(ids), strict=True))
    return {
        name: [
            Outcome(door, result, records[result.call_id])
            for door, result in zip(DOORS, results, strict=True)
        ]
        for name, results in placed.items()
    }


async def _place(stage: Stage, table: Sequence[Expected]) -> dict[str, list[CallResult]]:
    async def place(expected: Expected, headers: Headers, door: str) -> CallResult:
        async with stage.lab.caller(expected.trunk) as caller:
            return await caller.call(
                caller=expected.caller, called=expected.called, talk=0.0,
                headers=[("X-Lab-Door", door), *expected.more, *headers],
            )  # fmt: skip

    placed = {}
    for expected in table:
        headers = expected.made(stage.lab.shaken)
        both = [place(expected, headers, door) for door in DOORS]
        placed[expected.name] = list(await asyncio.gather(*both))
    return placed


@pytest.mark.parametrize("expected", TABLE, ids=lambda call: call.name)
def test_what_a_signature_proves_decides_alike_through_both_doors(
    stage: Stage, outcomes: dict[str, list[Outcome]], expected: Expected
) -> None:
    for door, result, record in outcomes[expected.name]:
        said = (
            result.status, record.get("rule", ""), record.get("attestation", "none"),
            record.get("verification", "none"), record.get("attestation_reason", ""),
            record.get("signer", ""),
        )  # fmt: skip
        assert said == expected[2:8], (door, record, stage.lab.log_tail())
        assert record["door"] == door
        code = Failure(Reason(expected.reason)).code if expected.reason else 0
        assert record.get("attestation_code", 0) == code


def test_the_record_says_who_signed_and_what(
    stage: Stage, outcomes: dict[str, list[Outcome]]
) -> None:
    for _, _, record in outcomes["a refused origid"]:
        said = {name: record.get(name) for name in ("attestation", "signer", "origid", "x5u")}
        x5u = stage.lab.shaken.x5u()
        assert said == {"attestation": "A", "signer": "818H", "origid": ORIGID, "x5u": x5u}
        assert record["attestation_origin"] == "identity"


def test_the_record_keeps_what_did_not_verify(outcomes: dict[str, list[Outcome]]) -> None:
    for _, _, record in outcomes["a forged signature"]:
        (identity,) = record["identity"]
        assert identity.count(".") > 2
        assert identity.endswith(";alg=ES256;ppt=shaken")
    for _, _, record in outcomes["an A attested call"]:
        assert "identity" not in record


def test_the_record_names_who_diverted(outcomes: dict[str, list[Outcome]]) -> None:
    for name in ("a diverted call", "a diverted call, the diversion first"):
        for _, _, record in outcomes[name]:
            assert record["attestation_detail"] == f"diverted by 709J from {MEANT[1:]}"


def test_the_record_notes_what_was_ignored(outcomes: dict[str, list[Outcome]]) -> None:
    for _, _, record in outcomes["a trunk that is not trusted with it"]:
        assert "do not name ringfence" in record["attestation_detail"]
    for _, _, record in outcomes["headers that are not trusted"]:
        assert "not trusted" in record["attestation_detail"]
    for _, _, record in outcomes["a trunk that does not hand it on"]:
        assert "attestation_detail" not in record


def test_a_c_attested_call_hears_the_prompt_before_it_is_rejected(
    outcomes: dict[str, list[Outcome]],
) -> None:
    for _, result, record in outcomes["a C attested call of a gateway"]:
        assert record["action"] == "intercept"
        assert result.early_rtp_packets > 0
        assert not result.answered


def test_asterisk_logs_nothing_but_headers_that_it_cannot_read(
    stage: Stage, outcomes: dict[str, list[Outcome]]
) -> None:
    assert stage.lab.asterisk.poll() is None
    too_long = "Not enough buffer space in pjsip_hdr_print_on"
    assert [line for line in stage.lab.warnings() if too_long not in line] == []


def test_nothing_that_strangers_sign_is_an_error_of_ours(
    stage: Stage, outcomes: dict[str, list[Outcome]]
) -> None:
    assert [line for line in stage.ringfence.log() if line["level"] not in ("info", "debug")] == []


@pytest.mark.parametrize("door", DOORS)
async def test_what_one_screening_read_is_not_handed_to_the_next(stage: Stage, door: str) -> None:
    headers = [("X-Lab-Door", door), *signed()(stage.lab.shaken)]
    async with stage.lab.caller("twice") as caller:
        result = await caller.call(caller=CALLER, called=CALLED, headers=headers, talk=0.0)
    assert result.status == 480

    def said() -> list[tuple[str, str]]:
        newest = stage.ringfence.cli_json("calls", "--limit", "20")
        ours = [record for record in newest if record["sip_call_id"] == result.call_id]
        return [(one.get("verification", "none"), one.get("signer", "")) for one in ours]

    stage.ringfence.wait_until(lambda: len(said()) == 2, "both records")
    assert sorted(said()) == [("none", ""), ("passed", "818H")]


@pytest.mark.parametrize("door", DOORS)
async def test_a_channel_without_sip_headers_is_screened_all_the_same(
    stage: Stage, door: str
) -> None:
    called = f"+1202555014{DOORS.index(door)}"
    headers = [("X-Lab-Door", door), *signed()(stage.lab.shaken)]
    async with stage.lab.caller("local") as caller:
        result = await caller.call(caller=CALLER, called=called, headers=headers, talk=0.0)
    assert result.status == 480

    def lines() -> list[dict[str, Any]]:
        return [line for line in stage.ringfence.log() if line.get("called") == called]

    stage.ringfence.wait_until(lambda: bool(lines()), "the call's line in the log")
    (line,) = lines()
    said = (line["action"], line["reason"], line["attestation"], line["door"])
    assert said == ("allow", "no-rule", "none", door)
