"""What stands behind the token of an Identity header (RFC 8224 section 4); knows no token.

Lenient with dress: spaces, quotes, the case of names, parameters that it does not know.
"""

from __future__ import annotations

import re

import msgspec

from ringfence.attestation.failure import Failure, Reason

ALGORITHM = "ES256"
MAX_PARAMETERS = 16

_PARAMETER = re.compile(
    r";\s*(?P<name>[A-Za-z0-9_.!%*+`'~-]+)\s*"
    r'(?:=\s*(?:<(?P<uri>[^<>"]*)>|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s;<>"]+)))?\s*',
    re.ASCII,
)


class Parameters(msgspec.Struct, frozen=True):
    """`alg` and `ppt` are "" where the parameter was left out."""

    info: str
    alg: str
    ppt: str


def read_parameters(text: str) -> Parameters | Failure:
    """The text from the first ``;`` on."""
    parameters: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or len(parameters) == MAX_PARAMETERS:
            return _malformed("the header's parameters cannot be read")
        name = match["name"].lower()
        if name in parameters:
            return _malformed("a parameter of the header stands twice")
        parameters[name] = match["uri"] or match["quoted"] or match["plain"] or ""
        position = match.end()
    alg = parameters.get("alg", "")
    if alg not in ("", ALGORITHM):
        return Failure(Reason.UNSUPPORTED, f"the header's alg is not {ALGORITHM}")
    return Parameters(parameters.get("info", "").strip(), alg, parameters.get("ppt", ""))


def _malformed(detail: str) -> Failure:
    return Failure(Reason.MALFORMED, detail)
