"""What Asterisk's own verifier finds decides about real calls, through both doors alike.

The words in the table are those of the real verifier. It keeps one result a call, that of the
first Identity header.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from demo.stage import Stage
from lab.shaken import Authority, Shaken

pytestmark = pytest.mark.asterisk

CALLER, CALLED = "+12125550142", "12025550100"
BOTH = pytest.mark.parametrize("door", ["agi", "ari"])
Identities = tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A lab with signers; Asterisk's verifier is asked on two trunks, of which one has none."""
    asked = {"RINGFENCE_STIR_SHAKEN": "yes"}
    with Stage(
        shaken=Shaken(), set_var={"carrier-s": asked, "gateway-b": asked}, purpose="tests"
    ) as running:
        running.ringfence.start()
        running.ringfence.cli("trunk", "set", "carrier-s", "--attestation", "asterisk")
        yield running


@pytest.fixture(scope="module", autouse=True)
def rules(stage: Stage) -> None:
    """One rule for each of what Asterisk can say, so that the verdict shows what was believed."""
    admin = stage.ringfence.cli
    for words in (
        "s-full --attestation A --verification passed --action flag --label SIGNED",
        "s-gateway --attestation C --action block --sip 480",
        "s-failed --verification failed --action block --basis identity",
        "s-unsigned --attestation none --verification none --action flag --label UNSIGNED",
    ):
        admin("rule", "add", *words.split(), "--trunk", "carrier-s")
    with stage.ringfence.in_force("s-prompt"):
        admin(
            "rule", "add", "s-prompt", "--caller", "+12125550177", "--attestation", "C",
            "--action", "intercept", "--prompt", "vm-goodbye", "--sip", "603", "--priority", "5",
        )  # fmt: skip


class Expected(NamedTuple):
    """Identity headers, what Asterisk says of them, and what the rules make of that."""

    name: str
    identities: Callable[[Shaken], Identities]
    sip: int
    rule: str
    attestation: str
    verification: str
    word: str
    caller: str = CALLER


def signed(**how: Any) -> Callable[[Shaken], Identities]:
    return lambda shaken: (shaken.identity(CALLER, CALLED, **how),)


def by_stranger(shaken: Shaken) -> Identities:
    """Signed by an authority that nobody trusts."""
    return (shaken.identity(CALLER, CALLED, credential=Authority().signer("818H")),)


def forged(shaken: Shaken) -> Identities:
    """Signed with a key of the forger's own, in the name of an honest signer."""
    honest = shaken.publish(shaken.authority.signer("818H"))
    forger = Authority().signer("818H")
    return (shaken.identity(CALLER, CALLED, credential=forger, x5u=honest),)


def without_a_code(shaken: Shaken) -> Identities:
    credential = shaken.authority.signer("818H", tn_auth_list=b"")
    return (shaken.identity(CALLER, CALLED, credential=credential),)


def not_found(shaken: Shaken) -> Identities:
    return (shaken.identity(CALLER, CALLED, x5u=shaken.server.url("/none.pem", https=False)),)


def refused(shaken: Shaken) -> Identities:
    """Nobody listens where the certificate is said to be."""
    return (shaken.identity(CALLER, CALLED, x5u="http://127.0.0.1:9/none.pem"),)


def in_turn(*each: Callable[[Shaken], Identities]) -> Callable[[Shaken], Identities]:
    return lambda shaken: tuple(header for one in each for header in one(shaken))


def text(value: str) -> Callable[[Shaken], Identities]:
    return lambda shaken: (("Identity", value),)


def ending_its_argument(shaken: Shaken) -> Identities:
    """A token with a refused x5u, written so that `LEN(${...})` would see the end of its text."""
    name, value = shaken.identity(CALLER, CALLED, x5u="http://127.0.0.1/?a")
    head, _, rest = value.partition(".")
    return ((name, f"{head}):0:1.{rest}"),)


PASSED_A = (200, "s-full", "A", "passed", "success")
FAILED = (438, "s-failed", "none", "failed", "not_verified")
UNSIGNED = (200, "s-unsigned", "none", "none")
MISMATCH = (438, "s-failed", "none", "failed", "cid_orig_tn_mismatch")

CALLS = [
    Expected("an A attested call", signed(), *PASSED_A),
    Expected("a B attested call", signed(attest="B"), 200, "", "B", "passed", "success"),
    Expected("a C attested call", signed(attest="C"), 480, "s-gateway", "C", "passed", "success"),
    Expected("another signer", signed(spc="0007"), *PASSED_A),
    Expected("no Identity header", lambda shaken: (), *UNSIGNED, "missing_identity_hdr"),
    Expected("a signed call without a number", signed(), *UNSIGNED, "invalid_or_no_callerid", ""),
    Expected("a signed anonymous call", signed(), *UNSIGNED, "invalid_or_no_callerid", "anonymous"),
    Expected("another caller's token", signed(), *MISMATCH, "+12125550143"),
    Expected("a national number against a full one", signed(), *MISMATCH, CALLER[2:]),
    Expected("a forged signature", forged, *FAILED),
    Expected("an authority nobody trusts", by_stranger, *FAILED),
    Expected("a certificate without a code", without_a_code, *FAILED),
    Expected("a stale token", signed(age=60), *FAILED),
    Expected("a level that is none", signed(attest="D"), *FAILED),
    Expected("a level with more behind it", signed(attest="A,x=1&y"), 438, "s-failed", "none",
             "failed", "success"),
    Expected("a level that ends its argument", signed(attest="A):0:1"), 438, "s-failed", "none",
             "failed", "success"),
    Expected("a token without origid", signed(payload={"origid": None}), 438, "s-failed", "none",
             "failed", "missing_origid"),
    Expected("a certificate that is not there", not_found, *FAILED),
    Expected("a certificate server that is not there", refused, *FAILED),
    Expected("no token at all", text("garbage"), 438, "s-failed", "none", "failed",
             "invalid_header"),
    Expected("garbage with dots", text('a.b.c"${X};info=<x>'), *FAILED),
    Expected("a token that ends its argument", ending_its_argument, *FAILED),
    Expected("an honest token first", in_turn(signed(), signed(age=60)), *PASSED_A),
    Expected("a stale token first", in_turn(signed(age=60), signed()), *FAILED),
    Expected("a div token first", in_turn(signed(header={"ppt": "div"}), signed()), *FAILED),
]  # fmt: skip


@pytest.mark.parametrize("expected", CALLS, ids=lambda call: call.name)
async def test_what_asterisk_verified_decides_alike_through_both_doors(
    stage: Stage, place: Callable[..., Any], expected: Expected
) -> None:
    headers = expected.identities(stage.lab.shaken)
    results = [
        await place(
            door=door, trunk="carrier-s", caller=expected.caller, called=CALLED, talk=0.0,
            headers=headers,
        )
        for door in ("agi", "ari")
    ]  # fmt: skip
    records = stage.ringfence.records([result.call_id for result in results])
    for result, record in zip(results, records, strict=True):
        believed = (record.get("attestation", "none"), record.get("verification", "none"))
        assert (result.status, record.get("rule", ""), *believed, record["stir_shaken"][0][0]) == (
            *expected[2:7],
        ), (record, stage.lab.log_tail())
        assert len(record["stir_shaken"]) == 1


@BOTH
async def test_a_c_attested_call_from_a_gateway_hears_a_prompt_and_is_rejected(
    stage: Stage, place: Callable[..., Any], door: str
) -> None:
    identity = stage.lab.shaken.identity("+12125550177", CALLED, attest="C")
    result = await place(door=door, trunk="carrier-s", caller="+12125550177", headers=[identity])
    assert (result.status, result.answered) == (603, False), stage.lab.log_tail()
    assert result.early_rtp_packets > 0
    record = stage.ringfence.record(result.call_id)
    assert (record["action"], record["rule"]) == ("intercept", "s-prompt")


@BOTH
async def test_the_label_for_a_verified_caller_reaches_the_callee(
    stage: Stage, place: Callable[..., Any], door: str
) -> None:
    identity = stage.lab.shaken.identity(CALLER, CALLED)
    result = await place(
        door=door, trunk="carrier-s", caller=CALLER, caller_name="Ann", headers=[identity]
    )
    assert result.answered
    assert '"SIGNED Ann"' in stage.lab.received()[-1].from_header


# -- what must not bring Asterisk down ----------------------------------------------------------

QUERY = "http://127.0.0.1/x.pem?a=1"
SPOILT: dict[str, dict[str, Any]] = {
    "missing": {"x5u": None},
    "empty": {"x5u": ""},
    "a number": {"x5u": 5},
    "a list": {"x5u": ["http://127.0.0.1/"]},
    "no address": {"x5u": "not an address"},
    "with a query": {"x5u": QUERY},
    "with a fragment": {"x5u": "http://127.0.0.1/x.pem#a"},
    "with a password": {"x5u": "http://a@b:c:127.0.0.1/x.pem"},
    "an inner file": {"x5u": "file:///etc/passwd"},
    "longer than a variable": {"x5u": QUERY, "aa": "x" * 3040},
    "longer than a packet": {"x5u": QUERY, "aa": "x" * 6000},
}


@pytest.mark.parametrize("header", SPOILT.values(), ids=SPOILT)
async def test_a_token_with_a_spoilt_x5u_fails_and_asterisk_lives_on(
    stage: Stage, place: Callable[..., Any], header: dict[str, Any]
) -> None:
    identity = stage.lab.shaken.identity(CALLER, CALLED, x5u="http://x", header=header)
    result = await place(trunk="carrier-s", caller=CALLER, headers=[identity], timeout=4.0)
    assert stage.lab.asterisk.poll() is None, stage.lab.log_tail()
    assert result.status == 438, stage.lab.log_tail()
    record = stage.ringfence.record(result.call_id)
    assert record["stir_shaken"] == [["not_verified", ""]]
    assert record["verification"] == "failed"


# -- what it costs, and what it leaves in the log -----------------------------------------------


async def test_a_certificate_is_fetched_once_for_many_calls(
    stage: Stage, place: Callable[..., Any]
) -> None:
    shaken = stage.lab.shaken
    credential = shaken.authority.signer("9999")
    url = shaken.publish(credential)
    for _ in range(3):
        identity = shaken.identity(CALLER, CALLED, credential=credential, x5u=url)
        result = await place(trunk="carrier-s", caller=CALLER, headers=[identity], talk=0.0)
        assert stage.ringfence.record(result.call_id)["attestation"] == "A"
    assert shaken.server.fetched["/" + url.rpartition("/")[2]] == 1


async def test_a_certificate_server_that_hangs_holds_a_call_no_longer_than_curl_timeout(
    stage: Stage, place: Callable[..., Any]
) -> None:
    # Asterisk's verifier runs before the dialplan: no deadline of ours bounds it.
    with socket.create_server((stage.lab.address(11), 0)) as silent:
        x5u = f"http://{stage.lab.address(11)}:{silent.getsockname()[1]}/x.pem"
        identity = stage.lab.shaken.identity(CALLER, CALLED, x5u=x5u)
        held = await place(trunk="carrier-s", caller=CALLER, headers=[identity])
    print(f"held for {held.setup_ms:.0f} ms, {held.invites_sent} INVITEs")
    assert held.status == 438
    # 1 s in the lab's stir_shaken.conf; a busy machine gets more here
    assert held.setup_ms < 4000
    assert stage.ringfence.record(held.call_id)["ms"] < 100


@BOTH
async def test_a_trunk_without_a_profile_has_nothing_to_say_and_nothing_is_logged(
    stage: Stage, place: Callable[..., Any], door: str
) -> None:
    before = stage.lab.warnings()
    identity = stage.lab.shaken.identity(CALLER, CALLED)
    result = await place(door=door, trunk="gateway-b", caller=CALLER, headers=[identity], talk=0.0)
    assert result.answered
    record = stage.ringfence.record(result.call_id)
    assert "stir_shaken" not in record
    assert stage.lab.warnings() == before


@BOTH
async def test_reading_a_result_logs_nothing_of_its_own(
    stage: Stage, place: Callable[..., Any], door: str
) -> None:
    before = stage.lab.warnings()
    shaken = stage.lab.shaken
    for headers in (
        [],
        [shaken.identity(CALLER, CALLED)],
        [shaken.identity(CALLER, CALLED, age=60)],
    ):
        await place(door=door, trunk="carrier-s", caller=CALLER, headers=headers, talk=0.0)
    assert stage.lab.warnings() == before
