"""The attestation of one call in the field's words; knows nothing of headers or tokens."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """RFC 8588 section 4: full, partial, gateway; or no valid claim at all."""

    A = "A"
    B = "B"
    C = "C"
    NONE = "none"


class Verification(StrEnum):
    """What became of the signature: it held, it did not, or there was none to check."""

    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"


class Attestation(msgspec.Struct, frozen=True):
    """Level and verification of a call; `origin` says who said so, `detail` why.

    `signer` is the service provider code (SPC) in the certificate of a verified token, `diverters`
    are those of who sent a call on to another number (RFC 8946), the last one first. Where our
    own verifier has looked, `reason` is a word of `failure.Reason` for what did not pass, `code`
    the SIP response code that RFC 8224 has for it (428: for rules that demand a signature), and
    `x5u` where the token says that its certificate is.
    A level other than none comes only with a passed verification: what failed claims nothing.
    """

    level: Level = Level.NONE
    verification: Verification = Verification.NONE
    origin: str = ""
    detail: str = ""
    origid: str = ""
    signer: str = ""
    diverters: tuple[str, ...] = ()
    code: int = 0
    reason: str = ""
    x5u: str = ""


UNKNOWN = Attestation()
