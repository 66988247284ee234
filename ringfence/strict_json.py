"""Reads what admins write as JSON, more strictly than decoders do; knows none of its meaning."""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec

T = TypeVar("T")


def decode_strictly(decoder: msgspec.json.Decoder[T], text: bytes | str) -> T:
    """What `text` says. ValueError in one line, also for a name that stands twice."""
    try:
        value = decoder.decode(text)
        refuse_repeated_names(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(in_one_line(error)) from None
    return value


def refuse_repeated_names(text: bytes | str) -> None:
    """ValueError with the name. Every decoder would quietly keep the last one, and a rule whose
    `when` stands twice would match calls that its author meant to leave out.
    """
    json.loads(text, object_pairs_hook=_each_once)


def in_one_line(error: Exception) -> str:
    """What a decoder says, without its paths: admins know no dollar."""
    text = " ".join(str(error).split())
    return text.replace("$.", "").replace(" - at ", ", at ")[:300]


def _each_once(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"`{name}` is there twice: keep one")
        seen.add(name)
