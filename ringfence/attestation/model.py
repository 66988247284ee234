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

    A level other than none comes only with a passed verification: what failed claims nothing.
    """

    level: Level = Level.NONE
    verification: Verification = Verification.NONE
    origin: str = ""
    detail: str = ""
    origid: str = ""


UNKNOWN = Attestation()
