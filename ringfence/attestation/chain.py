"""From a file of certificates to a chain that leads to a trusted root; fetches nothing.

`cryptography` builds the chain and checks its signatures, dates and constraints (RFC 5280). What
the certificates are for is not looked at here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from ringfence.attestation.failure import Failure, Reason, printable

MAX_CERTIFICATE = 65_536
"""Bytes of what an x5u gives."""
MAX_CHAIN = 6
"""Certificates in it: SHAKEN has a leaf and one intermediate, and some servers add the root."""
MAX_INTERMEDIATES = 3
MAX_NAMESAKES = 2
"""Certificates of one subject: an authority's own, and one by another authority that vouches for
it. Of five that could all have issued each other the ways are many, and each step of each costs a
signature check: of the slowest kind of key, 225 ms for one file."""


def load_chain(data: bytes) -> tuple[x509.Certificate, ...] | Failure:
    """The certificates in `data`, the leaf first."""
    if len(data) > MAX_CERTIFICATE:
        return _bad(f"more than {MAX_CERTIFICATE} bytes")
    if data.count(b"-----BEGIN") > MAX_CHAIN:
        return _bad(f"more than {MAX_CHAIN} certificates")
    try:
        if b"-----BEGIN" in data:
            return tuple(x509.load_pem_x509_certificates(data))
        return (x509.load_der_x509_certificate(data),)
    except Exception:
        return _bad("neither a PEM chain nor a DER certificate")


def build_chain(
    certificates: Sequence[x509.Certificate], store: Store, now: float
) -> tuple[x509.Certificate, ...] | Failure:
    """Leaf first, root last."""
    leaf, *others = certificates
    if max(Counter(one.subject for one in others).values(), default=0) > MAX_NAMESAKES:
        return _bad(f"more than {MAX_NAMESAKES} certificates of one subject")
    at = datetime.fromtimestamp(now, UTC)
    if at > leaf.not_valid_after_utc:
        return Failure(Reason.EXPIRED, f"on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if at < leaf.not_valid_before_utc:
        return Failure(Reason.NOT_YET_VALID, f"until {leaf.not_valid_before_utc:%Y-%m-%d}")
    verifier = (
        PolicyBuilder()
        .store(store)
        .time(at)
        .max_chain_depth(MAX_INTERMEDIATES)
        .extension_policies(
            ca_policy=ExtensionPolicy.permit_all()
            .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_authority)
            .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _must_sign_certificates),
            ee_policy=ExtensionPolicy.permit_all(),
        )
        .build_client_verifier()
    )
    try:
        return tuple(verifier.verify(leaf, others).chain)
    except VerificationError as error:
        late = [one for one in others if at > one.not_valid_after_utc]
        if late:
            return Failure(Reason.EXPIRED, "a certificate above the signer's")
        return Failure(Reason.UNTRUSTED, printable(str(error)))


def _must_be_authority(
    policy: Policy, certificate: x509.Certificate, extension: x509.BasicConstraints
) -> None:
    if not extension.ca:
        raise ValueError("issued by what is no certificate authority")


def _must_sign_certificates(
    policy: Policy, certificate: x509.Certificate, extension: x509.KeyUsage | None
) -> None:
    # `permit_all` leaves this to us
    if extension is not None and not extension.key_cert_sign:
        raise ValueError("issued with a key that may not sign certificates")


def _bad(detail: str) -> Failure:
    return Failure(Reason.BAD_CERTIFICATE, detail)
