"""What a token claims (RFC 8225, 8588, 8946), read from its JSON; decides nothing about a call."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ringfence.attestation.canonical import canonical
from ringfence.attestation.failure import Failure, Reason, printable
from ringfence.attestation.jws import Jws
from ringfence.attestation.parameters import ALGORITHM
from ringfence.attestation.x5u import MAX_X5U

SHAKEN = "shaken"
DIV = "div"
MAX_ORIGID = 256


class Passport(msgspec.Struct, frozen=True):
    """A token in full: numbers in canonical form, "" where a claim has none.

    `div` is the number that a call was diverted from. `claims` is the payload as it came, which
    only the limits of a certificate look at.
    """

    ppt: str
    x5u: str
    iat: float
    orig: str
    dest: tuple[str, ...]
    div: str
    attest: str
    origid: str
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def read_passport(jws: Jws) -> Passport | Failure:
    """The claims, if header and payload have the members that every token must have."""
    header, claims = jws.header, jws.payload
    fault = header_fault(header)
    if fault is not None:
        return fault
    ppt = header.get("ppt", "")
    iat = _time(claims.get("iat"))
    if iat is None:
        return _malformed("iat is no number")
    orig, dest = claims.get("orig"), claims.get("dest")
    if not isinstance(orig, dict) or not isinstance(orig.get("tn", ""), str):
        return _malformed("orig is no object with a tn")
    if not isinstance(dest, dict) or not _are_texts(dest.get("tn", [])):
        return _malformed("dest is no object with a list of tn")
    div = claims.get("div") if ppt == DIV else {}
    if not isinstance(div, dict) or not isinstance(div.get("tn", ""), str):
        return _malformed("div is no object with a tn")
    attest, origid = claims.get("attest", ""), claims.get("origid", "")
    if not isinstance(origid, str) or len(origid) > MAX_ORIGID:
        return _malformed("origid is no text, or too long")
    if ppt == SHAKEN and not origid:
        return _malformed("no origid")
    return Passport(
        ppt=ppt,
        x5u=header["x5u"],
        iat=iat,
        orig=canonical(orig.get("tn", "")),
        dest=tuple(number for tn in dest.get("tn", []) if (number := canonical(tn))),
        div=canonical(div.get("tn", "")),
        attest=attest if isinstance(attest, str) else "",
        origid=origid,
        claims=claims,
        signed=jws.signed,
        signature=jws.signature,
    )


def header_fault(header: dict[str, Any]) -> Failure | None:
    """What is wrong with a token's first part; with none there is an x5u, and `ppt` is text."""
    alg, ppt, x5u = header.get("alg"), header.get("ppt", ""), header.get("x5u")
    if alg != ALGORITHM:
        return Failure(Reason.UNSUPPORTED, f"alg is {_shown(alg)}, not {ALGORITHM}")
    if "crit" in header:
        # RFC 7515 section 4.1.11: who does not understand it must refuse the token
        return Failure(Reason.UNSUPPORTED, "the header has crit")
    if header.get("typ") != "passport":
        return _malformed(f"typ is {_shown(header.get('typ'))}, not passport")
    if not isinstance(ppt, str):
        return _malformed("ppt is no text")
    if not isinstance(x5u, str) or len(x5u) > MAX_X5U:
        return _malformed("x5u is no text, or too long")
    return None


def _time(iat: object) -> float | None:
    # True is an int in Python, and a number of four thousand digits is no float
    if isinstance(iat, bool) or not isinstance(iat, int | float):
        return None
    try:
        time = float(iat)
    except OverflowError:
        return None
    return time if math.isfinite(time) else None


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _shown(value: object) -> str:
    return printable(value, 32) if isinstance(value, str) else "no text"


def _malformed(detail: str) -> Failure:
    return Failure(Reason.MALFORMED, detail)
