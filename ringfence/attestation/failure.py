"""Why a signature counts for nothing: one fixed vocabulary, and the RFC 8224 code of each word.

Rules, records and the command line speak these words. Knows nothing of tokens, certificates or
calls.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final

import msgspec

MAX_DETAIL = 200


class Reason(StrEnum):
    """A new word may come, but none changes its meaning: admins' rules build on them."""

    # nothing was shown to be wrong: verification is "none"
    NO_IDENTITY = "no-identity"
    NO_SHAKEN = "no-shaken"
    NO_NUMBER = "no-number"
    CERTIFICATE_PENDING = "certificate-pending"
    NO_TRUST_ROOTS = "no-trust-roots"
    # the signature failed: verification is "failed"
    STALE = "stale"
    BAD_X5U = "bad-x5u"
    NO_CERTIFICATE = "no-certificate"
    BAD_CERTIFICATE = "bad-certificate"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    NO_TNAUTHLIST = "no-tnauthlist"
    OUT_OF_SCOPE = "out-of-scope"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    BAD_SIGNATURE = "bad-signature"
    BAD_ATTEST = "bad-attest"
    ORIG_MISMATCH = "orig-mismatch"
    DEST_MISMATCH = "dest-mismatch"
    BROKEN_DIVERSION = "broken-diversion"


_CODES: Final = {
    # 428 is sent only where a rule demands a signature
    Reason.NO_IDENTITY: 428,
    Reason.NO_SHAKEN: 428,
    Reason.NO_NUMBER: 0,
    Reason.CERTIFICATE_PENDING: 0,
    Reason.NO_TRUST_ROOTS: 0,
    Reason.STALE: 403,
    Reason.BAD_X5U: 436,
    Reason.NO_CERTIFICATE: 436,
    Reason.BAD_CERTIFICATE: 437,
    Reason.UNTRUSTED: 437,
    Reason.EXPIRED: 437,
    Reason.NOT_YET_VALID: 437,
    Reason.REVOKED: 437,
    Reason.NO_TNAUTHLIST: 437,
    Reason.OUT_OF_SCOPE: 437,
    Reason.MALFORMED: 438,
    Reason.UNSUPPORTED: 438,
    Reason.BAD_SIGNATURE: 438,
    Reason.BAD_ATTEST: 438,
    Reason.ORIG_MISMATCH: 438,
    Reason.DEST_MISMATCH: 438,
    Reason.BROKEN_DIVERSION: 438,
}
_UNPROVEN: Final = frozenset(
    {
        *(Reason.NO_IDENTITY, Reason.NO_SHAKEN, Reason.NO_NUMBER),
        # these two are no fault of the caller's
        *(Reason.CERTIFICATE_PENDING, Reason.NO_TRUST_ROOTS),
    }
)


class Failure(msgspec.Struct, frozen=True):
    """A word of the vocabulary, and for people what exactly was found."""

    reason: Reason
    detail: str = ""

    @property
    def code(self) -> int:
        """The SIP response code of RFC 8224 section 6.2.2; 0 where there is none."""
        return _CODES[self.reason]

    @property
    def proves(self) -> bool:
        """Something is wrong with the signature; False where nothing could be checked."""
        return self.reason not in _UNPROVEN


class Pending(Enum):
    """The certificate is being fetched; the next call will have it."""

    PENDING = "pending"


PENDING: Final = Pending.PENDING


def printable(text: str, limit: int = MAX_DETAIL) -> str:
    """What strangers wrote, fit for a log line: bounded, and without control characters."""
    cut = text[:limit]
    return cut if cut.isprintable() else "".join(c if c.isprintable() else "?" for c in cut)
