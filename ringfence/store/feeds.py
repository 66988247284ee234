"""Feeds in Redis: how each is set up, what came of it, what it keeps, and whose turn it is.

Owns reads and writes; what the texts mean, the feeds know. What feeds bring into lists is written
by `imports`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, cast

from redis.asyncio import Redis

from ringfence.store.keys import STAGING_SECONDS, Keys
from ringfence.store.writing.scripting import Argument, Scripts, WriteRefused

PAGE = 1_000


class FeedReader:
    """Reads; writes nothing."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._any: Any = redis
        self._keys = keys

    async def feeds(self) -> dict[str, bytes]:
        """Name → how the feed is set up, as JSON."""
        return await self._hash(self._keys.feeds)

    async def feed(self, name: str) -> bytes | None:
        """How one feed is set up; None where it is not."""
        return cast("bytes | None", await self._any.hget(self._keys.feeds, name))

    async def states(self) -> dict[str, bytes]:
        """Name → what came of the feed, as JSON."""
        return await self._hash(self._keys.feeds_state)

    async def state(self, name: str) -> bytes | None:
        """What came of one feed; None where nothing did."""
        return cast("bytes | None", await self._any.hget(self._keys.feeds_state, name))

    async def parts(self, name: str) -> dict[str, bytes]:
        """What a feed keeps of the files before."""
        return await self._hash(self._keys.feed_parts(name))

    async def rmd(self, fields: Sequence[str]) -> list[bytes | None]:
        """Some fields of the Robocall Mitigation Database."""
        answer: Awaitable[list[bytes | None]] = self._any.hmget(self._keys.rmd, list(fields))
        return await answer

    async def whole_rmd(self) -> dict[str, bytes]:
        """All of it."""
        return await self._hash(self._keys.rmd)

    async def _hash(self, key: str) -> dict[str, bytes]:
        found = {
            field.decode(errors="replace"): value
            async for field, value in self._any.hscan_iter(key, count=PAGE)
        }
        return dict(sorted(found.items()))


class FeedWriter(Scripts):
    """Writes in the name of `who`."""

    NAMES: ClassVar = ("feed_set", "feed_keep", "feed_turn")

    async def set_feed(self, name: str, text: bytes) -> str:
        """Set a feed up: ``added``, ``replaced`` or ``same``."""
        return await self._set(name, text)

    async def remove_feed(self, name: str) -> str:
        """Take a feed's set-up away: ``removed`` or ``none``."""
        return await self._set(name, b"")

    async def keep(
        self,
        name: str,
        state: bytes,
        *,
        put: Mapping[str, bytes] | None = None,
        cut: Sequence[str] = (),
        table: Mapping[str, bytes] | None = None,
        was: bytes | None = None,
    ) -> bool:
        """Keep what came of a feed; with `table`, which is then all of the RMD.

        With `was` (b"": none) only where that is its state still; False where it is not.
        """
        put = put or {}
        staged = await self._stage(table) if table else ""
        flat: list[Argument] = [part for pair in put.items() for part in pair]
        seen: list[Argument] = ["any", ""] if was is None else ["was", was]
        arguments: list[Argument] = [name, state, "swap" if staged else "", *seen]
        arguments += [len(put), *flat, *cut]
        try:
            done = await self._run("feed_keep", self._keys_of(name, staged), arguments, None)
        except BaseException:
            if staged:
                await self._redis.unlink(staged)
            raise
        if done == b"staged":
            raise WriteRefused("what was staged is gone: import again")
        if done == b"moved" and staged:
            await self._redis.unlink(staged)
        return bool(done == b"kept")

    async def forget(self, name: str, *, table: bool = False) -> None:
        """Forget what came of a feed and all that it keeps; with `table` the RMD, too."""
        arguments: list[Argument] = [name, "", "drop" if table else "", "any", "", 0]
        await self._run("feed_keep", self._keys_of(name, ""), arguments, None)

    async def take_turn(self, token: str, seconds: float) -> bool:
        """Have the turn for so long, or for longer; False where somebody else has it."""
        return bool(await self._turn(token, max(1, int(seconds * 1_000))))

    async def give_turn_back(self, token: str) -> None:
        """Let others have it."""
        await self._turn(token, 0)

    async def _turn(self, token: str, milliseconds: int) -> int:
        return int(
            await self._run("feed_turn", [self._keys.feed_turn], [token, milliseconds], None)
        )

    async def _set(self, name: str, text: bytes) -> str:
        keys = [self._keys.feeds, self._keys.changes, self._keys.history]
        return cast("bytes", await self._run("feed_set", keys, [name, text], {})).decode()

    def _keys_of(self, name: str, staged: str) -> list[str]:
        keys = self._keys
        return [keys.feeds_state, keys.feed_parts(name), keys.rmd, staged or keys.staging("none")]

    async def _stage(self, table: Mapping[str, bytes]) -> str:
        staged = self._keys.staging(secrets.token_hex(8))
        items = iter(table.items())
        try:
            while page := dict(islice(items, PAGE)):
                async with self._redis.pipeline() as pipe:
                    pipe.hset(staged, mapping=cast("Any", page))
                    pipe.expire(staged, STAGING_SECONDS)
                    await pipe.execute()
        except BaseException:
            await self._redis.unlink(staged)
            raise
        return staged
