"""Ends tasks for certain; knows nothing of what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

AGAIN = 0.05


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until each has ended.

    Once is not enough: where a connection fails in the moment of the cancellation, asyncio's
    and redis-py's time-outs may hand on the failure alone, and the task lives on.
    """
    interrupted = False
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=AGAIN)
        except asyncio.CancelledError:
            # whoever waits for us may be just as insistent; nothing is left behind for that
            interrupted = True
    for task in tasks:
        # asked for here, or asyncio complains later that nobody did
        if not task.cancelled():
            task.exception()
    if interrupted:
        raise asyncio.CancelledError
