"""Finds a name that stands twice in one object of a JSON text; knows nothing of what it means."""

from __future__ import annotations

import json


def refuse_repeated_names(text: bytes | str) -> None:
    """ValueError with the name. Every decoder would quietly keep the last one, and a rule whose
    `when` stands twice would match calls that its author meant to leave out.
    """
    json.loads(text, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"`{name}` is there twice: keep one")
        seen.add(name)
