"""Puts a call's record aside for a moment, so that the call goes on first; keeps nothing itself.

When the door has its answer, Asterisk is about to send the call on, on the same processors. A
record takes a tenth of a millisecond to write: done at once it would delay the call by as much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ringfence.screening import Screened

log = structlog.get_logger(__name__)

PAUSE = 0.01
"""Seconds. What a SIGKILL of this process can cost: the records of its last hundredth."""
AT_MOST = 256
"""Records aside at once; beyond it they are written at once, as then nothing is quiet anyway."""


class Aside:
    """`record(screened, outcome)` for the doors; passes on to `put` a moment later, in order."""

    def __init__(self, put: Callable[[Screened, str], None]) -> None:
        self._put = put
        self._waiting: list[tuple[Screened, str]] = []
        self._timer: asyncio.TimerHandle | None = None

    def record(self, screened: Screened, outcome: str) -> None:
        """Take one call's record."""
        self._waiting.append((screened, outcome))
        if len(self._waiting) >= AT_MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self.flush)

    def flush(self) -> None:
        """Pass on all that was put aside."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        for screened, outcome in waiting:
            try:
                self._put(screened, outcome)
            except Exception:
                # one record that cannot be kept is not to cost those behind it
                log.exception("a call's record was not kept", id=screened.id)
