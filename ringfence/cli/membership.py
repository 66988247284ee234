"""Is a number in a list, without reading the list: for `list show NAME NUMBER` and `check`.

A plain or sorted set answers at once for the number and for each prefix of it; only ranges have to
be looked for.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ringfence.cli.session import Store
from ringfence.lists import Entry, parse_entry
from ringfence.numbers import Number

SCAN_COUNT = 10_000


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
    return await _find_range(store, key, number, now, is_sorted) if digits else None


async def _find_range(
    store: Store, key: str, number: Number, now: float, is_sorted: bool
) -> Found | None:
    # ranges are few among many numbers: the server leaves those out of its answers
    scan = store.redis.zscan_iter if is_sorted else store.redis.sscan_iter
    found: Any
    async for found in scan(key, match="*-*", count=SCAN_COUNT):
        member, expires = found if is_sorted else (found, math.inf)
        try:
            entry = parse_entry(member.decode(errors="replace"))
        except ValueError:
            continue
        if entry.first <= number.key <= entry.last and expires > now:
            return Found(entry, float(expires))
    return None
