"""What somebody says of a call's attestation has to hang together."""

from __future__ import annotations

import pytest

from ringfence.attestation import Attestation, Level, Verification
from ringfence.cli.assertion import asserted


def said(**given: str) -> Attestation | None:
    given = {"level": "", "verification": "", **given}
    return asserted(**given, origin="a test", prefix="--")


def test_where_nothing_is_said_nothing_is_asserted() -> None:
    assert said() is None


@pytest.mark.parametrize("given", [{"level": "B"}, {"signer": "818H"}, {"origid": "abc"}])
def test_a_level_a_signer_or_an_origid_means_that_the_signature_held(given: dict[str, str]) -> None:
    found = said(**given)
    assert found is not None
    assert found.verification is Verification.PASSED
    assert (found.signer, found.origid) == (given.get("signer", ""), given.get("origid", ""))
    assert found == said(**given, verification="passed")


@pytest.mark.parametrize(
    ("reason", "verification", "code"),
    [("no-identity", "none", 428), ("stale", "failed", 403), ("certificate-pending", "none", 0)],
)
def test_a_reason_brings_its_verification_and_code(
    reason: str, verification: str, code: int
) -> None:
    found = said(reason=reason)
    assert found == said(reason=reason, verification=verification)
    assert found == Attestation(
        Level.NONE, Verification(verification), "a test", code=code, reason=reason
    )


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"level": "A", "verification": "failed"}, "has no level: leave out --attestation A"),
        ({"signer": "818H", "verification": "none"}, "has no signer: leave out --signer 818H"),
        ({"diverters": ("818H", "9"), "reason": "stale"}, "has no diverter: leave out --diverter"),
        ({"origid": "abc", "reason": "stale"}, "has no origid: leave out --origid abc"),
        ({"reason": "stale", "verification": "passed"}, "leave out --verification passed"),
        ({"reason": "no-identity", "verification": "failed"}, "verification is none"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, str], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as refused:
        said(**given)
    assert "\n" not in str(refused.value)
