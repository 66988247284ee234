"""What the signature of a compact token is over (RFC 8224 section 4.1), from what a call says.

Pure: header and payload as their signer wrote them, keys in order and without blanks (RFC 8225
section 9).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from ringfence.attestation.identity import Compact
from ringfence.attestation.jws import encode_base64url
from ringfence.attestation.parameters import ALGORITHM
from ringfence.attestation.passport import Passport

MAX_DATE = 64


def rebuild(compact: Compact, *, info: str, caller: str, called: str, date: float) -> Passport:
    """The full token. `caller` and `called` are canonical; `date` is the Date header's time."""
    header = {"alg": ALGORITHM, "typ": "passport", "x5u": info}
    claims = {"dest": {"tn": [called]}, "iat": int(date), "orig": {"tn": caller}}
    return Passport(
        ppt="",
        x5u=info,
        iat=date,
        orig=caller,
        dest=(called,),
        div="",
        attest="",
        origid="",
        claims=claims,
        signed=f"{_part(header)}.{_part(claims)}".encode("ascii"),
        signature=compact.signature,
    )


def date_of(header: str) -> float | None:
    """Unix seconds of a SIP Date header, ``Sat, 13 Nov 2010 23:29:00 GMT``; None if it is none."""
    if not header or len(header) > MAX_DATE:
        return None
    try:
        found = parsedate_to_datetime(header)
        # Always GMT (RFC 3261 section 20.17), and never this machine's zone.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _part(value: Mapping[str, object]) -> str:
    return encode_base64url(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
