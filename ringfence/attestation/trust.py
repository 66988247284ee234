"""The attestation of a call attempt, from the sources that its trunk is trusted for.

Pure: takes what our own verifier found, reads what Asterisk verified (STIR_SHAKEN()) and what
carriers' headers say, believes only what the trunk's settings name, and says of the rest that it
was ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from ringfence.attestation.failure import Reason
from ringfence.attestation.model import UNKNOWN, Attestation, Level, Verification

if TYPE_CHECKING:
    from ringfence.call import CallAttempt
    from ringfence.trunk import Trunk

# X-Twilio-VerStat is one such value; PAI, From and tel URIs have it as a parameter. Behind it, or
# behind the level, may stand -Diverted or -Passthrough.
_VALUE = (
    r"(?P<value>(?P<no>No-TN-Validation)"
    r"|TN-Validation-(?P<how>Passed|Failed)(?:-(?P<level>[ABC]))?(?:-(?:Diverted|Passthrough))*)"
)
_VERSTAT = re.compile(_VALUE, re.IGNORECASE)
_PARAMETER = re.compile(rf";\s*verstat\s*=\s*{_VALUE}(?![\w-])", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
# an address, and parameters behind its bracket, where one carrier has verstat
_ADDRESS = re.compile(r"<[^<>]*>(?:\s*;[^<>,]*)?")
_ORIGID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_VERSTAT_HEADER = "x-twilio-verstat"
_ADDRESS_HEADERS = ("p-asserted-identity", "from")
_LEVEL_HEADERS = ("p-attestation-indicator", "attestation-info")
_ORIGID_HEADERS = ("p-origination-id", "origination-id")
_PLIVO_HEADER = "x-plivo-stir-verification"
# By Plivo's own account "Verified" is A, and "Not Verified" is B, C, failed or unsigned: no word
# that a call could be called forged for.
_PLIVO = {
    "verified": Attestation(Level.A, Verification.PASSED, _PLIVO_HEADER),
    "not verified": Attestation(origin=_PLIVO_HEADER, detail="Not Verified"),
    "not applicable": Attestation(origin=_PLIVO_HEADER, detail="Not Applicable"),
}

# STIR_SHAKEN(n,verify_result), lower case: the second word of each pair is that of the verifier
# before 18.22, 20.7 and 21.2. Where the signature did not hold, the newer one is not asked for its
# word (see ringfence.conf), and the dialplan says "not_verified".
_SUCCESS = frozenset({"success", "verification passed"})
_NOTHING_CHECKED = frozenset(
    {
        *("missing_identity_hdr", "verification not present"),
        # faults of ours, and no fault of the caller's
        *("disabled", "invalid_arguments", "internal_error"),
    }
)


_SIGNATURE_UNSEEN = frozenset({Reason.CERTIFICATE_PENDING, Reason.NO_TRUST_ROOTS})

IGNORED_CLAIM = "the trunk's headers claim a verification; it is not trusted"
IGNORED_IDENTITY = "an Identity header came; the trunk's settings do not name ringfence"


def attest(attempt: CallAttempt, trunk: Trunk, verified: Attestation | None = None) -> Attestation:
    """The first trusted source that says something; `UNKNOWN`, with a word on why, otherwise.

    `verified` is what our own verifier found in the Identity headers. Where it found nothing to
    verify, or not yet, the next source may know more; its reason counts where none does.
    """
    if verified is None and not (attempt.headers or attempt.stir_shaken or attempt.identities):
        return UNKNOWN  # most calls: nobody says anything
    looked: Attestation | None = None
    for source in trunk.attestation:
        if source == "ringfence":
            looked = verified
            said = verified if verified and verified.verification is not Verification.NONE else None
        elif source == "asterisk":
            said = _by_asterisk(attempt) if _may_stand_in(attempt, looked) else None
        else:
            said = _by_headers(attempt, trunk)
        if said is not None:
            return said
    nothing = verified if verified and "ringfence" in trunk.attestation else UNKNOWN
    ignored = IGNORED_IDENTITY if attempt.identities and nothing is UNKNOWN else ""
    if "headers" not in trunk.attestation and next(_claims(attempt, trunk), None):
        ignored = IGNORED_CLAIM
    if not ignored:
        return nothing
    detail = "; ".join(text for text in (nothing.detail, ignored) if text)
    return msgspec.structs.replace(nothing, detail=detail)


def _may_stand_in(attempt: CallAttempt, looked: Attestation | None) -> bool:
    """Whether Asterisk's word counts where ours said nothing. Asterisk reads the first token alone
    and compares no called number, so one that was taken from another call passes there; a second
    one whose certificate never comes would keep us from saying so. Its word does for one token, of
    which we have compared all but the signature."""
    if looked is None:
        return True
    return len(attempt.identities or ()) == 1 and looked.reason in _SIGNATURE_UNSEEN


def _by_asterisk(attempt: CallAttempt) -> Attestation | None:
    if not attempt.stir_shaken:
        return None
    # A call may carry several tokens: one that verified counts, and a failed token's level never.
    for result, level in attempt.stir_shaken:
        if result.lower() in _SUCCESS and level in ("A", "B", "C"):
            return Attestation(Level(level), Verification.PASSED, "asterisk")
    result, level = attempt.stir_shaken[0]
    if result.lower() in _NOTHING_CHECKED:
        return None
    if result.lower() == "invalid_or_no_callerid":
        # A caller without a number: no token can be about it, so nothing was shown to be wrong.
        return Attestation(origin="asterisk", detail=result)
    if result.lower() in _SUCCESS:
        # RFC 8588 section 4 knows A, B and C only.
        result = f"verified, but with the level {level[:8]!r}"
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
    if match := _VERSTAT.fullmatch(headers.get(_VERSTAT_HEADER, "").strip()):
        yield _verstat(_VERSTAT_HEADER, match, trunk)
    for name in _ADDRESS_HEADERS:
        for match in _PARAMETER.finditer(_addresses(headers.get(name, ""))):
            yield _verstat(name, match, trunk)
    for name in _LEVEL_HEADERS:
        indicator = headers.get(name, "").strip(" \t;").upper()
        if indicator in ("A", "B", "C"):
            yield Attestation(Level(indicator), Verification.PASSED, name)
    plivo = _PLIVO.get(headers.get(_PLIVO_HEADER, "").strip().lower())
    if plivo is not None:
        yield plivo


def _verstat(name: str, match: re.Match[str], trunk: Trunk) -> Attestation:
    if match["no"]:
        return Attestation(origin=name, detail=match["value"])
    if match["how"].lower() == "failed":
        return Attestation(Level.NONE, Verification.FAILED, name, match["value"])
    level = match["level"].upper() if match["level"] else trunk.verstat_passed
    return Attestation(Level(level), Verification.PASSED, name, match["value"])


def _addresses(header: str) -> str:
    """The URIs in a PAI or From. The name in front of one is the caller's own text, in which
    anyone may write ``;verstat=TN-Validation-Passed-A``."""
    if "verstat" not in header.lower():
        return ""
    rest = _QUOTED.sub("", header)
    if '"' in rest:
        return ""  # a name without an end: nothing tells where the caller's own text stops
    return " ".join(_ADDRESS.findall(rest)) if "<" in rest else rest


def _origid(attempt: CallAttempt) -> str:
    for name in _ORIGID_HEADERS:
        if (text := attempt.headers.get(name, "").strip()) and _ORIGID.fullmatch(text):
            return text
    return ""
