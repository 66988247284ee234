"""The Identity header that nearly every signed call has, read in one go; trusts no signature.

One SHAKEN token, its claims as RFC 8225 section 9 has them written: keys in order, no blanks. What
is not exactly so is None, and no failure: `identity` reads it at length and has the words for what
is wrong. So nothing is taken here that would not be there, or that would mean something else.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from ringfence.attestation.failure import Failure
from ringfence.attestation.jws import SIGNATURE_BYTES, decode_base64url, json_object
from ringfence.attestation.parameters import Parameters, read_parameters
from ringfence.attestation.passport import SHAKEN, Passport, header_fault

MAX_USUAL = 2_048
"""Characters of a header; also what bounds the memory of the signers' own parts."""
SIGNERS = 512
_CLAIMS = re.compile(
    r'\{"attest":"([ABC])","dest":\{"tn":\["([0-9]{1,32})"\]\},"iat":([1-9][0-9]{0,9}),'
    r'"orig":\{"tn":"([0-9]{1,32})"\},"origid":"([0-9A-Za-z-]{1,64})"\}',
    re.ASCII,
)


class Usual(msgspec.Struct, frozen=True):
    """A token that can be read so, and the parameters behind it."""

    passport: Passport
    parameters: Parameters


def read_usual(text: str) -> Usual | None:
    """The value of one Identity header, if it is the usual one."""
    if len(text) > MAX_USUAL:
        return None
    token, mark, rest = text.partition(";")
    first, _, others = token.partition(".")
    payload, _, last = others.partition(".")
    shared = _of_signer(first, mark + rest)
    raw, signature = decode_base64url(payload), decode_base64url(last)
    if shared is None or raw is None or signature is None or len(signature) != SIGNATURE_BYTES:
        return None
    match = _CLAIMS.fullmatch(raw.decode("latin-1"))
    if match is None:
        return None
    x5u, parameters = shared
    attest, dest, iat, orig, origid = match.groups()
    time = int(iat)
    passport = Passport(
        ppt=SHAKEN,
        x5u=x5u,
        iat=float(time),
        orig=orig,
        dest=(dest,),
        div="",
        attest=attest,
        origid=origid,
        claims={
            "attest": attest,
            "dest": {"tn": [dest]},
            "iat": time,
            "orig": {"tn": orig},
            "origid": origid,
        },
        signed=f"{first}.{payload}".encode("ascii"),
        signature=signature,
    )
    return Usual(passport, parameters)


# The same in all calls of a signer, and most of what there is to read. What strangers write into
# it crowds others out, which costs a call some microseconds and nothing else.
@lru_cache(maxsize=SIGNERS)
def _of_signer(first: str, behind: str) -> tuple[str, Parameters] | None:
    """The x5u in a token's first part, and the parameters behind the token."""
    parameters = read_parameters(behind)
    header = json_object(decode_base64url(first))
    if isinstance(parameters, Failure) or header is None or header_fault(header) is not None:
        return None
    if header.get("ppt") != SHAKEN or parameters.ppt not in ("", SHAKEN):
        return None
    return header["x5u"], parameters
