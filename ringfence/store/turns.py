"""Lets calls in between the pieces of long work; knows nothing of the work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

MOST = 0.001
"""Seconds of work in one piece, about: what a call waits at most behind it."""


class Turns:
    """One long work: `await give()` after each small step of it."""

    def __init__(self, most: float = MOST, timer: Callable[[], float] = time.perf_counter) -> None:
        self._most = most
        self._timer = timer
        self._began = timer()

    async def give(self) -> None:
        """Let everything else run, where the work has gone on for long enough."""
        if self._timer() - self._began >= self._most:
            await asyncio.sleep(0)
            self._began = self._timer()

    async def take(self, steps: Iterable[object]) -> None:
        """Do all steps of a work that is written as a generator."""
        for _ in steps:
            await self.give()
