"""How callees look to an admin: as rows, as details, as JSON; knows no store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from ringfence.cli.output import moment
from ringfence.rules.callee_overlaps import overlaps_of
from ringfence.rules.callees import Callee, decode_callee, read_callee
from ringfence.rules.model import Values, values_of
from ringfence.store.writing.history import version_of

COLUMNS = ("callee", "numbers", "allow", "block", "analytics", "state", "note")
MOST_SHOWN = 3


def row(callee_id: str, text: bytes) -> tuple[str, ...]:
    """One line of `ringfence callee list`."""
    try:
        callee = decode_callee(callee_id, text)
    except ValueError as error:
        return (callee_id, "", "", "", "", "REFUSED", str(error))
    return (
        callee_id,
        _few(callee.numbers),
        _few(callee.allow),
        _few(callee.block),
        _analytics(callee),
        "on",
        callee.note,
    )


def overlaps(callees: Mapping[str, bytes]) -> Iterator[str]:
    """Numbers that two of them claim, a line each, of many the first."""
    good = []
    for item in callees.items():
        with contextlib.suppress(ValueError):
            good.append(read_callee(*item))
    found = overlaps_of(good)
    yield from map(str, islice(found, MOST_SHOWN))
    if more := sum(1 for _ in found):
        yield f"{more} more numbers are claimed twice"


def summary(callee: Callee) -> str:
    """What was chosen, in one line."""
    parts = [
        f"{name} {_few(values)}"
        for name, values in (("allow", callee.allow), ("block", callee.block))
        if values
    ]
    if not callee.analytics:
        parts.append("analytics off")
    return ", ".join(parts) or "no choice: the rules decide"


def details(callee_id: str, text: bytes) -> list[tuple[str, str]]:
    """All of one callee."""
    undo = [
        ("undo", f"ringfence callee undo {callee_id}"),
        ("remove", f"ringfence callee remove {callee_id}"),
    ]
    try:
        callee = decode_callee(callee_id, text)
    except ValueError as error:
        return [("callee", callee_id), ("state", "REFUSED"), ("because", str(error)), *undo]
    return [
        ("callee", callee_id),
        ("numbers", " ".join(values_of(callee.numbers)) or callee_id),
        ("allow", " ".join(values_of(callee.allow))),
        ("block", " ".join(values_of(callee.block))),
        ("analytics", _analytics(callee)),
        ("note", callee.note),
        ("added by", callee.added_by or "(not known: written by hand)"),
        ("since", moment(callee.added_at) or "(not known: written by hand)"),
        ("version", version_of(text)),
        ("history", f"ringfence callee history {callee_id}"),
        *undo,
    ]


def document(callee_id: str, text: bytes) -> dict[str, Any]:
    """The callee for scripts."""
    found: dict[str, Any] = {"callee": callee_id, "version": version_of(text)}
    try:
        callee = decode_callee(callee_id, text)
    except ValueError as error:
        return {**found, "refused": str(error)}
    sides = ("numbers", "allow", "block")
    lists = {name: list(values_of(getattr(callee, name))) for name in sides}
    return {**found, **msgspec.structs.asdict(callee), **lists}


def _analytics(callee: Callee) -> str:
    return "on" if callee.analytics else "off"


def _few(values: Values) -> str:
    texts = values_of(values)
    more = f" … ({len(texts)})" if len(texts) > MOST_SHOWN else ""
    return " ".join(texts[:MOST_SHOWN]) + more
