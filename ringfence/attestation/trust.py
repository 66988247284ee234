"""The attestation of a call attempt, from the sources that its trunk is trusted for.

Pure: reads what Asterisk verified (STIR_SHAKEN()) and what carriers' headers say, believes only
what the trunk's settings name, and says of the rest that it was ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ringfence.attestation.model import UNKNOWN, Attestation, Level, Verification

if TYPE_CHECKING:
    from ringfence.call import CallAttempt
    from ringfence.trunk import Trunk

# verstat=TN-Validation-Passed in a PAI, From or tel URI; X-Twilio-VerStat has the level behind.
# -Diverted and -Passthrough may follow.
_VERSTAT = re.compile(
    r"\b(?P<no>No-TN-Validation)|\bTN-Validation-(?P<how>Passed|Failed)(?:-(?P<level>[ABC]))?\b",
    re.IGNORECASE,
)
_ORIGID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_VERSTAT_HEADERS = ("x-twilio-verstat", "p-asserted-identity", "from")
_ORIGID_HEADERS = ("p-origination-id", "origination-id")
_PLIVO = {
    "verified": Verification.PASSED,
    "not verified": Verification.FAILED,
    "not applicable": Verification.NONE,
}


def attest(attempt: CallAttempt, trunk: Trunk) -> Attestation:
    """The first trusted source that says something; `UNKNOWN`, with a word on why, otherwise."""
    for source in trunk.attestation:
        said = _by_asterisk(attempt) if source == "asterisk" else _by_headers(attempt, trunk)
        if said is not None:
            return said
    if "headers" not in trunk.attestation and next(_claims(attempt, trunk), None):
        return Attestation(detail="the trunk's headers claim a verification; it is not trusted")
    return UNKNOWN


def _by_asterisk(attempt: CallAttempt) -> Attestation | None:
    if not attempt.stir_shaken:
        return None
    # A call may carry several tokens: one that verified counts, and a failed token's level never.
    for result, level in attempt.stir_shaken:
        if result == "passed" and level in ("A", "B", "C"):
            return Attestation(Level(level), Verification.PASSED, "asterisk")
    result = attempt.stir_shaken[0][0]
    if result in ("verify_identity_header_missing", "missing_identity_hdr", "identity_not_found"):
        return None
    return Attestation(Level.NONE, Verification.FAILED, "asterisk", result[:64])


def _by_headers(attempt: CallAttempt, trunk: Trunk) -> Attestation | None:
    """What the carrier's headers say together: one failure outweighs any number of passes."""
    claims = list(_claims(attempt, trunk))
    if not claims:
        return None
    failed = [claim for claim in claims if claim.verification is Verification.FAILED]
    if failed:
        return failed[0]
    passed = [claim for claim in claims if claim.verification is Verification.PASSED]
    if not passed:
        return claims[0]
    levels = {claim.level for claim in passed if claim.level is not Level.NONE}
    # Contradictory levels: the weakest is the one that all of them support.
    level = max(levels, default=Level.NONE)
    origins = " ".join(claim.origin for claim in passed)
    return Attestation(level, Verification.PASSED, origins, origid=_origid(attempt))


def _claims(attempt: CallAttempt, trunk: Trunk) -> Iterator[Attestation]:
    headers = attempt.headers
    if not headers:
        return
    for name in _VERSTAT_HEADERS:
        match = _VERSTAT.search(headers.get(name, ""))
        if not match:
            continue
        if match["no"]:
            yield Attestation(origin=name, detail=match[0])
        elif match["how"].lower() == "failed":
            yield Attestation(Level.NONE, Verification.FAILED, name, match[0])
        else:
            level = match["level"].upper() if match["level"] else trunk.verstat_passed
            yield Attestation(Level(level), Verification.PASSED, name, match[0])
    indicator = headers.get("p-attestation-indicator", "").strip().upper()
    if indicator in ("A", "B", "C"):
        yield Attestation(Level(indicator), Verification.PASSED, "p-attestation-indicator")
    plivo = _PLIVO.get(headers.get("x-plivo-stir-verification", "").strip().lower())
    if plivo is not None:
        level = Level(trunk.verstat_passed) if plivo is Verification.PASSED else Level.NONE
        yield Attestation(level, plivo, "x-plivo-stir-verification")


def _origid(attempt: CallAttempt) -> str:
    for name in _ORIGID_HEADERS:
        if (text := attempt.headers.get(name, "").strip()) and _ORIGID.fullmatch(text):
            return text
    return ""
