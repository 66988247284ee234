"""What a file would change in Redis: compared here, shown by `difference_view`. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ringfence.cli.export_file import Exported
from ringfence.cli.export_sections import HASHES, Document, Section
from ringfence.cli.list_contents import ListContents
from ringfence.cli.session import Store
from ringfence.cli.stored import Fields, stored, stored_list
from ringfence.rules import Rule
from ringfence.store.writing.writer import FieldChange


class Changed(NamedTuple):
    """One rule, trunk, notice or the like: None where there is none before or after; `refused`
    says why what stands in Redis cannot be read."""

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
    """The difference in one section that is a hash. `kept`: in Redis only, and left there."""

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
    """All of it: `hashes` has the sections that are looked at, `lists` is None where they are left
    alone. `gone` are lists that go, with their size; `lists_kept` those that are in Redis only and
    stay."""

    hashes: dict[str, FieldsDifference]
    lists: list[ListDifference] | None
    gone: dict[str, int]
    lists_kept: int

    @property
    def is_empty(self) -> bool:
        """Nothing would change."""
        hashes = (each.changes for each in self.hashes.values())
        return not (any(hashes) or self.gone or any(each.size for each in self.lists or ()))

    @property
    def fields(self) -> list[FieldChange]:
        """What is to be written to the hashes."""
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

    Without `prune` nothing goes, neither rules nor anything else, lists or entries of them.
    """
    hashes: dict[str, FieldsDifference] = {}
    for name, section in HASHES.items():
        if name in wanted.hashes:
            found = await stored(store, section)
            encode = _rule(found, section, sign) if name == "rules" else section.encode
            hashes[name] = _hash(section, found, wanted.hashes[name], encode, prune=prune)
    if wanted.lists is None:
        return Difference(hashes, None, {}, 0)
    lists = [
        await _list(store, name, contents, now, prune=prune)
        for name, contents in sorted(wanted.lists.items())
    ]
    others = [n for n in await store.reader.list_names() if n not in wanted.lists]
    if not prune:
        return Difference(hashes, lists, {}, len(others))
    gone = {name: await store.reader.list_size(name) for name in others}
    return Difference(hashes, lists, gone, 0)


def _rule(found: Fields, section: Section, sign: Callable[[Rule], Rule]) -> Callable[[Rule], bytes]:
    def encode(rule: Rule) -> bytes:
        # A new rule keeps who added it, where the file says so: it comes from elsewhere.
        known = rule.id in found.raw or not rule.added_by
        return section.encode(sign(rule) if known else rule)

    return encode


def _hash(
    section: Section,
    found: Fields,
    wanted: dict[str, Any],
    encode: Callable[[Any], bytes],
    *,
    prune: bool,
) -> FieldsDifference:
    kind, show = section.kind, section.compared
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
