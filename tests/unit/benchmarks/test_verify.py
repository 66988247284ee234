"""What is timed as a signed call is one, and what verifying it adds is held against its bar."""

from __future__ import annotations

import time

from benchmarks.load import Leg
from benchmarks.paths import CALLED, HANDED_TRUNKS, Way, trunk_variables, ways
from benchmarks.rounds import run_rounds
from benchmarks.stage import NOT_OURS
from benchmarks.tables import call_rows, verify_rows
from benchmarks.verify.cost import Verified, kinds
from benchmarks.verify.signer import Signer
from lab.shaken import Authority
from ringfence.attestation.identity import Identity, parse_identity
from ringfence.attestation.passport import Passport

DOORS = ("agi", "ari")
CALLERS = ("+13122000000", "+13122000037", "+13122000074")
PLAIN = Way("agi-signed", "signed", "bench-agi-signed", (), floor="", signed=True)
LOOKED_AT = PLAIN._replace(
    name="agi-verified", title="verified", trunk="bench-agi-verified", floor="agi-signed", adds=0.3
)


def test_headers_made_ahead_are_those_of_the_calls_in_their_turn() -> None:
    signer, now = Signer(Authority()), int(time.time())
    found = []
    for header in signer.of_calls(CALLERS, CALLED, 2, 3, now):
        identity = parse_identity(header)
        assert isinstance(identity, Identity)
        assert isinstance(identity.token, Passport)
        found.append(identity.token.orig)
        assert (identity.token.dest, identity.token.iat) == ((CALLED,), now)
    assert found == ["13122000074", "13122000000", "13122000037"]


def test_each_kind_of_header_is_what_it_was_made_to_be() -> None:
    """Else `kinds` raises; the bare check raises by itself."""
    for kind in kinds(3):
        assert len(kind.calls) == 3
        for call in kind.calls:
            call()


def test_each_door_has_its_signed_calls_with_and_without_a_look_at_them() -> None:
    found = {way.name: way for way in ways("192.0.2.1") if way.signed}
    names = [f"{door}-{what}" for door in DOORS for what in ("signed", "handed", "verified")]
    assert list(found) == names
    for door in DOORS:
        assert found[f"{door}-verified"].floor == found[f"{door}-handed"].floor == f"{door}-signed"


def test_what_is_handed_over_and_not_verified_is_so_by_its_trunks_settings() -> None:
    found = {way.name: way for way in ways("192.0.2.1") if way.signed}
    variables = trunk_variables(list(found.values()))
    for door in DOORS:
        handed = found[f"{door}-handed"].trunk
        assert handed in HANDED_TRUNKS
        assert "RINGFENCE_IDENTITY" in variables[handed]
        assert "RINGFENCE_IDENTITY" not in variables[found[f"{door}-signed"].trunk]
    assert "ringfence" not in NOT_OURS.attestation


async def adding(*milliseconds: float) -> str:
    """What stands under `bar` where verifying takes so much longer, round by round."""
    slower = iter([0.0, *milliseconds])

    async def place(way: Way, rate: float, seconds: float, offset: int) -> Leg:
        took = 2.0 + (next(slower) if way is LOOKED_AT else 0.0)
        return Leg([took] * 10, {603: 10}, 0, rate)

    rounds = len(milliseconds)
    measured = await run_rounds(place, [PLAIN, LOOKED_AT], {100.0: 0.1}, rounds, lambda text: None)
    return call_rows(measured)[1][7]


async def test_what_a_verification_adds_is_a_bar_in_milliseconds() -> None:
    assert await adding(0.2, 0.25) == "<= +0.3 ms met: +0.23"
    assert await adding(0.5, 0.4) == "<= +0.3 ms missed: +0.45"
    assert await adding(0.2, 0.4) == "<= +0.3 ms unclear: rounds differ: +0.30"


def test_the_bar_for_verifications_alone_is_how_many_a_second() -> None:
    row = verify_rows([Verified("plain", "one", 1, 2_999.0, 1.0, 2.0, 2.0, 1.5, [1.5], 3_000.0)])
    assert row[0][-1] == ">= 3,000 missed"
