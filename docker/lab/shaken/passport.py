"""Owns the text of tokens and of the Identity header; it must not know certificates or calls.

RFC 8224 (header), RFC 8225 (token), RFC 8588 (its SHAKEN form). Nothing is checked on the way
out, so that a test can sign what no honest signer would.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_COORDINATE_BYTES = 32  # of P-256


def shaken_passport(
    *,
    orig: str,
    dest: Sequence[str],
    attest: str,
    iat: int,
    origid: str,
    x5u: str,
    header: Mapping[str, Any] | None = None,
    payload: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload of a token; `header` and `payload` change them, with None to leave out."""
    honest_header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u}
    honest_payload = {
        "attest": attest,
        "dest": {"tn": list(dest)},
        "iat": iat,
        "orig": {"tn": orig},
        "origid": origid,
    }
    return _changed(honest_header, header), _changed(honest_payload, payload)


def div_passport(
    *,
    orig: str,
    dest: Sequence[str],
    div: str,
    iat: int,
    x5u: str,
    header: Mapping[str, Any] | None = None,
    payload: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload of a diversion's token (RFC 8946), changed as in `shaken_passport`."""
    honest_header = {"alg": "ES256", "ppt": "div", "typ": "passport", "x5u": x5u}
    honest_payload = {
        "dest": {"tn": list(dest)},
        "div": {"tn": div},
        "iat": iat,
        "orig": {"tn": orig},
    }
    return _changed(honest_header, header), _changed(honest_payload, payload)


def compact(token: str) -> str:
    """A token without what the call itself says (RFC 8225, section 7)."""
    return ".." + token.rpartition(".")[2]


def sign(
    header: Mapping[str, Any], payload: Mapping[str, Any], key: ec.EllipticCurvePrivateKey
) -> str:
    """The compact form: header, payload and signature, each in base64url."""
    signed = f"{_part(header)}.{_part(payload)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    # JWS wants the two numbers side by side (RFC 7518, 3.4), not in DER.
    raw = r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
    return f"{signed}.{_base64url(raw)}"


def identity_header(token: str, info: str, *, alg: str = "ES256", ppt: str = "shaken") -> str:
    """The value of an Identity header; without the parameter where `ppt` is empty."""
    return f"{token};info=<{info}>;alg={alg}" + (f";ppt={ppt}" if ppt else "")


def digits(number: str) -> str:
    """A number as tokens write it: country code first, digits alone (RFC 8225, 5.2.1)."""
    return "".join(character for character in number if character in "0123456789*#")


def _changed(honest: dict[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in {**honest, **(changes or {})}.items() if v is not None}


def _part(value: Mapping[str, Any]) -> str:
    # RFC 8225, section 9: keys in order and no blanks, so that a compact form can be rebuilt
    return _base64url(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
