"""Who archives, and how far: the archive's hash in Redis, and the scripts that change it.

Owns what is sent to Redis and how long that may take; knows no file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from importlib.resources import files
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from ringfence.calllog.query import StreamId
from ringfence.store.keys import Keys

LEASE_MS = 20_000
"""How long nobody archives where the worker that did was killed; records wait in the stream."""
COMMAND_SECONDS = 2.0
_Args = list[str | bytes | int | float]


class ArchiveStatus(NamedTuple):
    """The hash, for commands that show it. Times are Unix seconds, 0 for never."""

    holder: str = ""
    position: StreamId | None = None
    at: float = 0.0
    until: float = 0.0
    records: int = 0
    problem: str = ""
    ended: float = 0.0
    """When the newest call ended whose end is archived."""


class Lease:
    """The right to write into the archive, for one holder. Every failure comes out as RedisError,
    OSError or TimeoutError."""

    def __init__(self, redis: Redis, keys: Keys, holder: str, *, length_ms: int = LEASE_MS) -> None:
        folder = files("ringfence.archive") / "scripts"
        self._keys = keys
        self._holder = holder
        self._length = length_ms
        self._take = redis.register_script((folder / "lease_take.lua").read_text())
        self._progress = redis.register_script((folder / "lease_progress.lua").read_text())
        self._drop_ends = redis.register_script((folder / "ends_drop.lua").read_text())
        self._release = redis.register_script((folder / "lease_release.lua").read_text())
        self.fence = 0

    async def take(self, highest: int) -> bool:
        """Take it, or renew it; `highest` is the highest fence in our files."""
        args: _Args = [self._holder, self._length, highest]
        self.fence = int(await _bounded(self._take(keys=[self._keys.archive], args=args)))
        return self.fence > 0

    async def progress(
        self, position: StreamId | None, *, trim: StreamId | None, new: int = 0, problem: str = ""
    ) -> bool:
        """Say how far the files are (None: as before); False where it is somebody else's lease."""
        args: _Args = [self._holder, self.fence, self._length, str(position or ""),
                str(trim) if trim else "", new, problem]  # fmt: skip
        keys = [self._keys.archive, self._keys.calls]
        return bool(await _bounded(self._progress(keys=keys, args=args)))

    async def drop_ends(self, entries: Sequence[bytes], newest: int) -> bool:
        """Take these out of the stream of ends; False where it is somebody else's lease."""
        args: _Args = [self._holder, self.fence, newest, *entries]
        keys = [self._keys.archive, self._keys.ended]
        return bool(await _bounded(self._drop_ends(keys=keys, args=args)))

    async def release(self) -> None:
        """Give it back, if it is ours."""
        if self.fence:
            args: _Args = [self._holder, self.fence]
            await _bounded(self._release(keys=[self._keys.archive], args=args))
            self.fence = 0


async def read_status(redis: Redis, keys: Keys) -> ArchiveStatus:
    """What the hash says; what somebody wrote there by hand is as good as nothing."""
    reply = await _bounded(cast("Awaitable[Any]", redis.hgetall(keys.archive)))
    found = {name.decode(errors="replace"): value.decode(errors="replace")
             for name, value in reply.items()}  # fmt: skip
    try:
        position = found.get("position")
        return ArchiveStatus(
            holder=found.get("holder", ""),
            position=StreamId.parse(position) if position else None,
            at=int(found.get("at", 0)) / 1000,
            until=int(found.get("until", 0)) / 1000,
            records=int(found.get("records", 0)),
            problem=found.get("problem", ""),
            ended=int(found.get("ended", 0)) / 1000,
        )
    except ValueError:
        return ArchiveStatus()


async def _bounded(command: Awaitable[Any]) -> Any:
    async with asyncio.timeout(COMMAND_SECONDS):
        return await command
