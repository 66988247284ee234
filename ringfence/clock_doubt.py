"""Whether it is our own clock that is wrong: what stale tokens of several signers have in common.

Tokens are good for a minute, so a clock that is off by more makes every honest call look stale.
Anybody can write stale tokens, so this is a doubt for people to look into, and changes no verdict.
Reads no clock and logs nothing.
"""

from __future__ import annotations

from collections import deque
from statistics import median

IN_A_ROW = 20
"""Stale ones without one between them that was not."""
OUTLIERS = 2
"""At either end: some are stale by their signer's fault, or a forger's."""
SIGNERS = 3
SPREAD_SECONDS = 20.0
"""An honest token is some seconds old when it is looked at, never minutes."""
SILENCE_SECONDS = 3_600.0


class ClockDoubt:
    """The ages of the last stale tokens, in bounded memory."""

    def __init__(self) -> None:
        self._last: deque[tuple[float, str]] = deque(maxlen=IN_A_ROW)
        self._told = float("-inf")

    def fresh(self) -> None:
        """A token was not stale."""
        if self._last:
            self._last.clear()

    def stale(self, age: float, x5u: str, now: float) -> float | None:
        """One was, by its `age` in seconds. The seconds by which our clock seems to be ahead
        (behind, if negative), where that is to be told now: once an hour."""
        self._last.append((age, x5u))
        # a clock that was set back must not keep us silent
        if len(self._last) < IN_A_ROW or abs(now - self._told) < SILENCE_SECONDS:
            return None
        middle = sorted(self._last)[OUTLIERS:-OUTLIERS]
        ages = [each for each, _ in middle]
        if ages[-1] - ages[0] > SPREAD_SECONDS or len({x5u for _, x5u in middle}) < SIGNERS:
            return None
        self._told = now
        return median(ages)
