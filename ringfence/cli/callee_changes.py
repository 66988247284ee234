"""Changes a callee's choices: what is there is read, changed and written if it is still the same.

Knows neither flags nor how anything is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from ringfence.cli.rule_flags import as_entry
from ringfence.cli.session import Store
from ringfence.lists import parse_entry
from ringfence.rules.callees import Callee, compile_callee, decode_callee
from ringfence.rules.model import values_of
from ringfence.store.writing.history import version_of
from ringfence.store.writing.writer import Moved, WriteRefused, Written

TRIES = 10


class Change(NamedTuple):
    """What was done, what stands there now, and which lists it names that do not exist."""

    result: str
    version: str
    callee: Callee
    missing: list[str]


async def change(
    store: Store, callee_id: str, make: Callable[[Callee], Callee], who: str, expect: str = ""
) -> Change:
    """Write what `make` makes of the choices that there are."""
    for _ in range(TRIES):
        was = await store.reader.callee(callee_id)
        old = _read(callee_id, was)
        new = make(old)
        seen = expect or (version_of(was) if was is not None else "")
        if was is not None and new == old and seen == version_of(was):
            done, version = Written.SAME, seen
        else:
            now = datetime.now(UTC).replace(microsecond=0)
            new = msgspec.structs.replace(new, added_by=who[:200], added_at=now)
            try:
                done, version = await store.writer.set_callee(callee_id, new, expect=seen)
            except Moved:
                if expect:
                    raise
                continue
        named = compile_callee(callee_id, new).list_names
        missing = [name for name in sorted(named) if not await store.reader.list_size(name)]
        return Change(str(done), version, new, missing)
    raise WriteRefused(f"callee {callee_id} is changed by others all the time: try again")


def replaced(old: Callee, given: dict[str, Any]) -> Callee:
    """`old` with these fields."""
    values = {
        name: canonical(value) if isinstance(value, tuple) else value
        for name, value in given.items()
    }
    return msgspec.structs.replace(old, **values)


def changed_side(
    old: Callee, side: Literal["allow", "block"], values: tuple[str, ...], *, remove: bool
) -> Callee:
    """`old` with `values` added to one side, or taken off it."""
    there, named = canonical(values_of(getattr(old, side))), canonical(values)
    left = tuple(value for value in there if value not in named)
    if remove and len(left) == len(there):
        raise WriteRefused(f"none of these is there to remove: {', '.join(named)[:200]}")
    return msgspec.structs.replace(old, **{side: left if remove else canonical((*there, *named))})


def canonical(values: tuple[str, ...]) -> tuple[str, ...]:
    """Each value once, as records have it; what is no number stays as it was written."""
    found = []
    for value in values:
        sign = "!" if value.startswith("!") else ""
        try:
            found.append(sign + parse_entry(as_entry(value.removeprefix("!"))).text)
        except ValueError:
            found.append(value)
    return tuple(dict.fromkeys(found))


def _read(callee_id: str, text: bytes | None) -> Callee:
    try:
        return decode_callee(callee_id, text) if text is not None else Callee()
    except ValueError:
        return Callee()  # refused as it is: what is set now takes its place
