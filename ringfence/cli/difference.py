"""What a file would change in Redis: compared here, shown by `difference_view`. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from ringfence.cli.export_file import Exported, callee_document, rule_document, trunk_document
from ringfence.cli.list_contents import ListContents
from ringfence.cli.session import Store
from ringfence.cli.stored import (
    Fields,
    stored_callees,
    stored_list,
    stored_rules,
    stored_trunks,
)
from ringfence.rules import Rule, encode_rule
from ringfence.rules.callees import Callee, encode_callee
from ringfence.store.writing.writer import FieldChange, Kind
from ringfence.trunk import encode_trunk

Document = dict[str, Any]


class Changed(NamedTuple):
    """One rule, trunk or callee: None where there is none before or after; `refused` says why what
    stands in Redis cannot be read."""

    name: str
    before: Document | None
    after: Document | None
    refused: str
    write: FieldChange

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """What differs, field by field (``respond.sip``); None for a field that is not set."""
        before, after = _flat(self.before or {}), _flat(self.after or {})
        names = sorted(before.keys() | after.keys())
        return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


class FieldsDifference(NamedTuple):
    """The difference in rules, in trunks or in callees. `kept`: in Redis only, and left there."""

    changes: list[Changed]
    same: int
    kept: int


class ListDifference(NamedTuple):
    """The difference in one list. `other` has what its expiry was and what it is to be; `gone` is
    what is taken out, `whole` the list as it is to be where it is put there in one step."""

    name: str
    new: ListContents
    other: dict[str, tuple[float, float]]
    gone: ListContents
    same: int
    kept: int
    whole: ListContents | None

    @property
    def size(self) -> int:
        """How many entries change."""
        return len(self.new) + len(self.other) + len(self.gone)


class Difference(NamedTuple):
    """All of it; a section that is left alone is None. `gone` are lists that go, with their size;
    `lists_kept` those that are in Redis only and stay."""

    rules: FieldsDifference | None
    trunks: FieldsDifference | None
    callees: FieldsDifference | None
    lists: list[ListDifference] | None
    gone: dict[str, int]
    lists_kept: int

    @property
    def hashes(self) -> dict[str, FieldsDifference]:
        """The sections that are hashes, as far as they are looked at."""
        parts = {"rules": self.rules, "trunks": self.trunks, "callees": self.callees}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def is_empty(self) -> bool:
        """Nothing would change."""
        hashes = (each.changes for each in self.hashes.values())
        return not (any(hashes) or self.gone or any(each.size for each in self.lists or ()))

    @property
    def fields(self) -> list[FieldChange]:
        """What is to be written to the rules, trunks and callees."""
        return [changed.write for each in self.hashes.values() for changed in each.changes]


async def compare(
    store: Store,
    wanted: Exported,
    now: float,
    *,
    prune: bool,
    sign: Callable[[Rule], Rule],
) -> Difference:
    """What `wanted` would change. `sign` puts into a rule that changes who changes it.

    Without `prune` nothing goes, neither rules nor trunks, callees, lists or entries of them.
    """
    rules = trunks = callees = None
    if wanted.rules is not None:
        found = await stored_rules(store)
        rules = _hash("rule", found, wanted.rules, _rule(found, sign), _shown_rule, prune=prune)
    if wanted.trunks is not None:
        found = await stored_trunks(store)
        trunks = _hash("trunk", found, wanted.trunks, encode_trunk, trunk_document, prune=prune)
    if wanted.callees is not None:
        found = await stored_callees(store)
        show = _shown_callee
        callees = _hash("callee", found, wanted.callees, encode_callee, show, prune=prune)
    if wanted.lists is None:
        return Difference(rules, trunks, callees, None, {}, 0)
    lists = [
        await _list(store, name, contents, now, prune=prune)
        for name, contents in sorted(wanted.lists.items())
    ]
    others = [n for n in await store.reader.list_names() if n not in wanted.lists]
    if not prune:
        return Difference(rules, trunks, callees, lists, {}, len(others))
    gone = {name: await store.reader.list_size(name) for name in others}
    return Difference(rules, trunks, callees, lists, gone, 0)


def _shown_rule(rule: Rule) -> Document:
    # Who added a rule and when is no part of what it does; nor is whether one value is in brackets.
    document = rule_document(msgspec.structs.replace(rule, added_by="", added_at=None))
    for name, value in document.get("when", {}).items():
        document["when"][name] = [value] if isinstance(value, str) else value
    return document


def _shown_callee(callee: Callee) -> Document:
    document = callee_document(msgspec.structs.replace(callee, added_by="", added_at=None))
    return {
        name: [value] if name in ("numbers", "allow", "block") and isinstance(value, str) else value
        for name, value in document.items()
    }


def _rule(found: Fields, sign: Callable[[Rule], Rule]) -> Callable[[Rule], bytes]:
    def encode(rule: Rule) -> bytes:
        # A new rule keeps who added it, where the file says so: it comes from elsewhere.
        known = rule.id in found.raw or not rule.added_by
        return encode_rule(sign(rule) if known else rule)

    return encode


def _hash(
    kind: Kind,
    found: Fields,
    wanted: dict[str, Any],
    encode: Callable[[Any], bytes],
    show: Callable[[Any], Document],
    *,
    prune: bool,
) -> FieldsDifference:
    changes: list[Changed] = []
    same = 0
    for name, each in sorted(wanted.items()):
        before = show(found.good[name]) if name in found.good else None
        after = show(each)
        if before == after:
            same += 1
            continue
        write = FieldChange(kind, name, found.raw.get(name), encode(each))
        changes.append(Changed(name, before, after, found.refused.get(name, ""), write))
    others = [name for name in found.raw if name not in wanted]
    for name in others if prune else ():
        before = show(found.good[name]) if name in found.good else None
        write = FieldChange(kind, name, found.raw[name], None)
        changes.append(Changed(name, before, None, found.refused.get(name, ""), write))
    return FieldsDifference(changes, same, 0 if prune else len(others))


async def _list(
    store: Store, name: str, wanted: ListContents, now: float, *, prune: bool
) -> ListDifference:
    held, _ = await stored_list(store, name, now)
    new, only_held = wanted.without(held), held.without(wanted)
    other = held.other_expiries(wanted)
    return ListDifference(
        name,
        new,
        other,
        only_held if prune else ListContents(),
        len(wanted) - len(new) - len(other),
        0 if prune else len(only_held),
        wanted if prune or not len(held) else None,
    )


def _flat(document: Document, above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{name}.")
        else:
            found[above + name] = value
    return found
