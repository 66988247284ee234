"""What was decided for a call and why; owns the words, knows nothing of rules or channels."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from ringfence.attestation import failure
from ringfence.attestation.model import Attestation, Verification


class Action(StrEnum):
    """What happens to the call. `FLAG` lets it go on with a label in front of the caller name;
    `CHALLENGE` lets it go on if its caller presses a digit; `DIVERT` sends it to a context of the
    dialplan. `SCORE` adds points and is never the last word on a call."""

    ALLOW = "allow"
    FLAG = "flag"
    BLOCK = "block"
    INTERCEPT = "intercept"
    CHALLENGE = "challenge"
    DIVERT = "divert"
    SCORE = "score"

    @property
    def lets_through(self) -> bool:
        """True where the dialplan comes back to the caller's context."""
        return self in (Action.ALLOW, Action.FLAG)

    @property
    def ends(self) -> bool:
        """True where no later rule is asked."""
        return self not in (Action.FLAG, Action.SCORE)


class Reason(StrEnum):
    """Why, in one word of a fixed vocabulary: it is a column in every call record."""

    RULE = "rule"
    NO_RULE = "no-rule"
    SCORE = "score"
    """The points of several rules together reached a threshold."""
    CALLEE = "callee"
    """The called customer allows or blocks this caller."""
    REDRESS = "redress"
    """A dispute ended the blocking of this caller, and nothing else had a word on the call."""
    CHALLENGE = "challenge"
    """The caller passed a challenge in this call."""
    EMERGENCY = "emergency"
    FAIL_OPEN = "fail-open"
    FAIL_CLOSED = "fail-closed"


class Basis(StrEnum):
    """On what ground a rule blocks (47 CFR 64.1200): it decides the default SIP code."""

    ANALYTICS = "analytics"
    SUBSCRIBER = "subscriber"
    DNO_SUBSCRIBER = "dno-subscriber"
    DNO_INVALID = "dno-invalid"
    DNO_UNALLOCATED = "dno-unallocated"
    DNO_UNUSED = "dno-unused"
    PROVIDER_NOTICE = "provider-notice"
    PROVIDER_ORDER = "provider-order"
    RMD = "rmd"
    IDENTITY = "identity"
    POLICY = "policy"


# RFC 8224 section 6.2.2
USE_IDENTITY_HEADER = 428
BAD_IDENTITY_INFO = 436
INVALID_IDENTITY_HEADER = 438
SIP_CODE: dict[Basis, int] = {
    # (k)(9): analytics blocks are signalled with 603+; stock Asterisk sends the plain 603.
    Basis.ANALYTICS: 603,
    # RFC 8197: the called party does not want it.
    Basis.SUBSCRIBER: 607,
    # RFC 8224 section 6.2.2: the general code for a bad Identity header.
    Basis.IDENTITY: INVALID_IDENTITY_HEADER,
}
DEFAULT_SIP_CODE = 403


def sip_code(basis: Basis) -> int:
    """The SIP response code that a block on this ground sends unless the rule names another."""
    return SIP_CODE.get(basis, DEFAULT_SIP_CODE)


def rejection(basis: Basis, attestation: Attestation) -> int:
    """As `sip_code`; on the ground of the caller's identity, the code of what did not verify."""
    if basis is not Basis.IDENTITY:
        return sip_code(basis)
    if attestation.code:
        return attestation.code
    if attestation.reason == failure.Reason.CERTIFICATE_PENDING:
        return BAD_IDENTITY_INFO
    unsigned = attestation.verification is Verification.NONE
    return USE_IDENTITY_HEADER if unsigned else INVALID_IDENTITY_HEADER


class Noted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule that matched and did not end the evaluation: a monitor rule, a flag, points, or a
    challenge that the caller passed before. `why` is what matched on what value."""

    rule: str
    action: Action
    monitor: bool
    why: str = ""
    points: int = 0


REMEMBERED = 86_400


class Treatment(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an intercept, a challenge or a divert is done; see `rules.respond` for the words.

    `remember` is in seconds; an empty `extension` is the called number as it was dialled.
    """

    language: str = ""
    answer: bool = False
    repeat: int = 1
    then: Literal["reject", "continue", "divert"] = "reject"
    context: str = ""
    extension: str = ""
    tries: int = 3
    remember: int = REMEMBERED


PLAIN = Treatment()


class Also(msgspec.Struct, frozen=True):
    """The caller goes on a list for `seconds`, because of `rule`."""

    list: str
    seconds: int
    rule: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one call; immutable, complete, and the same for every door.

    `sip` is 0 where the call goes on; a challenge has the code for who does not pass. `prompt` is
    one sound or several joined by ``&``. `matched` says which value of the call met which
    condition of the rule, for "why was this call blocked". `noted` holds the rules that matched on
    the way without ending it, `score` the sum of their points. `callee` names the customer whose
    own choice had a part in it.
    """

    action: Action
    reason: Reason
    rule: str = ""
    label: str = ""
    sip: int = 0
    prompt: str = ""
    basis: str = ""
    detail: str = ""
    callee: str = ""
    score: int = 0
    treatment: Treatment = PLAIN
    matched: tuple[str, ...] = ()
    noted: tuple[Noted, ...] = ()
    also: tuple[Also, ...] = ()


UNTOUCHED = Verdict(action=Action.ALLOW, reason=Reason.NO_RULE)
"""Nothing has anything to say to the call: the verdict of most calls, made once."""
