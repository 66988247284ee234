"""From an address to what is there: by another worker's copy on disk, else by a fetch.

Knows nothing of what it is: `read` says whether it is of use, and only such a thing is kept. Of
several workers one fetches and the others wait for it; of one worker's fetches each has its turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from ringfence.attestation.failure import Failure
from ringfence.certificates.alone import alone
from ringfence.certificates.disk import DiskCache, Kept
from ringfence.certificates.fetch import Fetcher
from ringfence.certificates.lane import Lane
from ringfence.certificates.location import parse_location
from ringfence.certificates.threads import Threads

log = structlog.get_logger(__name__)

T = TypeVar("T")
Read = Callable[[Kept], Awaitable[T | Failure]]


class Source:
    """Where one kind of thing comes from. `disk`, and what blocks besides, is used in `threads`."""

    def __init__(
        self,
        fetcher: Fetcher,
        disk: DiskCache,
        lane: Lane,
        threads: Threads,
        clock: Callable[[], float],
        *,
        limit: int,
        patience: float,
    ) -> None:
        self._fetcher = fetcher
        self._disk = disk
        self._lane = lane
        self.threads = threads
        self._clock = clock
        self._limit = limit
        self._patience = patience
        self._saves = True

    async def kept(self, address: str) -> Kept | None:
        """What lies on disk."""
        return await self.threads.run(lambda: self._disk.load(address))

    def prove(self, address: str) -> None:
        """What lies on disk is of use."""
        self.threads.leave(lambda: self._disk.prove(address))

    async def obtain(self, address: str, newer_than: float, read: Read[T]) -> T | Failure:
        """What `read` makes of it; fetched later than `newer_than`. `FetchFailed`, `LaneFull` or
        `BadLocation` where nothing comes."""
        location = parse_location(address)
        async with (
            self._lane.turn(location.site),
            alone(self._disk.lock(address), self._patience),
        ):
            kept = await self.kept(address)
            if kept is not None and kept.at > newer_than:
                result = await read(kept)
                if not isinstance(result, Failure):
                    return result
            body = await self._fetcher.fetch(location, self._limit)
            kept = Kept(address, self._clock(), body)
            result = await read(kept)
            if not isinstance(result, Failure):
                await self._save(kept)
            return result

    async def _save(self, kept: Kept) -> None:
        try:
            await self.threads.run(lambda: self._disk.save(kept))
            self._saves = True
        except OSError as error:
            if self._saves:
                log.error("certificates are not kept on disk", reason=str(error))
            self._saves = False
