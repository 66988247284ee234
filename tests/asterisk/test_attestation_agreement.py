"""The same signed calls through Asterisk's own verifier and through Ringfence's.

Each call is placed twice, with the same headers: on a trunk whose calls Asterisk refuses by itself
where they do not verify (`failure_action = reject_request`), and on one where a rule of Ringfence's
refuses all that has not passed. What both answer is in the table, and where they differ, why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from demo.stage import Stage
from lab.shaken import Shaken
from tests.asterisk.signed_calls import (
    CALLED,
    CALLER,
    OTHER,
    Headers,
    Made,
    by_http,
    by_short_name,
    by_stranger,
    compact,
    diversion,
    expired,
    for_other_numbers,
    for_this_number,
    forged,
    in_turn,
    info_elsewhere,
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

BY_ASTERISK, BY_RINGFENCE, BY_BOTH = "carrier-r", "carrier-a", "carrier-s"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One trunk is Asterisk's to refuse, one Ringfence's, and on one both are only asked."""
    with Stage(
        shaken=Shaken(), extra_trunks=[Shaken.refusing_trunk],
        globals={"RINGFENCE_DEADLINE": "4"},
        environment={"RINGFENCE_ATTESTATION_WAIT": "2", "RINGFENCE_ARI_DEADLINE": "4"},
        set_var={
            BY_RINGFENCE: {"RINGFENCE_IDENTITY": "yes"},
            BY_BOTH: {"RINGFENCE_IDENTITY": "yes", "RINGFENCE_STIR_SHAKEN": "yes"},
        },
        purpose="tests",
    ) as running:  # fmt: skip
        running.ringfence.start()
        with running.ringfence.in_force("not-passed"):
            running.ringfence.cli(
                "rule", "add", "not-passed", "--verification", "!passed", "--trunk", BY_RINGFENCE,
                "--action", "block", "--basis", "identity",
            )  # fmt: skip
        yield running


def iat_as_text(shaken: Shaken) -> Headers:
    """As the example in RFC 8225 has it."""
    return signed(payload={"iat": str(int(time.time()))})(shaken)


class Row(NamedTuple):
    """A call and what each answers. `why` says where a difference comes from."""

    name: str
    made: Made
    asterisk: int
    ringfence: int
    why: str = ""
    caller: str = CALLER


FIRST = "Asterisk reads the first Identity header and no other"
DEST = "Asterisk never compares the called number"
CODE = "both refuse; RFC 8224 has 436 for an address that is no good"
TABLE = [
    Row("an A attested call", signed(), 200, 200),
    Row("a B attested call", signed(attest="B"), 200, 200),
    Row("a C attested call", signed(attest="C"), 200, 200),
    Row("no Identity header", unsigned, 428, 428),
    Row("a forged signature", forged, 438, 438),
    Row("a C that was made an A of", raised, 438, 438),
    Row("another caller's token", signed(), 438, 438, caller=OTHER),
    Row("a stale token", signed(age=90), 403, 403),
    Row("a level that is none", signed(attest="D"), 438, 438),
    Row("no origid", signed(payload={"origid": None}), 438, 438),
    Row("another algorithm", signed(header={"alg": "RS256"}), 438, 438),
    Row("another typ", signed(header={"typ": "jwt"}), 438, 438),
    Row("no token at all", text("garbage"), 438, 438),
    Row("an authority nobody trusts", by_stranger, 437, 437),
    Row("an expired certificate", expired, 437, 437),
    Row("a certificate of tomorrow", not_yet_valid, 437, 437),
    Row("a certificate without a code", without_a_code, 437, 437),
    Row("a certificate for other numbers", for_other_numbers, 437, 437),
    Row("no certificate there", no_certificate_there, 437, 437),
    Row("a certificate that is not found", not_found, 436, 436),
    Row("a server that is not there", nobody_there, 436, 436),
    Row("an unknown parameter", rewritten(";alg", ";x=y;alg", signed()), 200, 200),
    Row("a header by its short name", by_short_name, 428, 428),
    Row("a header on two lines", rewritten(";alg=", ";\r\n alg=", signed()), 200, 200),
    # -- refused by both, with another code
    Row("a certificate by http", by_http, 438, 436, CODE),
    Row("an address with a query", with_a_query, 438, 436, CODE),
    Row("an iat that is text", iat_as_text, 403, 438, "Asterisk reads it as a time long ago"),
    Row("a caller without a number", signed(), 433, 428,
        "no token can be about such a caller: Asterisk disallows anonymity, Ringfence calls it "
        "unsigned (`no-number`)", caller="anonymous"),
    Row("a diversion alone", diversion(), 438, 428,
        "there is no SHAKEN token: to Asterisk an invalid one, to Ringfence none (`no-shaken`)"),
    # -- Ringfence is stricter
    Row("a token from the future", signed(age=-90), 200, 403,
        "Asterisk has no bound on an iat in the future"),
    Row("a token for another called number", signed(called=OTHER), 200, 438, DEST),
    Row("a diversion of another number", in_turn(meant, diversion(OTHER)), 200, 438, DEST),
    Row("another address in the header", info_elsewhere, 200, 436,
        "Asterisk does not compare `info` with x5u"),
    Row("a revoked certificate", revoked, 200, 437,
        "Asterisk fetches no revocation list; it knows those in files that its settings name"),
    Row("a level with more behind it", signed(attest="A,x"), 200, 438,
        "Asterisk looks at the level's first letter"),
    # -- Ringfence takes more
    Row("a token of half a minute ago", signed(age=30), 403, 200,
        "`max_iat_age` is 15 s where it is not set; ATIS-1000074 has 60 s"),
    Row("a national number", signed(), 438, 200,
        "Asterisk compares as the trunk writes it; Ringfence by the trunk's country", CALLER[2:]),
    Row("a diverted call, the diversion first", in_turn(diversion(), meant), 438, 200, FIRST),
    Row("a spoilt token first", in_turn(signed(age=90), signed()), 403, 200, FIRST),
    Row("a compact token", compact(), 438, 200,
        "Asterisk wants the full form; Ringfence puts it together from the call and its Date "
        "header, and it has no level"),
    Row("a token without ppt", rewritten(";ppt=shaken", "", signed(header={"ppt": None})), 438, 200,
        "a signature, but not SHAKEN's: to Ringfence `passed`, with the level `none`"),
    Row("a signer of this number alone", for_this_number, 437, 200,
        "a TNAuthList of numbers (RFC 8226); ATIS-1000080 has service provider codes only"),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
async def test_both_verifiers_answer_as_the_table_says(stage: Stage, row: Row) -> None:
    headers = row.made(stage.lab.shaken)

    async def answer(trunk: str) -> int:
        async with stage.lab.caller(trunk) as caller:
            result = await caller.call(
                caller=row.caller, called=CALLED, headers=headers, talk=0.0
            )  # fmt: skip
        return result.status

    asterisk, ringfence = await asyncio.gather(answer(BY_ASTERISK), answer(BY_RINGFENCE))
    assert (asterisk, ringfence) == (row.asterisk, row.ringfence), stage.lab.log_tail()


def test_each_difference_has_a_reason() -> None:
    for row in TABLE:
        assert bool(row.why) == (row.asterisk != row.ringfence), row.name


async def both_say(stage: Stage, made: Made) -> tuple[dict[str, Any], list[str]]:
    """Of one call: our record, and Asterisk's word and level in it."""
    headers = made(stage.lab.shaken)
    async with stage.lab.caller(BY_BOTH) as caller:
        result = await caller.call(caller=CALLER, called=CALLED, headers=headers, talk=0.0)
    record = stage.ringfence.record(result.call_id)
    return record, record["stir_shaken"][0]


async def test_of_an_a_and_a_c_asterisk_takes_the_first_and_ringfence_the_weakest(
    stage: Stage,
) -> None:
    record, asterisk = await both_say(stage, in_turn(signed(), signed(attest="C")))
    assert asterisk == ["success", "A"]
    assert (record["verification"], record["attestation"]) == ("passed", "C")


async def test_where_both_are_asked_a_signature_that_ringfence_saw_fail_counts_for_nothing(
    stage: Stage,
) -> None:
    record, asterisk = await both_say(stage, signed(called=OTHER))
    assert asterisk == ["success", "A"]
    assert (record["verification"], record["attestation_reason"]) == ("failed", "dest-mismatch")
    assert "attestation" not in record


async def test_without_a_header_the_record_has_our_word_for_it(stage: Stage) -> None:
    record, asterisk = await both_say(stage, unsigned)
    assert asterisk == ["missing_identity_hdr", ""]
    assert record["attestation_reason"] == "no-identity"
