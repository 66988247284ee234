"""Which trunk is whose: the trunks' own settings and the register of providers, put together.

Pure. Where both say something the trunk's own `provider` counts; where two providers list a trunk,
the first by id.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from ringfence.providers.model import Provider
from ringfence.trunk import DEFAULT_TRUNK, Trunk

T = TypeVar("T")


def with_providers(
    trunks: Mapping[str, Trunk], providers: Mapping[str, Provider]
) -> dict[str, Trunk]:
    """The trunks, those that only the register knows too, each with the provider behind it."""
    found = dict(trunks)
    for id in sorted(providers):
        for name in providers[id].trunks:
            trunk = found.get(name, DEFAULT_TRUNK)
            if not trunk.provider:
                found[name] = msgspec.structs.replace(trunk, provider=id)
    return found


def trunks_of(
    id: str, trunks: Mapping[str, Trunk], providers: Mapping[str, Provider]
) -> tuple[str, ...]:
    """All trunks of one provider, by name."""
    known = with_providers(trunks, providers)
    return tuple(sorted(name for name, trunk in known.items() if trunk.provider == id))


class Disputed(NamedTuple):
    """Whose a trunk is that somebody else lists, and why."""

    whose: str
    why: str


def disputed(
    id: str, trunks: Mapping[str, Trunk], providers: Mapping[str, Provider]
) -> dict[str, Disputed]:
    """Trunks that this provider lists and that are another's, for rules and for blocks."""
    known, found = with_providers(trunks, providers), {}
    for name in providers[id].trunks if id in providers else ():
        whose = known[name].provider
        if whose == id:
            continue
        why = f"{whose} lists it too, and the first by id counts (ringfence provider set {whose})"
        if name in trunks and trunks[name].provider:
            why = f"its own settings say provider {whose}, and they count"
            why += f" (ringfence trunk set {name})"
        found[name] = Disputed(whose, why)
    return found


def good(texts: Mapping[str, bytes], decode: Callable[[str, bytes], T]) -> dict[str, T]:
    """What decodes; the others are named elsewhere."""
    found = {}
    for id, text in texts.items():
        with contextlib.suppress(ValueError):
            found[id] = decode(id, text)
    return found
