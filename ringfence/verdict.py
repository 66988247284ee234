"""What was decided for a call and why; owns the words, knows nothing of rules or channels."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Action(StrEnum):
    """What happens to the call. `FLAG` lets it go on with a label in front of the caller name."""

    ALLOW = "allow"
    FLAG = "flag"
    BLOCK = "block"
    INTERCEPT = "intercept"

    @property
    def lets_through(self) -> bool:
        """True where the dialplan comes back to the caller's context."""
        return self in (Action.ALLOW, Action.FLAG)


class Reason(StrEnum):
    """Why, in one word of a fixed vocabulary: it is a column in every call record."""

    RULE = "rule"
    NO_RULE = "no-rule"
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


SIP_CODE: dict[Basis, int] = {
    # (k)(9): analytics blocks are signalled with 603+; stock Asterisk sends the plain 603.
    Basis.ANALYTICS: 603,
    # RFC 8197: the called party does not want it.
    Basis.SUBSCRIBER: 607,
    # RFC 8224 section 6.2.2: the general code for a bad Identity header.
    Basis.IDENTITY: 438,
}
DEFAULT_SIP_CODE = 403


def sip_code(basis: Basis) -> int:
    """The SIP response code that a block on this ground sends unless the rule names another."""
    return SIP_CODE.get(basis, DEFAULT_SIP_CODE)


class Noted(msgspec.Struct, frozen=True):
    """A rule that matched and did not end the evaluation: a monitor rule, or a flag."""

    rule: str
    action: Action
    monitor: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one call; immutable, complete, and the same for every door.

    `sip` is 0 where the call goes on. `matched` says which value of the call met which
    condition of the rule, for "why was this call blocked". `noted` holds the rules that
    matched on the way without ending it.
    """

    action: Action
    reason: Reason
    rule: str = ""
    label: str = ""
    sip: int = 0
    prompt: str = ""
    basis: str = ""
    detail: str = ""
    matched: tuple[str, ...] = ()
    noted: tuple[Noted, ...] = ()
