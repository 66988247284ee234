"""Is a number in a list, without reading the list: for `list show NAME NUMBER` and `check`.

A plain or sorted set answers at once for the number and for each prefix of it; ranges are kept
beside it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ringfence.cli.progress import progress
from ringfence.cli.session import Store
from ringfence.lists import Entry, parse_entry
from ringfence.numbers import Number
from ringfence.rules.choice import REDRESS_LIST
from ringfence.rules.conditions.numbering_lists import NUMBERING_LISTS
from ringfence.rules.emergency import EMERGENCY_LIST, PUBLIC_SAFETY_LIST
from ringfence.rules.respond import PASSED_LIST
from ringfence.store.imports.ranges import Ranges
from ringfence.store.imports.source_records import Source
from ringfence.store.imports.sources import Sources

ALWAYS_ASKED = frozenset(
    {EMERGENCY_LIST, PUBLIC_SAFETY_LIST, PASSED_LIST, REDRESS_LIST, *NUMBERING_LISTS}
)
"""Lists that count without a rule that names them."""


class Found(NamedTuple):
    """The entry that matched, and until when it holds (inf: for good)."""

    entry: Entry
    expires: float


async def find_in_list(store: Store, name: str, number: Number, now: float) -> Found | None:
    """The first entry of the list that the number meets and that has not run out."""
    key = store.keys.list(name)
    is_sorted = await store.redis.type(key) == b"zset"
    digits = number.e164[1:]
    asked = [number.text] if not digits else [f"+{digits}"]
    asked += [f"+{digits[:n]}*" for n in range(len(digits), 0, -1)]
    async with store.redis.pipeline(transaction=False) as pipe:
        for member in asked:
            if is_sorted:
                pipe.zscore(key, member)
            else:
                pipe.sismember(key, member)
        answers = await pipe.execute()
    for member, answer in zip(asked, answers, strict=True):
        expires = answer if is_sorted else (math.inf if answer else None)
        if expires is not None and expires > now:
            return Found(parse_entry(member), float(expires))
    if not digits:
        return None
    found = await Ranges(store.redis, store.keys, progress).find(name, number.key, now)
    return Found(*found) if found else None


async def who_brought(store: Store, name: str, entry: str) -> dict[str, Source]:
    """The sources that are known to have brought this very entry."""
    sources = Sources(store.redis, store.keys)
    of = await sources.of(name)
    return {source: of[source] for source in await sources.brought_by(name, entry) if source in of}
