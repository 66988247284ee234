"""Turns for fetches: so many at once, so many of one site, so many a second, no endless queue.

Knows nothing of what is fetched. Strangers choose where we fetch from: one who owns a slow server
may use up the turns of his site, and never all of them; one who owns fast ones makes us work, as
each fetch costs a handshake and a chain to check, and no more of that than the pace allows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

AT_ONCE = 16
OF_ONE_SITE = 4
QUEUE = 256
QUEUE_OF_ONE_SITE = 64
PACE = 20.0
"""Fetches a second for strangers, in the long run: 200 held the loop for 20 ms at a time."""
BURST = 64
"""That many may go without a pause after a quiet while: a start without anything on disk."""


class LaneFull(Exception):  # noqa: N818 - what it is
    """Too many wait already: this one is not worth waiting for; ask again with the next call."""


class _Site:
    """How many of one site wait or go on."""

    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self.inside = 0


class Lane:
    """Hands out turns. One for strangers' certificates and one for those that are known."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        of_one_site: int = OF_ONE_SITE,
        queue: int = QUEUE,
        queue_of_one_site: int = QUEUE_OF_ONE_SITE,
        *,
        pace: float = 0.0,
        burst: int = BURST,
    ) -> None:
        """A `pace` of 0 is none."""
        self._turns = asyncio.Semaphore(at_once)
        self._of_one_site = of_one_site
        self._most = at_once + queue
        self._most_of_one_site = of_one_site + queue_of_one_site
        self._inside = 0
        self._sites: dict[str, _Site] = {}
        self._pause = 1 / pace if pace else 0.0
        self._ahead = burst * self._pause
        self._next = 0.0

    @contextlib.asynccontextmanager
    async def turn(self, site: str) -> AsyncIterator[None]:
        """Wait for a turn and have it inside the `with`. `LaneFull` at once where too many wait."""
        its = self._sites.get(site) or _Site(self._of_one_site)
        if self._inside >= self._most or its.inside >= self._most_of_one_site:
            raise LaneFull
        self._sites[site] = its
        its.inside += 1
        self._inside += 1
        try:
            # The site's first: who waits for his own kind holds up nobody else.
            async with its.turns, self._turns:
                await self._in_pace()
                yield
        finally:
            self._inside -= 1
            its.inside -= 1
            if not its.inside:
                del self._sites[site]

    async def _in_pace(self) -> None:
        if not self._pause:
            return
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now - self._ahead) + self._pause
        if self._next > now:
            await asyncio.sleep(self._next - now)
