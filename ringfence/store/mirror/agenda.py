"""What is to be read again and when, so that a storm of changes costs a few reads a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum

SETTLE = 0.02
"""A by-hand change rarely comes alone: this long is waited for the others."""
BETWEEN = 0.25
"""The same thing is read at most this often."""


class Why(IntEnum):
    """Why something is read again; the higher one counts."""

    CHECK = 0
    TOUCHED = 1
    SURELY = 2


class Agenda:
    """Names with the time at which each is due; time is the loop's."""

    def __init__(self, now: Callable[[], float], between: float = BETWEEN) -> None:
        self._now = now
        self._between = between
        self._due: dict[str, tuple[float, Why]] = {}
        self._read: dict[str, float] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def mark(self, name: str, why: Why, wait: float = SETTLE) -> None:
        """Have `name` read after `wait` seconds, or sooner where that was said before."""
        now = self._now()
        at = max(now + wait, self._read.get(name, 0.0) + self._between)
        if known := self._due.get(name):
            at, why = min(at, known[0]), max(why, known[1])
        self._due[name] = (at, why)
        self._changed.set()

    async def next(self) -> tuple[str, Why]:
        """Wait until something is due and take it."""
        while True:
            self._changed.clear()
            if self._due:
                name, (at, why) = min(self._due.items(), key=lambda item: item[1][0])
                if (wait := at - self._now()) <= 0:
                    del self._due[name]
                    self._read[name] = self._now()
                    return name, why
            else:
                wait = None
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def forget(self, name: str) -> None:
        """`name` is gone for good."""
        self._read.pop(name, None)
