"""Actions and the SIP codes of the grounds to block on."""

from __future__ import annotations

import pytest

from ringfence.attestation import Attestation, Level, Verification
from ringfence.verdict import Action, Basis, rejection, sip_code


@pytest.mark.parametrize(
    ("basis", "code"),
    [
        (Basis.ANALYTICS, 603),
        (Basis.SUBSCRIBER, 607),
        (Basis.IDENTITY, 438),
        (Basis.DNO_SUBSCRIBER, 403),
        (Basis.DNO_INVALID, 403),
        (Basis.DNO_UNALLOCATED, 403),
        (Basis.DNO_UNUSED, 403),
        (Basis.PROVIDER_NOTICE, 403),
        (Basis.PROVIDER_ORDER, 403),
        (Basis.RMD, 403),
        (Basis.POLICY, 403),
    ],
)
def test_the_ground_of_a_block_decides_its_sip_code(basis: Basis, code: int) -> None:
    assert sip_code(basis) == code


@pytest.mark.parametrize(
    ("attestation", "code"),
    [
        (Attestation(), 428),
        (Attestation(code=428, reason="no-identity"), 428),
        (Attestation(reason="certificate-pending"), 436),
        (Attestation(Level.NONE, Verification.FAILED, code=403, reason="stale"), 403),
        (Attestation(Level.NONE, Verification.FAILED, code=437, reason="revoked"), 437),
        (Attestation(Level.NONE, Verification.FAILED, "asterisk"), 438),
        (Attestation(Level.C, Verification.PASSED), 438),
    ],
)
def test_on_the_ground_of_identity_what_did_not_verify_decides_the_code(
    attestation: Attestation, code: int
) -> None:
    assert rejection(Basis.IDENTITY, attestation) == code
    assert rejection(Basis.POLICY, attestation) == 403


def test_every_ground_has_a_code_that_rejects_a_call() -> None:
    assert all(400 <= sip_code(basis) <= 699 for basis in Basis)


def test_a_flagged_call_goes_on_and_a_blocked_one_does_not() -> None:
    assert {action for action in Action if action.lets_through} == {Action.ALLOW, Action.FLAG}
