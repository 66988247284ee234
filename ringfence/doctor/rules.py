"""Are the rules in Redis in force, and do the lists that they name exist? Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from ringfence.doctor.finding import Finding, Findings, fail, ok, warn
from ringfence.rules import Rule, RuleRefused, compile_rules, decode_rule
from ringfence.rules.callee_overlaps import overlaps_of
from ringfence.rules.callees import CompiledCallee, read_callee
from ringfence.store.reader import Reader
from ringfence.trunk import Trunk, decode_trunk

PART = "rules"
MOST_SHOWN = 10


class RulesFound(NamedTuple):
    """What is in Redis: good rules, what is refused with the reason, good callees and trunks."""

    good: list[Rule]
    refused: dict[str, str]
    callees: tuple[CompiledCallee, ...] = ()
    trunks: Mapping[str, Trunk] = MappingProxyType({})


async def read_rules(reader: Reader) -> RulesFound:
    """Read them all and decode each, as a mirror would."""
    found = RulesFound([], await reader.rejected())
    for rule_id, text in (await reader.rules()).items():
        try:
            rule = decode_rule(rule_id, text)
            compile_rules([rule])
            found.good.append(rule)
        except RuleRefused as error:
            found.refused[rule_id] = error.reason
    trunks = {}
    for name, text in (await reader.trunks()).items():
        try:
            trunks[name] = decode_trunk(name, text)
        except ValueError as error:
            found.refused[f"trunk:{name}"] = str(error)
    callees = []
    for id, text in (await reader.callees()).items():
        try:
            callees.append(read_callee(id, text))
        except ValueError as error:
            found.refused[f"callee:{id}"] = str(error)
    return found._replace(callees=tuple(callees), trunks=trunks)


async def examine_rules(found: RulesFound, reader: Reader) -> Findings:
    """What is refused, and which lists are missing."""
    yield ok(PART, "1 rule" if len(found.good) == 1 else f"{len(found.good)} rules")
    if found.callees:
        yield ok("callees", f"{len(found.callees)} with choices of their own")
    for overlap in islice(overlaps_of(found.callees), MOST_SHOWN):
        yield warn("callees", str(overlap), f"ringfence callee set {overlap.other} --number …")
    for number, (name, reason) in enumerate(sorted(found.refused.items())):
        if number == MOST_SHOWN:
            yield fail(PART, f"{len(found.refused) - MOST_SHOWN} more are refused",
                       "ringfence rule list")  # fmt: skip
            break
        yield _refused(name, reason)
    names = await reader.list_names()
    sizes = [f"{name} {await reader.list_size(name)}" for name in names[:MOST_SHOWN]]
    yield ok("lists", ", ".join(sizes) or "none")
    for name, users in sorted(_named(found).items()):
        if name not in names:
            yield warn(
                "lists",
                f"there is no list {name}, which {', '.join(users[:3])} names",
                f"ringfence list add {name} NUMBER",
            )


def _named(found: RulesFound) -> dict[str, list[str]]:
    named: defaultdict[str, list[str]] = defaultdict(list)
    for rule in found.good:
        for name in compile_rules([rule]).list_names:
            named[name].append(f"rule {rule.id}")
    for callee in found.callees:
        for name in callee.list_names:
            named[name].append(f"callee {callee.id}")
    return named


def _refused(name: str, reason: str) -> Finding:
    kind, _, rest = name.partition(":")
    if kind == "trunk" and rest:
        return fail(PART, f"trunk {rest} is refused: {reason}", f"ringfence trunk set {rest} …")
    if kind == "callee" and rest:
        todo = f"ringfence callee set {rest} …, or ringfence callee remove {rest}"
        return fail(PART, f"callee {rest} is refused: {reason}", todo)
    if kind == "provider" and rest:
        todo = f"ringfence provider set {rest} …, or ringfence provider remove {rest}"
        return fail(PART, f"provider {rest} is refused: {reason}", todo)
    if kind == "list" and rest:
        return warn("lists", f"list {rest}: {reason}", "SREM or ZREM by redis-cli")
    return fail(
        PART,
        f"rule {name} is refused: {reason}",
        f"ringfence rule set {name} FILE, or ringfence rule remove {name}",
    )
