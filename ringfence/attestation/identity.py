"""The text of an Identity header (RFC 8224 section 4) taken apart; trusts and checks no signature.

Lenient with dress (spaces, quotes, parameters it does not know), strict with the token. Whatever
the text, the answer is an `Identity` or a `Failure`.
"""

from __future__ import annotations

import re

import msgspec

from ringfence.attestation.failure import Failure, Reason
from ringfence.attestation.jws import SIGNATURE_BYTES, decode_base64url, parse_jws
from ringfence.attestation.parameters import read_parameters
from ringfence.attestation.passport import Passport, read_passport
from ringfence.attestation.usual import read_usual

MAX_HEADER = 8_192
"""Characters of one header; a token of SHAKEN's has about 800."""

_TOKEN = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*", re.ASCII)


class Compact(msgspec.Struct, frozen=True):
    """``..signature``: header and payload are what the call itself says."""

    signature: bytes


class Identity(msgspec.Struct, frozen=True):
    """A header's token and parameters. `alg` and `ppt` are "" where the parameter was left out;
    where it was not, it says the same as the token."""

    token: Passport | Compact
    info: str
    alg: str
    ppt: str


def parse_identity(text: str) -> Identity | Failure:
    """The value of one Identity header."""
    usual = read_usual(text)
    if usual is None:
        return read_at_length(text)
    said = usual.parameters
    return Identity(usual.passport, said.info, said.alg, said.ppt)


def read_at_length(text: str) -> Identity | Failure:
    """The same of any header, the usual one among them."""
    if len(text) > MAX_HEADER:
        return _malformed(f"longer than {MAX_HEADER} characters")
    start = _TOKEN.match(text)
    if start is None:
        return _malformed("no token")
    parameters = read_parameters(text[start.end() :])
    if isinstance(parameters, Failure):
        return parameters
    info, alg, ppt = parameters.info, parameters.alg, parameters.ppt
    if start[1].startswith(".."):
        compact = _compact(start[1], ppt)
        return compact if isinstance(compact, Failure) else Identity(compact, info, alg, ppt)
    jws = parse_jws(start[1])
    passport = jws if isinstance(jws, Failure) else read_passport(jws)
    if isinstance(passport, Failure):
        return passport
    if ppt not in ("", passport.ppt):
        return _malformed("the header's ppt is not the token's")
    return Identity(passport, info, alg, ppt)


def _compact(token: str, ppt: str) -> Compact | Failure:
    if ppt:
        # RFC 8588 and RFC 8946 want the full form: attest, origid and div stand nowhere else
        return Failure(Reason.UNSUPPORTED, "a compact token can have no ppt")
    signature = decode_base64url(token[2:])
    if signature is None or len(signature) != SIGNATURE_BYTES:
        return _malformed("the signature is not 64 bytes in base64url")
    return Compact(signature)


def _malformed(detail: str) -> Failure:
    return Failure(Reason.MALFORMED, detail)
