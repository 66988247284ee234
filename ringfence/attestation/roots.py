"""Whom signers' certificates must lead back to; reads texts, not files.

The policy administrator's list is a JWT whose claim `trustList` is an array of PEM texts
(ATIS-1000084). Its signature is not checked: the admin who puts it in place vouches for it, as for
a PEM file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography import x509
from cryptography.x509.verification import Store

from ringfence.attestation.jws import decode_base64url, json_object

MAX_ROOTS_TEXT = 4_194_304


class RootsError(ValueError):
    """No trust roots can be read from this; says what to do."""


class RootList(msgspec.Struct, frozen=True):
    """What one file holds. `expires` is the list's own, in Unix seconds; None where it has none."""

    certificates: tuple[x509.Certificate, ...]
    expires: float | None = None


class Roots:
    """The trust roots in force. Immutable: new ones make a new object."""

    def __init__(self, certificates: Sequence[x509.Certificate] = ()) -> None:
        self.certificates = tuple(dict.fromkeys(certificates))
        self.store = Store(list(self.certificates)) if self.certificates else None


def read_roots(data: bytes) -> RootList:
    """A PEM file or the administrator's JWT; raises RootsError."""
    if len(data) > MAX_ROOTS_TEXT:
        raise RootsError("the trust roots are too large: take the administrator's list")
    if b"-----BEGIN" in data:
        return RootList(_checked(_certificates(data)))
    parts = data.strip().replace(b"=", b"").split(b".")
    # as_latin-1: any byte is some character, and a foreign one is no base64url
    raw = decode_base64url(parts[1].decode("latin-1")) if len(parts) == 3 else None
    claims = json_object(raw)
    if claims is None:
        raise RootsError("neither a PEM file nor a JWT: take the administrator's list as it came")
    listed = claims.get("trustList")
    if not isinstance(listed, list) or not all(isinstance(pem, str) for pem in listed):
        raise RootsError("the JWT has no trustList of PEM texts: take the administrator's list")
    found = [one for pem in listed for one in _certificates(pem.encode())]
    # Nobody can edit the signed list, and what is no authority would be trusted as a signer.
    certificates = [one for one in found if _is_authority(one)]
    if not certificates:
        raise RootsError("the trustList is empty: fetch the administrator's list again")
    return RootList(tuple(certificates), _expiry(claims))


def _certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except Exception as error:
        # not always a ValueError: a version that there is none of has an error of its own
        raise RootsError("a trust root is no PEM certificate: export it again as PEM") from error


def _checked(certificates: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
    for certificate in certificates:
        if not _is_authority(certificate):
            name = certificate.subject.rfc4514_string()[:100]
            raise RootsError(f"{name} is no certificate authority: take it out of the trust roots")
    return certificates


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except Exception:
        # it has none, or what `cryptography`, which parses lazily, finds wrong with them
        return False


def _expiry(claims: dict[str, Any]) -> float | None:
    expires = claims.get("exp")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return None
    return float(expires) if abs(expires) < 1e12 else None
