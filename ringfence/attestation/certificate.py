"""From the bytes at an x5u to the signer they stand for; fetches nothing and reads no clock.

RFC 8226 and ATIS-1000080: a P-256 end-entity certificate with a TNAuthList, under a trusted root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from ringfence.attestation import constraints, tnauthlist
from ringfence.attestation.chain import build_chain, load_chain
from ringfence.attestation.constraints import ClaimConstraints, parse_constraints
from ringfence.attestation.failure import Failure, Reason, printable
from ringfence.attestation.revocation import Revocations
from ringfence.attestation.roots import Roots
from ringfence.attestation.tnauthlist import TNAuthList, parse_tnauthlist


@dataclass(frozen=True, slots=True)
class Signer:
    """Who may sign, with the parsed key. Times are Unix seconds, the narrowest of the chain.

    `spc` is the service provider code; that of the issuer where the certificate lists only
    numbers. `chain` has the root last; `crls` are the addresses of its revocation lists.
    """

    spc: str
    subject: str
    not_before: float
    not_after: float
    key: EllipticCurvePublicKey
    tnauthlist: TNAuthList
    constraints: tuple[ClaimConstraints, ...]
    chain: tuple[x509.Certificate, ...]
    crls: tuple[str, ...]


def validate(
    data: bytes, roots: Roots, now: float, revocations: Iterable[Revocations] = ()
) -> Signer | Failure:
    """The signer of a PEM chain, or of one certificate in DER; whatever the bytes, no exception."""
    if roots.store is None:
        return Failure(Reason.NO_TRUST_ROOTS, "no trust roots are configured")
    certificates = load_chain(data)
    if isinstance(certificates, Failure):
        return certificates
    try:
        chain = build_chain(certificates, roots.store, now)
        if isinstance(chain, Failure):
            return chain
        return revoked(chain, revocations) or _signer(chain)
    except Exception as error:
        # `cryptography` parses lazily, and has many errors for what a stranger can write
        return _bad(printable(str(error)) or type(error).__name__)


def revoked(
    chain: Sequence[x509.Certificate], revocations: Iterable[Revocations]
) -> Failure | None:
    """Whether one of the chain was taken back; its root can only be taken out of the roots."""
    for listed in revocations:
        for certificate in chain[:-1]:
            if listed.names(certificate):
                subject = printable(certificate.subject.rfc4514_string(), 100)
                return Failure(Reason.REVOKED, f"{subject} is on a revocation list")
    return None


def _signer(chain: Sequence[x509.Certificate]) -> Signer | Failure:
    leaf = chain[0]
    key = leaf.public_key()
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        return _bad("the key is not of the curve P-256")
    basic, usage = _find(leaf, x509.BasicConstraints), _find(leaf, x509.KeyUsage)
    if isinstance(basic, x509.BasicConstraints) and basic.ca:
        return _bad("a certificate authority's own certificate")
    if isinstance(usage, x509.KeyUsage) and not usage.digital_signature:
        return _bad("the key may not make signatures")
    listed = [_listed(certificate) for certificate in chain]
    own = listed[0]
    if own is None:
        return Failure(Reason.NO_TNAUTHLIST, "the certificate says not what it may sign for")
    above = [some for some in listed[1:] if some is not None]
    if not all(some.encompasses(own) for some in above):
        return Failure(Reason.OUT_OF_SCOPE, "it lists more than its issuer has")
    spcs = [spc for some in (own, *above) for spc in some.spcs]
    return Signer(
        spc=spcs[0] if spcs else "",
        subject=printable(leaf.subject.rfc4514_string()),
        not_before=max(one.not_valid_before_utc.timestamp() for one in chain),
        not_after=min(one.not_valid_after_utc.timestamp() for one in chain),
        key=key,
        tnauthlist=own,
        constraints=_constraints(leaf),
        chain=tuple(chain),
        crls=_crls(leaf),
    )


def _find(
    certificate: x509.Certificate, kind: type[x509.ExtensionType]
) -> x509.ExtensionType | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _raw(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> bytes | None:
    try:
        value = certificate.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None
    return value.public_bytes()


def _listed(certificate: x509.Certificate) -> TNAuthList | None:
    raw = _raw(certificate, tnauthlist.OID)
    return None if raw is None else parse_tnauthlist(raw)


def _constraints(leaf: x509.Certificate) -> tuple[ClaimConstraints, ...]:
    raws = (_raw(leaf, oid) for oid in (constraints.OID, constraints.ENHANCED_OID))
    return tuple(parse_constraints(raw) for raw in raws if raw is not None)


def _crls(leaf: x509.Certificate) -> tuple[str, ...]:
    points = _find(leaf, x509.CRLDistributionPoints)
    if not isinstance(points, x509.CRLDistributionPoints):
        return ()
    names = (name for point in points for name in point.full_name or ())
    return tuple(n.value for n in names if isinstance(n, x509.UniformResourceIdentifier))[:4]


def _bad(detail: str) -> Failure:
    return Failure(Reason.BAD_CERTIFICATE, detail)
