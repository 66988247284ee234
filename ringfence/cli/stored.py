"""Reads everything from Redis in the form that exports and imports have; what is no rule, trunk,
callee or entry is left out and named. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ringfence.cli.export_file import TELL_EVERY
from ringfence.cli.list_contents import ListContents
from ringfence.cli.progress import progress
from ringfence.cli.session import Store
from ringfence.rules import Rule, decode_rule
from ringfence.rules.callees import Callee, decode_callee
from ringfence.rules.compile import compile_rule
from ringfence.trunk import Trunk, decode_trunk

T = TypeVar("T")


class Fields(NamedTuple):
    """A hash's fields: as they stand in Redis, and those that can be read."""

    raw: dict[str, bytes]
    good: dict[str, Any]
    refused: dict[str, str]


async def stored_rules(store: Store) -> Fields:
    """The rules in Redis."""
    return _decoded(await store.reader.rules(), _rule)


async def stored_trunks(store: Store) -> Fields:
    """The trunks' settings in Redis."""
    return _decoded(await store.reader.trunks(), _trunk)


async def stored_callees(store: Store) -> Fields:
    """The callees' choices in Redis."""
    return _decoded(await store.reader.callees(), _callee)


async def stored_list(store: Store, name: str, now: float) -> tuple[ListContents, list[str]]:
    """A list as it is at `now`, and what is in it that is no entry."""
    contents, bad, done = ListContents(), [], 0
    with progress(f"list {name}", await store.reader.list_size(name)) as tell:
        async for text, expires in store.reader.list_entries(name):
            done += 1
            if done % TELL_EVERY == 0:
                tell(done)
            if expires <= now:
                continue
            try:
                contents.add(text, expires)
            except ValueError:
                bad.append(text[:80])
    return contents, bad


def _rule(rule_id: str, text: bytes) -> Rule:
    rule = decode_rule(rule_id, text)
    compile_rule(rule)
    return rule


def _trunk(name: str, text: bytes) -> Trunk:
    try:
        return decode_trunk(name, text)
    except ValueError as error:
        raise ValueError(f"trunk {name[:80]}: {error}") from None


def _callee(callee_id: str, text: bytes) -> Callee:
    try:
        return decode_callee(callee_id, text)
    except ValueError as error:
        raise ValueError(f"callee {callee_id[:80]}: {error}") from None


def _decoded(raw: dict[str, bytes], decode: Callable[[str, bytes], T]) -> Fields:
    good: dict[str, T] = {}
    refused = {}
    for name, text in raw.items():
        try:
            good[name] = decode(name, text)
        except ValueError as error:
            refused[name] = str(error)
    return Fields(raw, good, refused)
