"""A notice about a provider as it is kept in Redis: traffic, deadline, and every step, signed.

Knows no store and no clock. What a notice calls for at a moment is in `progress`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringfence.durations import parse_duration
from ringfence.providers.deadlines import Kind, refuse_odd_time, zone_of
from ringfence.providers.model import PROVIDER_ID, Long, Short
from ringfence.rules.match import compile_value
from ringfence.strict_json import decode_strictly

MAX_NOTICE_BYTES = 65_536
ROOM_FOR_OURS = 8_192
"""Bytes that only Ringfence's own steps fill: an admin's long text never keeps a deadline from
being kept."""
NOTICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", re.ASCII)
REMINDERS = ("24h", "4h", "1h")
RINGFENCE = "ringfence"

Time = Annotated[datetime, Meta(tz=True)]
Numbers = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
                    Meta(max_length=1_000)]  # fmt: skip
NoticeStatus = Literal["open", "resolved", "lifted"]
Ground = Literal["provider-notice", "provider-order", "policy"]


class AtDeadline(StrEnum):
    """What happens when the deadline comes and the notice is still open."""

    ALARM = "alarm"
    BLOCK_DIRECT = "block-direct"
    BLOCK_SIGNER = "block-signer"
    BLOCK_BOTH = "block-both"

    @property
    def direct(self) -> bool:
        """Calls that come from the provider directly are blocked."""
        return self in (AtDeadline.BLOCK_DIRECT, AtDeadline.BLOCK_BOTH)

    @property
    def signer(self) -> bool:
        """Calls that it has signed are blocked, whichever way they come."""
        return self in (AtDeadline.BLOCK_SIGNER, AtDeadline.BLOCK_BOTH)

    @property
    def blocks(self) -> bool:
        """Anything is blocked."""
        return self is not AtDeadline.ALARM


USUAL: dict[Kind, AtDeadline] = {
    Kind.LETTER: AtDeadline.BLOCK_BOTH,
    # (n)(3) orders the blocking of what comes directly; of what comes another way it says nothing.
    Kind.FINAL_ORDER: AtDeadline.BLOCK_DIRECT,
}
"""What a kind does at its deadline unless its notice says otherwise; of the others: an alarm."""
GROUNDS: dict[Kind, Ground] = {Kind.FINAL_ORDER: "provider-order", Kind.OWN: "policy"}
"""On what ground a kind blocks; all others on (k)(4)."""


class Does(StrEnum):
    """What a step was."""

    NOTE = "note"
    COMMISSION = "commission"
    """The Commission was given the notice and the summary that (k)(4) asks for before a block."""
    EXTENDED = "extended"
    REMINDED = "reminded"
    ALARM = "alarm"
    BLOCKED = "blocked"
    HUNG_UP = "hung-up"
    RESOLVED = "resolved"
    LIFTED = "lifted"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that was done: when, by whom, what."""

    at: Time
    who: Short
    does: Does = Does.NOTE
    text: Long = ""


class Traffic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The calls that a notice is about, as far as it names them."""

    callers: Numbers = ()
    called: Numbers = ()
    since: Time | None = None
    until: Time | None = None
    campaign: Short = ""
    text: Long = ""


class Blocked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Since when which rules block: their ids, and the version that was written of each."""

    at: Time
    rules: dict[str, str]


NO_TRAFFIC = Traffic()


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One notice. `reminded`, `alarmed`, `blocked` and `hung_up` say what Ringfence has done."""

    kind: Kind
    received: Time
    deadline: Time
    provider: str = ""
    title: Short = ""
    released: Time | None = None
    timezone: Short = ""
    traffic: Traffic = NO_TRAFFIC
    at_deadline: AtDeadline = AtDeadline.ALARM
    basis: Ground | None = None
    hang_up: bool = False
    remind: Annotated[tuple[str, ...], Meta(max_length=8)] = REMINDERS
    status: NoticeStatus = "open"
    reminded: tuple[str, ...] = ()
    alarmed: Time | None = None
    blocked: Blocked | None = None
    hung_up: Time | None = None
    steps: tuple[Step, ...] = ()
    added_by: Short = ""
    added_at: Time | None = None

    @property
    def ground(self) -> Ground:
        """On what ground it blocks."""
        return self.basis or GROUNDS.get(self.kind, "provider-notice")

    @property
    def is_open(self) -> bool:
        """Nobody has resolved or lifted it."""
        return self.status == "open"

    @property
    def began(self) -> datetime:
        """From when on the provider's calls tell whether it has stopped."""
        return min(self.received, self.released or self.received)

    @property
    def commission_told(self) -> datetime | None:
        """When the Commission was given notice of the block, as recorded first."""
        times = [step.at for step in self.steps if step.does is Does.COMMISSION]
        return min(times, default=None)

    def with_step(self, step: Step) -> Notice:
        """This notice with one step more."""
        return msgspec.structs.replace(self, steps=(*self.steps, step))


_decoder = msgspec.json.Decoder(Notice)


def decode_notice(id: str, text: bytes | str) -> Notice:
    """The notice in `text` (JSON). ValueError says in one line what to mend."""
    if not NOTICE_ID.fullmatch(id):
        raise ValueError("a notice's id has 1 to 40 letters, digits, _ . - and no sign first")
    if len(text) > MAX_NOTICE_BYTES:
        raise ValueError(f"larger than {MAX_NOTICE_BYTES} bytes: keep long texts elsewhere")
    notice = decode_strictly(_decoder, text)
    _check(notice)
    return notice


def encode_notice(notice: Notice) -> bytes:
    """The JSON that is kept in Redis: only what differs from the defaults."""
    return msgspec.json.encode(notice)


def refuse_overlong(notice: Notice) -> None:
    """ValueError where an admin's words would take the room that Ringfence's own steps need."""
    if len(encode_notice(notice)) > MAX_NOTICE_BYTES - ROOM_FOR_OURS:
        raise ValueError("the notice is full: keep long texts elsewhere and say where")


def fitting(notice: Notice) -> Notice:
    """The notice, its longest texts cut where it would be too large: a deadline is kept also of one
    that somebody filled up by hand. The history has what it was."""
    while len(encode_notice(notice)) > MAX_NOTICE_BYTES:
        longest = max(notice.steps, key=lambda step: len(step.text))
        if not longest.text:
            break
        shorter = msgspec.structs.replace(longest, text=longest.text[: len(longest.text) // 2])
        steps = tuple(shorter if step is longest else step for step in notice.steps)
        notice = msgspec.structs.replace(notice, steps=steps)
    return notice


def _check(notice: Notice) -> None:
    if notice.provider and not PROVIDER_ID.fullmatch(notice.provider):
        raise ValueError(f"provider {notice.provider[:80]!r} is no provider's id")
    if notice.at_deadline.blocks and not notice.provider:
        raise ValueError(f"{notice.at_deadline} needs a provider")
    if notice.hang_up and not notice.at_deadline.blocks:
        raise ValueError("hang_up goes with a block")
    if notice.basis == "policy" and notice.kind is not Kind.OWN:
        raise ValueError("the basis policy is for notices of your own")
    if notice.basis == "provider-order" and notice.kind is not Kind.FINAL_ORDER:
        raise ValueError("the basis provider-order is for final orders")
    for name, at in _times(notice):
        if at is not None:
            refuse_odd_time(name, at)
    if notice.timezone:
        zone_of(notice.timezone)
    for each in (*notice.remind, *notice.reminded):
        parse_duration(each)
    for field, values in (("caller", notice.traffic.callers), ("called", notice.traffic.called)):
        for value in values:
            refuse_what_is_no_number(field, value)


def _times(notice: Notice) -> Iterator[tuple[str, datetime | None]]:
    for name in ("received", "released", "deadline", "alarmed", "hung_up", "added_at"):
        yield name, getattr(notice, name)
    yield "since", notice.traffic.since
    yield "until", notice.traffic.until
    yield "blocked", notice.blocked.at if notice.blocked else None
    for step in notice.steps:
        yield "at", step.at


def refuse_what_is_no_number(field: str, value: str) -> None:
    """ValueError where `value` is none that a record alone can be held against."""
    if value.startswith(("@", "!")) or value == "own":
        raise ValueError(f"{field} {value[:80]!r}: write numbers, prefixes or ranges, no list")
    compile_value(field, value)
