"""The text of a token (JWS, RFC 7515) and its ES256 signature; knows nothing of what it claims.

Strict on purpose: two texts must never mean the same token, so that changing any byte of a signed
one is seen.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from typing import Any, NoReturn

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ringfence.attestation.failure import Failure, Reason

MAX_BRACKETS = 256
"""Brackets in one JSON text, so a bound on its depth: Python's parser goes down recursively."""
SIGNATURE_BYTES = 64
_COORDINATE = SIGNATURE_BYTES // 2
_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
"""To base64's own alphabet; what base64 has and base64url has not becomes what neither has."""
_PADDING = (b"", b"", b"==", b"=")
_LAST = ("", "", "AQgw", "AEIMQUYcgkosw048")
"""By how many characters stand over groups of four: the last one, with no bit left over."""
_ES256 = ECDSA(hashes.SHA256())


class Jws(msgspec.Struct, frozen=True):
    """A token taken apart. `signed` is what the signature is over, as it came."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes


def parse_jws(token: str) -> Jws | Failure:
    """``header.payload.signature``, each in base64url without padding."""
    parts = token.split(".")
    if len(parts) != 3:
        return Failure(Reason.MALFORMED, "a token has three parts")
    decoded = [decode_base64url(part) for part in parts]
    header, payload = (json_object(part) for part in decoded[:2])
    if header is None:
        return Failure(Reason.MALFORMED, "the token's header is no JSON object in base64url")
    if payload is None:
        return Failure(Reason.MALFORMED, "the token's payload is no JSON object in base64url")
    signature = decoded[2]
    if signature is None or len(signature) != SIGNATURE_BYTES:
        return Failure(Reason.MALFORMED, "the signature is not 64 bytes in base64url")
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    return Jws(header, payload, signed, signature)


def signature_holds(signed: bytes, signature: bytes, key: EllipticCurvePublicKey) -> bool:
    """Whether the raw ``r || s`` (RFC 7518 section 3.4) over `signed` was made with that key."""
    der = encode_dss_signature(
        int.from_bytes(signature[:_COORDINATE], "big"),
        int.from_bytes(signature[_COORDINATE:], "big"),
    )
    try:
        key.verify(der, signed, _ES256)
    except InvalidSignature:
        return False
    return True


def decode_base64url(text: str) -> bytes | None:
    """The bytes; None for padding, a foreign character, or bits left over in the last one."""
    over = len(text) % 4
    if over and text[-1] not in _LAST[over]:
        return None
    try:
        standard = text.encode("ascii").translate(_STANDARD) + _PADDING[over]
        return a2b_base64(standard, strict_mode=True)
    except ValueError:
        return None


def encode_base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def json_object(raw: bytes | None) -> dict[str, Any] | None:
    """The JSON object that `raw` is; None for anything else, and for what RFC 8259 leaves open."""
    if not raw or raw.count(b"{") + raw.count(b"[") > MAX_BRACKETS:
        return None
    try:
        value = _DECODER.decode(raw.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        # RFC 7515 section 4: of two readers one could take the first, the other the last
        raise ValueError("a name stands twice")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


# made once: making one takes as long as reading a token with it
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
