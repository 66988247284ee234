"""A called customer's own choices as admins write them in Redis, decoded strictly and made ready.

Knows what a rule's `caller` takes; neither how a call finds its callee nor what comes of the
choice.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from ringfence.call import Call
from ringfence.lists import Entry, parse_entry
from ringfence.rules.match import Compiled, Lists, compile_value
from ringfence.rules.model import Value, Values, values_of
from ringfence.strict_json import decode_strictly

CALLEE_ID = re.compile(r"\+?[A-Za-z0-9][A-Za-z0-9_.@*+-]{0,79}", re.ASCII)
MAX_CALLEE_BYTES = 65_536
# What most values are, without the way that the others take.
_PLAIN = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
SHARED_VALUES = 8_192
"""Customers block the same lists and words: each such value is made ready once."""


class Callee(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Whom a customer wants to hear and whom not.

    `numbers` are the customer's own; none where the id is one. `allow` and `block` take what a
    rule's `caller` takes. Without `analytics` no guess of ours keeps a call from them
    (47 CFR 64.1200(k)(3) has them opt out).
    """

    numbers: Values = ()
    allow: Values = ()
    block: Values = ()
    analytics: bool = True
    note: Annotated[str, Meta(max_length=4000)] = ""
    added_by: Annotated[str, Meta(max_length=200)] = ""
    added_at: Annotated[datetime, Meta(tz=True)] | None = None


class Side(msgspec.Struct, frozen=True, gc=False):
    """What is allowed, or what is blocked; plain numbers apart, as there may be hundreds."""

    exact: dict[int, str]
    others: tuple[Compiled, ...]
    excluded: tuple[Compiled, ...]

    def test(self, call: Call, lists: Lists, now: float) -> str:
        """The evidence, or "" where the caller is not on this side."""
        for value in self.excluded:
            if value.test(call, lists, now):
                return ""
        if call.caller.key in self.exact:
            return f"caller {self.exact[call.caller.key]}"
        for value in self.others:
            if evidence := value.test(call, lists, now):
                return f"caller {evidence}"
        return "caller not excluded" if self.excluded and not (self.exact or self.others) else ""


class CompiledCallee(msgspec.Struct, frozen=True, gc=False):
    """A callee, ready. A side that is empty is None."""

    id: str
    callee: Callee
    entries: tuple[Entry, ...]
    allow: Side | None
    block: Side | None

    @property
    def list_names(self) -> frozenset[str]:
        """The lists that it names, whether or not they exist."""
        return frozenset(
            value.key.entry.text
            for side in (self.allow, self.block)
            if side
            for value in (*side.others, *side.excluded)
            if value.key and value.key.kind == "list"
        )


_decoder = msgspec.json.Decoder(Callee)


def decode_callee(callee_id: str, text: bytes | str) -> Callee:
    """The choices in `text` (JSON). ValueError says in one line what to mend."""
    return read_callee(callee_id, text).callee


def encode_callee(callee: Callee) -> bytes:
    """The JSON that is kept in Redis: only what differs from the defaults."""
    return msgspec.json.encode(callee)


def read_callee(callee_id: str, text: bytes | str) -> CompiledCallee:
    """The choices in `text` (JSON), ready. ValueError says in one line what to mend."""
    if not CALLEE_ID.fullmatch(callee_id):
        raise ValueError("a callee's id is a number, or 1 to 80 letters, digits, _ . @ -")
    if len(text) > MAX_CALLEE_BYTES:
        raise ValueError(f"larger than {MAX_CALLEE_BYTES} bytes: put the numbers into a list")
    callee = decode_strictly(_decoder, text)
    return compile_callee(callee_id, callee)


def compile_callee(callee_id: str, callee: Callee) -> CompiledCallee:
    """The choices, ready. ValueError names the field that is wrong and what it takes."""
    entries = _entries(callee_id, values_of(callee.numbers))
    return CompiledCallee(
        callee_id, callee, entries, _side("allow", callee.allow), _side("block", callee.block)
    )


def _entries(callee_id: str, numbers: tuple[Value, ...]) -> tuple[Entry, ...]:
    if not numbers:
        try:
            return (parse_entry(callee_id),)
        except ValueError:
            raise ValueError(
                "numbers: write whose choice this is, such as +12025550123 or +1202555*"
            ) from None
    try:
        return tuple(dict.fromkeys(parse_entry(text) for text in numbers))
    except ValueError as error:
        raise ValueError(f"numbers: {error}") from None


def _side(name: str, values: Values) -> Side | None:
    exact: dict[int, str] = {}
    others: list[Compiled] = []
    excluded: list[Compiled] = []
    for text in dict.fromkeys(values_of(values)):
        if _PLAIN.fullmatch(text):
            exact[int(text)] = text
            continue
        try:
            value = _value(text.removeprefix("!"))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        entry = value.key.entry if value.key else None
        if text.startswith("!"):
            excluded.append(value)
        elif entry and entry.first and entry.first == entry.last:
            exact[entry.first] = entry.text
        else:
            others.append(value)
    return Side(exact, tuple(others), tuple(excluded)) if values else None


@lru_cache(maxsize=SHARED_VALUES)
def _value(text: str) -> Compiled:
    return compile_value("caller", text)
