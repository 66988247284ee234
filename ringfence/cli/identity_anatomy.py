"""One Identity header taken apart, for people and scripts; fetches nothing, verifies nothing.

What can be told wrong from the header alone is told; whether a signature holds cannot.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ringfence.attestation.checks import address_fault, attest_fault
from ringfence.attestation.failure import Failure, Reason, printable
from ringfence.attestation.identity import Compact, Identity, parse_identity
from ringfence.attestation.jws import decode_base64url, json_object
from ringfence.attestation.passport import Passport
from ringfence.attestation.x5u import fault_of

MAX_SHOWN = 2_000


class Fault(msgspec.Struct, frozen=True):
    """A word of the vocabulary, its SIP code (0: none), and what exactly was found."""

    reason: str
    code: int
    detail: str


class Anatomy(msgspec.Struct, frozen=True):
    """`kind` is the token's ppt, `form` full or compact, `protected` the token's own header. Where
    these two are no JSON objects, they are the text that they are, or None for nothing readable.
    `age` is in seconds, below 0 for the future; `info_is_x5u` None where there is no x5u."""

    header: int
    kind: str
    form: str
    level: str
    orig: str
    dest: tuple[str, ...]
    div: str
    origid: str
    iat: float | None
    age: float | None
    x5u: str
    info: str
    info_is_x5u: bool | None
    alg: str
    ppt: str
    protected: Any
    claims: Any
    faults: tuple[Fault, ...]


def take_apart(header: int, text: str, now: float) -> Anatomy:
    """The value of the Identity header with that place in its call, counted from 1."""
    identity = parse_identity(text)
    parts = [*text.partition(";")[0].strip().split("."), "", ""][:2]
    protected, claims = (_content(part) for part in parts)
    if isinstance(identity, Failure):
        kind = protected.get("ppt", "") if isinstance(protected, dict) else ""
        form = "compact" if text.lstrip().startswith("..") else "full"
        return _anatomy(header, str(kind), form, protected, claims, [identity])
    if isinstance(identity.token, Compact):
        fault = fault_of(identity.info)
        faults = [Failure(Reason.BAD_X5U, f"info is {fault}")] if fault else []
        return msgspec.structs.replace(
            _anatomy(header, identity.ppt, "compact", None, None, faults), **_parameters(identity)
        )
    return _of_passport(header, identity, identity.token, protected, claims, now)


def issued(iat: float) -> str:
    """Seconds since 1970 as a time that --at takes; "" for what no calendar has."""
    try:
        return f"{datetime.fromtimestamp(iat, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):
        return ""


def age_text(age: float) -> str:
    """How long ago, in words."""
    seconds = round(abs(age))
    try:
        span = f"{seconds} s" if seconds < 120 else str(timedelta(seconds=seconds))
    except OverflowError:
        span = "long"
    return f"{span} ago" if age >= 0 else f"{span} in the future"


def _of_passport(
    header: int, identity: Identity, passport: Passport, protected: Any, claims: Any, now: float
) -> Anatomy:
    faults = [address_fault(passport, identity.info), attest_fault(passport)]
    return msgspec.structs.replace(
        _anatomy(header, passport.ppt, "full", protected, claims, [f for f in faults if f]),
        level=passport.attest,
        orig=passport.orig,
        dest=passport.dest,
        div=passport.div,
        origid=passport.origid,
        iat=passport.iat,
        age=now - passport.iat,
        x5u=passport.x5u,
        info_is_x5u=identity.info == passport.x5u,
        **_parameters(identity),
    )


def _parameters(identity: Identity) -> dict[str, str]:
    return {"info": identity.info, "alg": identity.alg, "ppt": identity.ppt}


def _anatomy(
    header: int, kind: str, form: str, protected: Any, claims: Any, faults: list[Failure]
) -> Anatomy:
    return Anatomy(
        header=header,
        kind=kind,
        form=form,
        level="",
        orig="",
        dest=(),
        div="",
        origid="",
        iat=None,
        age=None,
        x5u="",
        info="",
        info_is_x5u=None,
        alg="",
        ppt="",
        protected=protected,
        claims=claims,
        faults=tuple(Fault(f.reason.value, f.code, f.detail) for f in faults),
    )


def _content(part: str) -> Any:
    raw = decode_base64url(part)
    if not raw:
        return None
    found = json_object(raw)
    try:
        # a lone surrogate and an endless number are no text that could be handed on
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        found = None
    return printable(raw.decode("utf-8", "replace"), MAX_SHOWN) if found is None else found


def content_text(content: Any) -> str:
    """A part of a token in one line."""
    if content is None or isinstance(content, str):
        return content or ""
    return json.dumps(content, ensure_ascii=False)[:MAX_SHOWN]
