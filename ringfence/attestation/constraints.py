"""Which claims a certificate's tokens may make (RFC 8226 section 8, RFC 9118); knows no calls."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from cryptography.x509 import ObjectIdentifier

from ringfence.attestation.der import (
    IA5_STRING,
    SEQUENCE,
    UTF8_STRING,
    DerError,
    elements,
    explicit,
    text,
    whole,
)

OID = ObjectIdentifier("1.3.6.1.5.5.7.1.27")
ENHANCED_OID = ObjectIdentifier("1.3.6.1.5.5.7.1.33")
_MUST_INCLUDE, _PERMITTED, _MUST_EXCLUDE = explicit(0), explicit(1), explicit(2)


class ClaimConstraints(msgspec.Struct, frozen=True):
    must_include: tuple[str, ...] = ()
    permitted: tuple[tuple[str, tuple[str, ...]], ...] = ()
    must_exclude: tuple[str, ...] = ()

    def fault_of(self, claims: dict[str, Any]) -> str:
        """The claim that the certificate does not allow; "" where it allows them all."""
        for name in self.must_include:
            if name not in claims:
                return f"without the claim {name}"
        for name in self.must_exclude:
            if name in claims:
                return f"with the claim {name}"
        for name, values in self.permitted:
            if name in claims and _as_text(claims[name]) not in values:
                return f"with a value of {name} that is not permitted"
        return ""


def parse_constraints(data: bytes) -> ClaimConstraints:
    """The value of either extension; raises DerError."""
    must_include: tuple[str, ...] = ()
    must_exclude: tuple[str, ...] = ()
    permitted: list[tuple[str, tuple[str, ...]]] = []
    for tag, content in elements(whole(data, SEQUENCE)):
        inner = whole(content, SEQUENCE)
        if tag == _MUST_INCLUDE:
            must_include = _texts(inner, IA5_STRING)
        elif tag == _MUST_EXCLUDE:
            must_exclude = _texts(inner, IA5_STRING)
        elif tag == _PERMITTED:
            permitted = [_permitted(entry) for entry in elements(inner)]
        else:
            raise DerError("a constraint of no known kind")
    return ClaimConstraints(must_include, tuple(permitted), must_exclude)


def _permitted(entry: tuple[int, bytes]) -> tuple[str, tuple[str, ...]]:
    parts = list(elements(entry[1]))
    if entry[0] != SEQUENCE or [tag for tag, _ in parts] != [IA5_STRING, SEQUENCE]:
        raise DerError("no list of permitted values")
    return text(parts[0][1]), _texts(parts[1][1], UTF8_STRING)


def _texts(content: bytes, tag: int) -> tuple[str, ...]:
    values = list(elements(content))
    if any(found != tag for found, _ in values):
        raise DerError("no list of texts")
    return tuple(text(value, "utf-8") for _, value in values)


def _as_text(value: object) -> str:
    # The RFCs compare texts, and leave open how another value becomes one.
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
