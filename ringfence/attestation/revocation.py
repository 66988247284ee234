"""Revocation lists (RFC 5280 section 5): whose they are, and whom they name; fetches nothing.

SHAKEN's list is an indirect one: the policy administrator signs it, and it names certificates of
all authorities.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from cryptography import x509

MAX_CRL = 4_194_304
MAX_CLOCK_DIFFERENCE = 300.0


class CrlError(ValueError):
    """This is no revocation list to go by; says why."""


class Revocations(msgspec.Struct, frozen=True):
    """Issuer (DER) and serial number of each certificate that was taken back.

    After `next_update` (Unix seconds, None where it is not said) a newer list should be had; what
    this one names stays revoked.
    """

    named: frozenset[tuple[bytes, int]]
    next_update: float | None

    def names(self, certificate: x509.Certificate) -> bool:
        issuer = certificate.issuer.public_bytes()
        return (issuer, certificate.serial_number) in self.named


def read_revocations(
    data: bytes,
    now: float,
    *,
    trusted: Sequence[x509.Certificate],
    others: Sequence[x509.Certificate] = (),
) -> Revocations:
    """A list in PEM or DER; raises CrlError.

    One of `trusted` (the roots, and those that the admin lets sign lists) speaks for every
    authority. One of `others` (a signer's chain) speaks only for what it issued itself: else any
    authority could take back its rivals' certificates.
    """
    crl = _load(data)
    try:
        if crl.last_update_utc.timestamp() > now + MAX_CLOCK_DIFFERENCE:
            raise CrlError("the revocation list is from the future: check the clock")
        _check_kind(crl)
        for certificate in trusted:
            if _signed_by(crl, certificate):
                return _revocations(crl, None)
        for certificate in others:
            if _signed_by(crl, certificate):
                return _revocations(crl, certificate.subject.public_bytes())
    except CrlError:
        raise
    except Exception as error:
        # `cryptography` parses lazily, and has many errors for what a stranger can write
        raise CrlError("the revocation list is damaged") from error
    raise CrlError("the revocation list is signed by nobody that is trusted with it")


def _load(data: bytes) -> x509.CertificateRevocationList:
    if len(data) > MAX_CRL:
        raise CrlError(f"the revocation list has more than {MAX_CRL} bytes")
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_crl(data)
        return x509.load_der_x509_crl(data)
    except Exception as error:
        raise CrlError("this is no revocation list in PEM or DER") from error


def _check_kind(crl: x509.CertificateRevocationList) -> None:
    for extension in crl.extensions:
        if isinstance(extension.value, x509.DeltaCRLIndicator):
            raise CrlError("the revocation list has only the changes to another")
        known = isinstance(extension.value, x509.IssuingDistributionPoint)
        if extension.critical and not known:
            raise CrlError(f"the revocation list has the unknown {extension.oid.dotted_string}")


def _signed_by(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    if certificate.subject != crl.issuer:
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not usage.crl_sign:
        return False
    key = certificate.public_key()
    try:
        return crl.is_signature_valid(key)  # type: ignore[arg-type]  # a foreign kind: TypeError
    except TypeError:
        return False


def _revocations(crl: x509.CertificateRevocationList, only: bytes | None) -> Revocations:
    named = frozenset(entry for entry in _entries(crl) if only is None or entry[0] == only)
    update = crl.next_update_utc
    return Revocations(named, None if update is None else update.timestamp())


def _entries(crl: x509.CertificateRevocationList) -> Iterator[tuple[bytes, int]]:
    issuer = crl.issuer.public_bytes()
    for entry in crl:
        # RFC 5280 section 5.3.3: it holds for the entries behind it too, until the next
        for extension in entry.extensions:
            if isinstance(extension.value, x509.CertificateIssuer):
                names = extension.value.get_values_for_type(x509.DirectoryName)
                issuer = names[0].public_bytes() if names else b""
        yield issuer, entry.serial_number
