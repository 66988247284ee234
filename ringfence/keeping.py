"""Keeps things going for as long as the service lasts: a part of it, or a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
END_SECONDS = 2.0


async def for_ever(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run a part again and again: a fault of it ends nothing else."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("failed and is started again", part=name)
        await asyncio.sleep(RETRY_SECONDS)


async def kept(command: Sequence[str], environ: Mapping[str, str]) -> None:
    """Start the process, and return when it has ended; cancelled, end it first."""
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        code = await process.wait()
        log.error("what is done beside the calls ended and is started again", code=code)
    finally:
        if process.returncode is None:
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
