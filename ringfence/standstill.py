"""Says in the log when this process stood still, and whether by its own work; mends nothing.

While a loop stands still every call in it waits, and beyond the dialplan's deadline goes on without
a verdict. Who reads that in Asterisk's log finds the reason here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NoReturn

import structlog

log = structlog.get_logger(__name__)

EVERY = 0.05
TELL = 0.1
"""Seconds. Less is nothing that a call would notice: its deadline is 0.25 s."""
QUIET = 10.0


async def watch(
    *,
    timer: Callable[[], float] = time.monotonic,
    processor: Callable[[], float] = time.process_time,
    tell: float = TELL,
    quiet: float = QUIET,
) -> NoReturn:
    """Look every 50 ms, for ever. The log gets a line, and for ten seconds no other.

    `own_ms` is the processor time that the process used meanwhile: with little of it, it was
    stopped, or the machine too busy to let it run.
    """
    told_at, untold = float("-inf"), 0
    while True:
        began, used = timer(), processor()
        await asyncio.sleep(EVERY)
        still = timer() - began - EVERY
        if still < tell:
            continue
        if timer() - told_at < quiet:
            untold += 1
            continue
        own = processor() - used
        log.warning("stood still: calls waited", ms=round(still * 1000), own_ms=round(own * 1000),
                    **({"more_since_the_last": untold} if untold else {}))  # fmt: skip
        told_at, untold = timer(), 0
