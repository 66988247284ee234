"""A dispute as it is kept in Redis: whose number, by when an answer is due, and every step, signed.

Knows no store and no clock. What is due at a moment is in `clock`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringfence.lists import parse_entry
from ringfence.numbers import Number, normalise
from ringfence.providers.deadlines import refuse_odd_time
from ringfence.strict_json import decode_strictly

MAX_DISPUTE_BYTES = 65_536
ROOM_FOR_OURS = 4_096
"""Bytes that only Ringfence's own steps fill: a long text never keeps one from being lifted."""
MOST_RULES = 20
DISPUTE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", re.ASCII)
ANSWER = timedelta(hours=24)
"""(k)(8): the status of a dispute is told within 24 hours."""

Time = Annotated[datetime, Meta(tz=True)]
Short = Annotated[str, Meta(max_length=200)]
Long = Annotated[str, Meta(max_length=4_000)]


class Does(StrEnum):
    """What a step was."""

    TOLD = "told"
    """The party was told how things stand: that is what the 24 hours are for."""
    REMINDED = "reminded"
    LIFTED = "lifted"
    UNDONE = "undone"
    """The lift was taken back."""
    CLOSED = "closed"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that was done: when, by whom, what."""

    at: Time
    who: Short
    does: Does
    text: Long = ""


class BlockedBy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule that had blocked the number, or in brackets what did instead; `last` is the time of
    the last such call as its record has it."""

    rule: Short
    calls: int
    last: Short = ""
    basis: Short = ""


class Dispute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One dispute. `call` is the id that went out with a rejection, `party` who says that it was an
    error, `blocked_by` what the records said when it was looked for last."""

    number: Short
    received: Time
    deadline: Time
    call: Short = ""
    party: Short = ""
    contact: Short = ""
    text: Long = ""
    status: Literal["open", "closed"] = "open"
    lifted: Time | None = None
    told: Time | None = None
    reminded: tuple[Short, ...] = ()
    blocked_by: Annotated[tuple[BlockedBy, ...], Meta(max_length=MOST_RULES)] = ()
    steps: tuple[Step, ...] = ()
    added_by: Short = ""
    added_at: Time | None = None

    @property
    def awaits_answer(self) -> bool:
        """Nobody has told the party how things stand, nor decided."""
        return self.status == "open" and self.told is None and self.lifted is None

    def with_step(self, step: Step) -> Dispute:
        """This dispute with one step more."""
        return msgspec.structs.replace(self, steps=(*self.steps, step))


_decoder = msgspec.json.Decoder(Dispute)


def decode_dispute(id: str, text: bytes | str) -> Dispute:
    """The dispute in `text` (JSON). ValueError says in one line what to mend."""
    if not DISPUTE_ID.fullmatch(id):
        raise ValueError("a dispute's id has 1 to 40 letters, digits, _ . - and no sign first")
    if len(text) > MAX_DISPUTE_BYTES:
        raise ValueError(f"larger than {MAX_DISPUTE_BYTES} bytes: keep long texts elsewhere")
    dispute = decode_strictly(_decoder, text)
    entry = parse_entry(dispute.number)
    if entry.text != dispute.number or not entry.first or entry.first != entry.last:
        raise ValueError(f"number {dispute.number[:80]!r}: write one number, +12025550142")
    for name in ("received", "deadline", "lifted", "told", "added_at"):
        if at := getattr(dispute, name):
            refuse_odd_time(name, at)
    for step in dispute.steps:
        refuse_odd_time("at", step.at)
    return dispute


def encode_dispute(dispute: Dispute) -> bytes:
    """The JSON that is kept in Redis: only what differs from the defaults."""
    return msgspec.json.encode(dispute)


def fitting(dispute: Dispute) -> Dispute:
    """The dispute, its newest step without its words where there is no room for them: what is done
    is done all the same."""
    if len(encode_dispute(dispute)) <= MAX_DISPUTE_BYTES:
        return dispute
    *before, last = dispute.steps
    steps = (*before, msgspec.structs.replace(last, text=""))
    return msgspec.structs.replace(dispute, steps=steps)


def refuse_overlong(dispute: Dispute) -> None:
    """ValueError where an admin's words would take the room that the steps of the end need."""
    if len(encode_dispute(dispute)) > MAX_DISPUTE_BYTES - ROOM_FOR_OURS:
        raise ValueError("the dispute is full: keep long texts elsewhere and say where")


def disputed_number(text: str) -> Number:
    """The number that somebody disputes the blocking of. ValueError where it can be none."""
    number = normalise(text)
    if not number.e164:
        raise ValueError(
            f"{text[:80]!r} is no number: write the caller's own, such as +12025550142"
        )
    return number
