"""Says what is wrong with peers without letting them fill the log; knows nothing of AGI."""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

AT_ONCE = 10
SECONDS = 60.0


class Complaints:
    """The first few complaints of each minute one by one, the rest as a number."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = float("-inf")
        self._told = 0
        self._untold = 0

    def tell(self, event: str, **fields: object) -> None:
        """Put a complaint into the log, or count it."""
        now = self._clock()
        if now - self._since >= SECONDS:
            if self._untold:
                log.warning("more AGI peers were refused or silent", peers=self._untold)
            self._since, self._told, self._untold = now, 0, 0
        if self._told < AT_ONCE:
            self._told += 1
            log.warning(event, **fields)
        else:
            self._untold += 1
