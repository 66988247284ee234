"""What the calls of a table are tried on: rules, trunks, callees and lists from Redis or an export.

Owns what is fetched of them; evaluates nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from ringfence.call import Call
from ringfence.cli.export_file import Exported
from ringfence.cli.export_sections import HASHES
from ringfence.cli.list_contents import ListContents
from ringfence.cli.membership import ALWAYS_ASKED
from ringfence.cli.session import Store
from ringfence.cli.stored import stored
from ringfence.cli.verdict_table import Case
from ringfence.lists import NumberList, parse_entry
from ringfence.providers.register import with_providers
from ringfence.rules import compile_rules
from ringfence.rules.callee_book import compile_callees
from ringfence.rules.conditions.numbering_lists import entries_asked
from ringfence.screening import call_of
from ringfence.trunk import DEFAULT_TRUNK, Trunk
from ringfence.world import World

ASKED_AT_ONCE = 10_000
SCAN_COUNT = 10_000
CONCERNED = ("rules", "trunks", "callees", "providers")


class Ground(NamedTuple):
    """What calls are tried on, and in one line each what an admin should know of it."""

    world: World
    notes: list[str]


async def ground_in_redis(store: Store, cases: list[Case]) -> Ground:
    """All as it is in Redis, but of the lists only what these calls can meet."""
    rules, trunks, choices, register = [await stored(store, HASHES[name]) for name in CONCERNED]
    refused = (*rules.refused.values(), *choices.refused.values())
    notes = [f"{reason}: left out" for reason in refused]
    notes += [f"{reason}: the defaults are taken" for reason in trunks.refused.values()]
    book, callees = compile_rules(rules.good.values()), compile_callees(choices.good)
    named = book.list_names | callees.list_names
    known = with_providers(trunks.good, register.good)
    asked = sorted(_entries_asked(call_in(case, known) for case in cases))
    lists = {}
    for name in sorted(named | ALWAYS_ASKED):
        kind = await store.redis.type(store.keys.list(name))
        if kind in (b"set", b"zset"):
            lists[name] = await _met(store, name, asked, dated=kind == b"zset")
        elif name in named:
            who = "rule" if name in book.list_names else "callee"
            notes.append(f"there is no list {name}, which a {who} names")
    return Ground(World(book, lists, known, callees), notes)


def ground_in_file(exported: Exported, cases: list[Case]) -> Ground:
    """Rules, trunks, callees, providers and lists of an export."""
    rules, trunks, choices, register = [exported.hashes.get(name, {}) for name in CONCERNED]
    trunks = with_providers(trunks, register)
    book, contents = compile_rules(rules.values()), exported.lists or {}
    callees = compile_callees(choices)
    named = book.list_names | callees.list_names
    asked = _entries_asked(call_in(case, trunks) for case in cases)
    lists, notes = {}, []
    for name in sorted(named | ALWAYS_ASKED):
        if name in contents:
            lists[name] = _met_in(contents[name], name, asked)
        elif name in named:
            who = "rule" if name in book.list_names else "callee"
            notes.append(f"there is no list {name} in the file, which a {who} names")
    return Ground(World(book, lists, trunks, callees), notes)


def call_in(case: Case, trunks: Mapping[str, Trunk]) -> Call:
    """The call of a case, as its trunk writes numbers."""
    call = call_of(case.attempt, trunks.get(case.attempt.trunk, DEFAULT_TRUNK))
    if case.attestation is None:
        return call
    return msgspec.structs.replace(call, attestation=case.attestation)


def _entries_asked(calls: Iterable[Call]) -> set[str]:
    """Every entry, ranges aside, that a number of these calls could be under."""
    asked: set[str] = set()
    for call in calls:
        for number in (call.caller, call.called):
            if not number.key:
                asked.add(number.text)
                continue
            asked.add(number.e164)
            asked.update(f"{number.e164[:end]}*" for end in range(2, len(number.e164) + 1))
            asked.update(each.e164 for each in entries_asked(number))
    return asked


def _met_in(contents: ListContents, name: str, asked: Iterable[str]) -> NumberList:
    numbers = NumberList(name)
    for text in asked:
        if until := contents.expiry(text):
            numbers.add(parse_entry(text), until)
    for text, until in contents.ranges():
        numbers.add(parse_entry(text), until)
    return numbers


async def _met(store: Store, name: str, asked: list[str], *, dated: bool) -> NumberList:
    # A list may have millions of entries: only what these calls meet is fetched.
    key, found = store.keys.list(name), ListContents()
    for start in range(0, len(asked), ASKED_AT_ONCE):
        some = asked[start : start + ASKED_AT_ONCE]
        if dated:
            for text, score in zip(some, await store.redis.zmscore(key, some), strict=True):
                if score is not None:
                    found.add(text, score)
        else:
            answers = await store.redis.smismember(key, some)
            for text, there in zip(some, answers, strict=True):
                if there:
                    found.add(text)
    await _ranges(store, key, found, dated=dated)
    return _met_in(found, name, asked)


async def _ranges(store: Store, key: str, found: ListContents, *, dated: bool) -> None:
    # ranges are few among many numbers: the server leaves those out of its answers
    scan = store.redis.zscan_iter if dated else store.redis.sscan_iter
    async for each in scan(key, match="*-*", count=SCAN_COUNT):
        member, until = each if dated else (each, float("inf"))
        try:
            found.add(member.decode(errors="replace"), float(until))
        except ValueError:
            continue
