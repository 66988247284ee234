"""Ends tasks and processes for certain; knows nothing of what they do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Any

AGAIN = 0.05


def end_if_cancelled() -> None:
    """A connection that fails, or answers, in the moment of a cancellation may hide it."""
    if (task := asyncio.current_task()) and task.cancelling():
        raise asyncio.CancelledError


async def end_process(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Ask a process to end, and see to it after so many seconds."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await process.wait()
            return
    with contextlib.suppress(ProcessLookupError):
        process.kill()


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
