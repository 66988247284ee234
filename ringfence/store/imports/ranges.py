"""Finds the range of a list that a number is in, at once wherever somebody has looked before.

Ranges are few among many entries. Ringfence's own writes keep them beside the list; where somebody
wrote by hand, all of the list is looked at once more.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from ringfence.lists import Entry, parse_entry
from ringfence.store.imports.list_copy import MOST_RANGES, Bar, no_bar
from ringfence.store.keys import Keys

SCAN_COUNT = 10_000
SIZE = b":size"


class FoundRange(NamedTuple):
    """A range, and until when it holds (inf: for good)."""

    entry: Entry
    expires: float


class Ranges:
    """The ranges of all lists."""

    def __init__(self, redis: Redis, keys: Keys, bar: Bar = no_bar) -> None:
        self._redis: Any = redis
        self._keys = keys
        self._bar = bar
        folder = files("ringfence.store") / "scripts"
        self._learn: Any = redis.register_script((folder / "ranges_learn.lua").read_text())

    async def find(self, name: str, number: int, now: float) -> FoundRange | None:
        """The first range of a list that the number is in and that has not run out."""
        key = self._keys.list(name)
        is_sorted = await self._redis.type(key) == b"zset"
        size = await (self._redis.zcard(key) if is_sorted else self._redis.scard(key))
        ranges = await self._known(name, size)
        if ranges is None:
            ranges = await self._look_at_all(name, size, is_sorted)
        for member, entry in ranges:
            if entry.first <= number <= entry.last:
                expires = await self._expiry(key, member, is_sorted)
                if expires > now:
                    return FoundRange(entry, expires)
        return None

    async def _known(self, name: str, size: int) -> list[tuple[bytes, Entry]] | None:
        key = self._keys.ranges(name)
        try:
            if await self._redis.hget(key, SIZE) != str(size).encode():
                return None
            return _entries([field async for field, _ in self._redis.hscan_iter(key, count=1_000)])
        except ResponseError:
            return None  # a wrong type, by hand

    async def _look_at_all(
        self, name: str, size: int, is_sorted: bool
    ) -> list[tuple[bytes, Entry]]:
        key, cursor, done = self._keys.list(name), 0, 0
        scan: Callable[..., Any] = self._redis.zscan if is_sorted else self._redis.sscan
        found: dict[bytes, None] = {}
        with self._bar(f"looking for ranges in {name}", size) as tell:
            while True:
                # the server leaves all others out of its answers
                cursor, page = await scan(key, cursor, match="*-*", count=SCAN_COUNT)
                found.update(dict.fromkeys(each[0] if is_sorted else each for each in page))
                tell(done := min(done + SCAN_COUNT, size))
                if int(cursor) == 0:
                    break
        ranges = _entries(found)
        if len(found) <= MOST_RANGES:
            # who may only read looks again the next time
            with contextlib.suppress(NoPermissionError):
                await self._learn(keys=[key, self._keys.ranges(name)], args=[size, *found])
        return ranges

    async def _expiry(self, key: str, member: bytes, is_sorted: bool) -> float:
        if is_sorted:
            return float(await self._redis.zscore(key, member) or 0.0)
        return math.inf if await self._redis.sismember(key, member) else 0.0


def _entries(members: Iterable[bytes]) -> list[tuple[bytes, Entry]]:
    found = []
    for member in members:
        try:
            entry = parse_entry(member.decode(errors="replace"))
        except ValueError:
            continue
        if entry.first != entry.last:
            found.append((member, entry))
    return found
