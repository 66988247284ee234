"""How the history looks to an admin: what each change did, and what was changed by hand between
them; knows no store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from ringfence.cli.difference import Changed
from ringfence.cli.difference_view import counted, difference_text
from ringfence.cli.export_file import moment_text
from ringfence.cli.export_sections import rule_document
from ringfence.rules import decode_rule
from ringfence.store.writing.history import Change, version_of
from ringfence.store.writing.undo import BY_HAND
from ringfence.store.writing.writer import FieldChange, Kind

MOST_ENTRIES = 5
BY_HAND_TEXT = "changed by hand"
Document = dict[str, Any]


class Shown(NamedTuple):
    """A change, or what was changed by hand before or after one (`change` is None)."""

    kind: str
    name: str
    change: Change | None
    before: bytes | None
    after: bytes | None


def with_hands(
    changes: Iterable[Change], earlier: Mapping[str, Change], now: Mapping[str, bytes | None]
) -> Iterator[Shown]:
    """Changes of one kind, newest first, and what was changed by hand between them.

    `earlier` has the change of each name that is before those; `now` what stands in Redis.
    """
    listed = list(changes)
    before_it: dict[str, Change] = {}
    previous: list[Change | None] = []
    for change in reversed(listed):
        previous.append(before_it.get(change.name, earlier.get(change.name)))
        before_it[change.name] = change
    seen: set[str] = set()
    for change, former in zip(listed, reversed(previous), strict=True):
        kind, name = change.kind, change.name
        if name not in seen and name in now and now[name] != change.after:
            yield Shown(kind, name, None, change.after, now[name])
        seen.add(name)
        yield Shown(kind, name, change, change.before, change.after)
        if former and former.after != change.before and not change.too_long:
            yield Shown(kind, name, None, former.after, change.before)


def row(shown: Shown, *, with_name: bool) -> tuple[str, ...]:
    """One line of the table."""
    name = (shown.name,) if with_name else ()
    change = shown.change
    if change is None:
        return ("", "", *name, "(by hand)", BY_HAND_TEXT, what(shown), "")
    op = f"undo {change.undoes}" if change.undoes else change.op
    return (change.id, second(change.at), *name, change.who, op, what(shown), change.why)


def columns(kind: str, *, with_name: bool) -> tuple[str, ...]:
    """The table's heading."""
    return ("change", "when", *((kind,) if with_name else ()), "who", "did", "what", "why")


def what(shown: Shown) -> str:
    """What is different, in one line."""
    change = shown.change
    if shown.kind == "list" and change:
        return _list_text(change)
    if change and change.too_long:
        return f"was longer than a {shown.kind} may be, and not kept"
    return difference(shown.kind, shown.name, shown.before, shown.after)


def difference(kind: str, name: str, before: bytes | None, after: bytes | None) -> str:
    """What is different between two texts of a rule, a trunk or a callee."""
    changed = _changed(kind, name, before, after)
    if after is not None and changed.after is None:
        return f"is no {kind}: {_refusal(kind, name, after)}"
    text = difference_text(changed)
    if after is None:
        return f"was {text}"
    return text or "signed anew, otherwise as it was"


def document(shown: Shown) -> Document:
    """For `--json`: all there is, and what differs field by field."""
    change = shown.change
    found: Document = {"kind": shown.kind, "id": shown.name, "by_hand": change is None}
    if change:
        found |= {"change": change.id, "at": moment_text(change.at), "who": change.who,
                  "op": change.op, "why": change.why}  # fmt: skip
        if change.undoes:
            found["undoes"] = change.undoes
    if shown.kind == "list" and change:
        return found | {
            "changed": change.changed, "size": change.size, "entries": list(change.entries),
            "expires": moment_text(change.expires) if change.expires else None,
            "source": change.source, "note": change.note,
        }  # fmt: skip
    fields = _changed(shown.kind, shown.name, shown.before, shown.after).fields
    return found | {
        "before": _plain(shown.before),
        "after": _plain(shown.after),
        "version_before": version_of(shown.before) if shown.before is not None else None,
        "version": version_of(shown.after) if shown.after is not None else None,
        "fields": {name: list(pair) for name, pair in fields.items()},
    }


def second(at: float) -> str:
    """A point in time in UTC, to the second: changes come close together."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}Z"


def undo_hint(shown: Shown) -> str:
    """The command that undoes what was changed by hand last."""
    return f"ringfence {shown.kind} undo {shown.name} --{BY_HAND}"


def _changed(kind: str, name: str, before: bytes | None, after: bytes | None) -> Changed:
    refused = ""
    if before is not None and _document(kind, name, before) is None:
        refused = _refusal(kind, name, before)
    of: Kind = kind  # type: ignore[assignment]
    return Changed(
        name,
        None if before is None else _document(kind, name, before),
        None if after is None else _document(kind, name, after),
        refused,
        FieldChange(of, name, before, after),
    )


def _document(kind: str, name: str, text: bytes) -> Document | None:
    try:
        if kind == "rule":
            rule = decode_rule(name, text)
            # who added it and when is no part of what it does
            found = rule_document(msgspec.structs.replace(rule, added_by="", added_at=None))
            when = found.get("when", {})
            found["when"] = {n: [v] if isinstance(v, str) else v for n, v in when.items()}
            return {n: v for n, v in found.items() if v != {}}
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {n: v for n, v in found.items() if n not in ("added_by", "added_at")}


def _refusal(kind: str, name: str, text: bytes) -> str:
    try:
        if kind == "rule":
            decode_rule(name, text)
    except ValueError as error:
        return str(getattr(error, "reason", error))
    return "no JSON object"


def _plain(text: bytes | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")


def _list_text(change: Change) -> str:
    entries = counted(change.changed, "entry")
    text = {
        "add": f"{entries} added",
        "remove": f"{entries} taken out",
        "replace": f"replaced, it had {entries}",
        "remove-all": f"removed, it had {entries}",
    }.get(change.op, f"{change.op}: {entries}")
    if change.size or change.op != "remove-all":
        text += f", {change.size} then"
    if change.entries:
        more = " …" if change.changed > MOST_ENTRIES or len(change.entries) > MOST_ENTRIES else ""
        text += f": {' '.join(change.entries[:MOST_ENTRIES])}{more}"
    parts = [text]
    if change.expires:
        parts.append(f"until {second(change.expires)}")
    parts += [f"{n} {v}" for n, v in (("source", change.source), ("note", change.note)) if v]
    return ", ".join(parts)
