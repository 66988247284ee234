"""Counts call records that could not be kept and says so, at most once a minute; keeps none."""

from __future__ import annotations

import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

SECONDS_BETWEEN = 60.0
"""At 500 calls a second a full disk must not fill what is left of it with log lines."""


class LossLog:
    """The first loss is told at once, later ones as a sum."""

    def __init__(
        self, log: FilteringBoundLogger, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._timer = timer
        self._told_at = self._failing_told_at = float("-inf")
        self._untold: dict[str, int] = {}
        self.total = 0

    def count(self, why: str, records: int = 1) -> None:
        """`records` more are lost, for the reason `why` (which says what to do)."""
        self.total += records
        self._untold[why] = self._untold.get(why, 0) + records
        self.tell()

    def failing(self, error: OSError) -> None:
        """The disk takes no records; nothing is lost yet."""
        if self._timer() - self._failing_told_at >= SECONDS_BETWEEN:
            self._failing_told_at = self._timer()
            self._log.error(
                "the spool cannot be written, call records wait in memory: make room on the disk",
                error=error.strerror or str(error),
            )

    def tell(self, *, now: bool = False) -> None:
        """Log what is not told yet, if a minute has passed since the last time (or `now`)."""
        if not self._untold or (not now and self._timer() - self._told_at < SECONDS_BETWEEN):
            return
        self._told_at = self._timer()
        for why, records in self._untold.items():
            self._log.error("call records lost", why=why, records=records, total=self.total)
        self._untold.clear()
