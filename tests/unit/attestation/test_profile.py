"""What SHAKEN's profile says of signatures and certificates, and what of it is not asked for."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from lab.shaken import identity_header
from lab.shaken.authority import tn_auth_list_of
from ringfence.attestation.certificate import Signer
from ringfence.attestation.jws import decode_base64url, encode_base64url
from tests.unit.attestation.maker import Maker, failed, said
from tests.unit.attestation.test_certificate import ANY, NO_AUTHORITY, Chain

POLICIES = "2.16.840.1.114569.1.1."


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def test_a_signature_is_two_numbers_side_by_side_and_none_in_der(maker: Maker) -> None:
    token, x5u = maker.token()
    signed, _, signature = token.rpartition(".")
    raw = decode_base64url(signature)
    assert raw is not None
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    other = identity_header(f"{signed}.{encode_base64url(der)}", x5u)
    assert said(maker.verify(other)) == failed("malformed", 438)


def test_the_code_is_that_of_the_list_whatever_the_subject_says(maker: Maker) -> None:
    """ATIS-1000080 wants ``CN=SHAKEN <SPC>``; what an authority vouches for is the TNAuthList."""
    signer = maker.signer(maker.authority.signer("999X", tn_auth_list=tn_auth_list_of("818H")))
    assert isinstance(signer, Signer)
    assert "SHAKEN 999X" in signer.subject
    assert signer.spc == "818H"


@pytest.mark.parametrize("policy", ["1", "2", "3", "4", None])
def test_a_certificate_counts_under_each_of_shakens_policies_and_under_none(
    chain: Chain, policy: str | None
) -> None:
    """The trusted root is what decides; the policy it was issued under is not looked at."""
    wanted = [policy] if policy else []
    named = [
        x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier(POLICIES + n), None)]
        )
        for n in wanted
    ]
    leaf = chain.leaf_of(NO_AUTHORITY, ANY, *named)
    assert isinstance(chain.said(leaf, chain.middle), Signer)


def test_a_list_of_two_codes_speaks_for_the_first(maker: Maker) -> None:
    """SHAKEN has one; a rule must know which name a signer goes by."""
    both = b"\x30\x0c\xa0\x04\x16\x02\x31\x41\xa0\x04\x16\x02\x31\x42"
    signer = maker.signer(maker.authority.signer("x", tn_auth_list=both))
    assert isinstance(signer, Signer)
    assert (signer.spc, signer.tnauthlist.spcs) == ("1A", ("1A", "1B"))
