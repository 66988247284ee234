"""Tells admins in Redis what was refused and why; decides nothing about it."""

from __future__ import annotations

from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from structlog.typing import FilteringBoundLogger

from ringfence.store.keys import Keys
from ringfence.store.mirror.holdings import Holdings
from ringfence.store.mirror.loading import Loader, WrongType


class Refusals:
    """Keeps the hash of refusals in step with what `held` has refused."""

    def __init__(
        self, redis: Redis, keys: Keys, held: Holdings, loader: Loader, log: FilteringBoundLogger
    ) -> None:
        self._redis: Any = redis
        self._key = keys.rejected
        self._held = held
        self._loader = loader
        self._log = log
        self._written: dict[str, str] = {}
        self._may_write = True

    async def write(self, *, first: bool, whole: bool) -> None:
        """Write what is new. What is refused no more goes where the `whole` is known, and so does
        what earlier runs have left, the `first` time."""
        if not self._may_write:
            return
        try:
            if whole and first:
                async for page in self._loader.hash_pages(self._key):
                    self._written.update({f.id: f.value.decode(errors="replace") for f in page})
            wanted = self._held.refusals()
            news = {f: reason for f, reason in wanted.items() if self._written.get(f) != reason}
            gone = [field for field in self._written if field not in wanted] if whole else []
            if news:
                await self._redis.hset(self._key, mapping=cast("Any", news))
                self._written.update(news)
            if gone:
                await self._redis.hdel(self._key, *gone)
                for field in gone:
                    self._written.pop(field, None)
        except (ResponseError, WrongType) as error:
            self._may_write = False
            self._log.warning("what was refused cannot be written to Redis", reason=str(error))
