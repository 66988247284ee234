"""The sections of an export that are hashes in Redis: how each is read, written and compared.

Owns one table; knows neither the file's format nor the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec

from ringfence.call import clean
from ringfence.feeds.model import encode_feed
from ringfence.feeds.set_up import decode_set_up
from ringfence.providers.model import decode_provider, encode_provider
from ringfence.providers.notice import decode_notice, encode_notice
from ringfence.redress.model import decode_dispute, encode_dispute
from ringfence.rules import Rule, decode_rule, encode_rule
from ringfence.rules.callees import decode_callee, encode_callee
from ringfence.rules.compile import compile_rule
from ringfence.store.writing.fields import Kind
from ringfence.trunk import decode_trunk, encode_trunk

Document = dict[str, Any]
T = TypeVar("T")


class Section(NamedTuple):
    """`decode` raises ValueError, which names what is wrong and where. `document` is how the file
    shows one: only what differs from the defaults. `compared` is that without what is no part of
    what it does, such as who added it."""

    kind: Kind
    decode: Callable[[str, bytes | str], Any]
    encode: Callable[[Any], bytes]
    document: Callable[[Any], Document]
    compared: Callable[[Any], Document]


def rule_document(rule: Rule) -> Document:
    """A rule as the file shows it; its id is the name."""
    document: Document = json.loads(encode_rule(rule))
    document.pop("id", None)
    return {name: value for name, value in document.items() if value != {}}


def _rule(rule_id: str, text: bytes | str) -> Rule:
    rule = decode_rule(rule_id, text)
    compile_rule(rule)
    return rule


def _compared_rule(rule: Rule) -> Document:
    # Whether one value is in brackets is no part of what a rule does.
    document = rule_document(msgspec.structs.replace(rule, added_by="", added_at=None))
    for name, value in document.get("when", {}).items():
        document["when"][name] = [value] if isinstance(value, str) else value
    return document


def _section(
    kind: Kind,
    decode: Callable[[str, bytes | str], T],
    encode: Callable[[T], bytes],
    *,
    values: tuple[str, ...] = (),
    left_out: tuple[str, ...] = (),
) -> Section:
    """`values` are fields in which one value may stand without brackets, `left_out` those that are
    not compared."""

    def named(id: str, text: bytes | str) -> T:
        try:
            return decode(id, text)
        except ValueError as error:
            raise ValueError(f"{kind} {clean(id, 80)}: {error}") from None

    def document(value: T) -> Document:
        found: Document = json.loads(encode(value))
        return found

    def compared(value: T) -> Document:
        return {
            name: [each] if name in values and isinstance(each, str) else each
            for name, each in document(value).items()
            if name not in left_out
        }

    return Section(kind, named, encode, document, compared)


_SIGNATURE = ("added_by", "added_at")
HASHES: dict[str, Section] = {
    "rules": Section("rule", _rule, encode_rule, rule_document, _compared_rule),
    "trunks": _section("trunk", decode_trunk, encode_trunk),
    "callees": _section(
        "callee", decode_callee, encode_callee,
        values=("numbers", "allow", "block"), left_out=_SIGNATURE,
    ),
    "providers": _section("provider", decode_provider, encode_provider, left_out=_SIGNATURE),
    # Who recorded a notice or a dispute, and when, is a part of the proof.
    "notices": _section("notice", decode_notice, encode_notice),
    "disputes": _section("dispute", decode_dispute, encode_dispute),
    "feeds": _section("feed", decode_set_up, encode_feed, left_out=_SIGNATURE),
}  # fmt: skip
SECTIONS = (*HASHES, "lists")
