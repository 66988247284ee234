"""Reads what is in Redis as it stands there, for commands that show it; no mirror, no checks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import cast

from redis.asyncio import Redis

from ringfence.lists import LIST_NAME
from ringfence.store.keys import Keys

PAGE = 1_000


class Reader:
    """Plain reads, in pages, so that no answer is without bounds."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def rules(self) -> dict[str, bytes]:
        """Rule id to its JSON, refused ones too, by id."""
        return await self._hash(self._keys.rules)

    async def rule(self, rule_id: str) -> bytes | None:
        """One rule's JSON; None where there is none."""
        return await cast("Awaitable[bytes | None]", self._redis.hget(self._keys.rules, rule_id))

    async def trunks(self) -> dict[str, bytes]:
        """Trunk name to its JSON, by name."""
        return await self._hash(self._keys.trunks)

    async def callees(self) -> dict[str, bytes]:
        """Callee's id to its JSON, by id."""
        return await self._hash(self._keys.callees)

    async def callee(self, callee_id: str) -> bytes | None:
        """One callee's JSON; None where there is none."""
        key = self._keys.callees
        return await cast("Awaitable[bytes | None]", self._redis.hget(key, callee_id))

    async def providers(self) -> dict[str, bytes]:
        """Provider's id to its JSON, by id."""
        return await self._hash(self._keys.providers)

    async def notices(self) -> dict[str, bytes]:
        """Notice's id to its JSON, by id."""
        return await self._hash(self._keys.notices)

    async def notice(self, notice_id: str) -> bytes | None:
        """One notice's JSON; None where there is none."""
        key = self._keys.notices
        return await cast("Awaitable[bytes | None]", self._redis.hget(key, notice_id))

    async def of_kind(self, kind: str) -> dict[str, bytes]:
        """Everything of one kind, a rule, a notice, a feed's set-up: id to its JSON, by id."""
        return await self._hash(self._keys.of_kind(kind))

    async def rejected(self) -> dict[str, str]:
        """Rule id, or kind and name (``trunk:<name>``, ``list:<name>``) to why it was refused."""
        found = await self._hash(self._keys.rejected)
        return {field: reason.decode(errors="replace") for field, reason in found.items()}

    async def list_names(self) -> list[str]:
        """The names of all number lists, sorted."""
        names = set()
        pattern = _escaped(self._keys.list_prefix) + "*"
        async for key in self._redis.scan_iter(match=pattern, count=PAGE):
            name = key[len(self._keys.list_prefix) :].decode(errors="replace")
            if LIST_NAME.fullmatch(name):
                names.add(name)
        return sorted(names)

    async def list_size(self, name: str) -> int:
        """How many entries a list has; 0 where there is none."""
        key = self._keys.list(name)
        sorted_set = await self._redis.type(key) == b"zset"
        return await (self._redis.zcard(key) if sorted_set else self._redis.scard(key))

    async def list_entries(self, name: str) -> AsyncIterator[tuple[str, float]]:
        """Entries with their expiry (inf: never), in no order; what changes meanwhile may come
        twice or not."""
        key = self._keys.list(name)
        if await self._redis.type(key) == b"zset":
            async for member, score in self._redis.zscan_iter(key, count=PAGE):
                yield member.decode(errors="replace"), float(score)
        else:
            async for member in self._redis.sscan_iter(key, count=PAGE):
                yield member.decode(errors="replace"), float("inf")

    async def _hash(self, key: str) -> dict[str, bytes]:
        found = {
            field.decode(errors="replace"): value
            async for field, value in self._redis.hscan_iter(key, count=PAGE)
        }
        return dict(sorted(found.items()))


def _escaped(pattern: str) -> str:
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in pattern)
