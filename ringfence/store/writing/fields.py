"""What may stand in the hashes of rules, trunks, callees, providers, notices, disputes and feeds,
and what a write of one did; does no I/O and knows no Redis."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal, NamedTuple

from ringfence.call import clean
from ringfence.feeds.model import checked_name, decode_feed, encode_feed
from ringfence.providers.model import decode_provider, encode_provider
from ringfence.providers.notice import decode_notice, encode_notice
from ringfence.redress.model import decode_dispute, encode_dispute
from ringfence.rules import decode_rule, encode_rule
from ringfence.rules.callees import decode_callee, encode_callee
from ringfence.rules.compile import compile_rule
from ringfence.store.writing.scripting import WriteRefused
from ringfence.trunk import decode_trunk, encode_trunk

Kind = Literal["rule", "trunk", "callee", "provider", "notice", "dispute", "feed"]


class Written(StrEnum):
    """What a write did."""

    ADDED = "added"
    REPLACED = "replaced"
    SAME = "same"


class Stored(NamedTuple):
    """What a write did, and the version that is in Redis now."""

    result: Written
    version: str


class FieldChange(NamedTuple):
    """One of a kind as it was in Redis (None: not there) and is to be (None: gone)."""

    kind: Kind
    id: str
    was: bytes | None
    now: bytes | None


class Moved(WriteRefused):
    """What was to be changed is not what it was: somebody else has changed it."""


def checked(kind: Kind, id: str, text: bytes | str) -> bytes:
    """What is kept in Redis of one of them. ValueError says what is wrong."""
    if kind == "rule":
        rule = decode_rule(id, text)
        compile_rule(rule)
        return encode_rule(rule)
    try:
        return _CHECKS[kind](id, text)
    except ValueError as error:
        raise WriteRefused(f"{kind} {clean(id, 80)}: {error}") from None


def _checked_trunk(name: str, text: bytes | str) -> bytes:
    return encode_trunk(decode_trunk(name, text))


def _checked_callee(id: str, text: bytes | str) -> bytes:
    return encode_callee(decode_callee(id, text))


def _checked_provider(id: str, text: bytes | str) -> bytes:
    return encode_provider(decode_provider(id, text))


def _checked_notice(id: str, text: bytes | str) -> bytes:
    return encode_notice(decode_notice(id, text))


def _checked_dispute(id: str, text: bytes | str) -> bytes:
    return encode_dispute(decode_dispute(id, text))


def _checked_feed(name: str, text: bytes | str) -> bytes:
    return encode_feed(decode_feed(checked_name(name), text))


_CHECKS: dict[Kind, Callable[[str, bytes | str], bytes]] = {
    "trunk": _checked_trunk,
    "callee": _checked_callee,
    "provider": _checked_provider,
    "notice": _checked_notice,
    "dispute": _checked_dispute,
    "feed": _checked_feed,
}
