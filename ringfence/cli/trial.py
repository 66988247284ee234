"""Calls of a table against rules from Redis or from an export: what comes out, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from ringfence.call import Call
from ringfence.cli.export_file import Exported
from ringfence.cli.list_contents import ListContents
from ringfence.cli.session import Store
from ringfence.cli.stored import stored_callees, stored_rules, stored_trunks
from ringfence.cli.verdict_table import Case
from ringfence.lists import NumberList, parse_entry
from ringfence.providers.model import decode_provider
from ringfence.providers.register import good, with_providers
from ringfence.rules import Step, compile_rules, evaluate, explain
from ringfence.rules.callee_book import compile_callees
from ringfence.rules.conditions.numbering_lists import NUMBERING_LISTS, entries_asked
from ringfence.rules.emergency import EMERGENCY_LIST, PUBLIC_SAFETY_LIST
from ringfence.rules.respond import PASSED_LIST
from ringfence.screening import call_of
from ringfence.thresholds import NO_THRESHOLDS, Thresholds
from ringfence.trunk import DEFAULT_TRUNK, Trunk
from ringfence.verdict import Verdict
from ringfence.world import World

ASKED_AT_ONCE = 10_000
SCAN_COUNT = 10_000
ALWAYS_ASKED = frozenset({EMERGENCY_LIST, PUBLIC_SAFETY_LIST, PASSED_LIST, *NUMBERING_LISTS})
"""Lists that count without a rule that names them."""


class Failure(NamedTuple):
    """A call whose verdict is another: what was expected and what came, and all rules in turn."""

    case: Case
    call: Call
    differences: dict[str, tuple[str, str]]
    verdict: Verdict
    steps: list[Step]


class Ground(NamedTuple):
    """What calls are tried on, and in one line each what an admin should know of it."""

    world: World
    notes: list[str]


def try_all(
    cases: Iterable[Case], world: World, now: float, thresholds: Thresholds = NO_THRESHOLDS
) -> list[Failure]:
    """The calls whose verdicts are not those that are expected."""
    failures = []
    for case in cases:
        at = now if case.at is None else case.at
        call = _call(case, world.trunks)
        trunk = world.trunks.get(case.attempt.trunk, DEFAULT_TRUNK)
        given: dict[str, Any] = {
            "choice": world.callees.choice(call, world.lists, at),
            "thresholds": trunk.score or thresholds,
        }
        verdict = evaluate(world.rules, call, world.lists, at, **given)
        got = _result(verdict)
        differences = {
            name: (wanted, got[name])
            for name, wanted in case.expected.items()
            if wanted != got[name]
        }
        if differences:
            steps = explain(world.rules, call, world.lists, at, **given)
            failures.append(Failure(case, call, differences, verdict, steps))
    return failures


async def ground_in_redis(store: Store, cases: list[Case]) -> Ground:
    """All as it is in Redis, but of the lists only what these calls can meet."""
    rules, trunks = await stored_rules(store), await stored_trunks(store)
    stored = await stored_callees(store)
    refused = (*rules.refused.values(), *stored.refused.values())
    notes = [f"{reason}: left out" for reason in refused]
    notes += [f"{reason}: the defaults are taken" for reason in trunks.refused.values()]
    book, callees = compile_rules(rules.good.values()), compile_callees(stored.good)
    named = book.list_names | callees.list_names
    providers = good(await store.reader.providers(), decode_provider)
    known = with_providers(trunks.good, providers)
    asked = sorted(_entries_asked(_call(case, known) for case in cases))
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
    """Rules, trunks, callees and lists of an export."""
    rules, trunks = exported.rules or {}, exported.trunks or {}
    book, contents = compile_rules(rules.values()), exported.lists or {}
    callees = compile_callees(exported.callees or {})
    named = book.list_names | callees.list_names
    asked = _entries_asked(_call(case, trunks) for case in cases)
    lists, notes = {}, []
    for name in sorted(named | ALWAYS_ASKED):
        if name in contents:
            lists[name] = _met_in(contents[name], name, asked)
        elif name in named:
            who = "rule" if name in book.list_names else "callee"
            notes.append(f"there is no list {name} in the file, which a {who} names")
    return Ground(World(book, lists, trunks, callees), notes)


def _call(case: Case, trunks: Mapping[str, Trunk]) -> Call:
    call = call_of(case.attempt, trunks.get(case.attempt.trunk, DEFAULT_TRUNK))
    if case.attestation is None:
        return call
    return msgspec.structs.replace(call, attestation=case.attestation)


def _result(verdict: Verdict) -> dict[str, str]:
    return {
        "action": str(verdict.action),
        "rule": verdict.rule,
        "sip": str(verdict.sip or ""),
        "label": verdict.label,
        "reason": str(verdict.reason),
        "callee": verdict.callee,
        "score": str(verdict.score or ""),
        "noted": " ".join(sorted(note.rule for note in verdict.noted)),
    }


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
