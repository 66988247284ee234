"""Keeps things going for as long as the service lasts: a part of it, a look again and again, or a
process of its own. Knows nothing of what they do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ringfence.store.connection import address_of, explain_failure
from ringfence.store.ending import end_process

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
MOST_RETRY_SECONDS = 10.0
STEADY_SECONDS = 10.0
END_SECONDS = 2.0
BEAT_SECONDS = 2.0
QUIET_SECONDS = 30.0
"""So long without a beat, and a process hangs: many times of what a loaded machine costs it."""
QUIET_PARTS = 10


class Every(NamedTuple):
    """How long is waited between looks, and how long where Redis is away; `pause` waits."""

    seconds: float
    away_seconds: float
    pause: Callable[[float], Awaitable[None]]


async def for_ever(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run a part again and again: a fault of it ends nothing else."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("failed and is started again", part=name)
        await asyncio.sleep(RETRY_SECONDS)


async def look_for_ever(
    look: Callable[[], Awaitable[None]],
    redis: Redis,
    every: Every,
    away: Callable[[str], None],
) -> None:
    """Look again and again. Redis may be away: then `away` hears why, once for each reason."""
    told = ""
    while True:
        wait = every.seconds
        try:
            await look()
            told = ""
        except (RedisError, OSError, TimeoutError) as error:
            said, wait = explain_failure(error, address_of(redis)), every.away_seconds
            if said != told:
                away(said)
            told = said
        await every.pause(wait)


async def keep(command: Sequence[str], environ: Mapping[str, str]) -> None:
    """Have a process, for ever; one that ends again and again is started less and less often."""
    wait = RETRY_SECONDS
    while True:
        born = time.monotonic()
        await kept(command, environ)
        lived = time.monotonic() - born
        wait = RETRY_SECONDS if lived > STEADY_SECONDS else min(2 * wait, MOST_RETRY_SECONDS)
        await asyncio.sleep(wait)


async def kept(
    command: Sequence[str], environ: Mapping[str, str], *, quiet: float = QUIET_SECONDS
) -> None:
    """Start the process, and return when it has ended; cancelled, end it first.

    It is to `beat` on its standard output. One that is silent for so long hangs, and is killed: a
    process that is there and does nothing would let a deadline pass.
    """
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout and await falls_silent(process.stdout, quiet):
            log.error("what is done beside the calls hangs and is killed", pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        code = await process.wait()
        # One that was told to end is none: who stops us may have told both of us at once.
        tell = log.error if code else log.info
        tell("what is done beside the calls ended and is started again", code=code)
    finally:
        if process.returncode is None:
            await end_process(process, END_SECONDS)


async def falls_silent(stream: asyncio.StreamReader, seconds: float) -> bool:
    """Wait until there was nothing on a stream for so long; False where it has ended."""
    parts = 0
    while parts < QUIET_PARTS:
        try:
            # In parts: where it was we that stood still, only the first of them is over.
            async with asyncio.timeout(seconds / QUIET_PARTS):
                if not await stream.read(4_096):
                    return False
            parts = 0
        except TimeoutError:
            parts += 1
    return True


async def beat(pipe: int, seconds: float = BEAT_SECONDS) -> None:
    """Show again and again, to who keeps this process, that its loop goes round."""
    os.set_blocking(pipe, False)
    while True:
        # a pipe that is full, or that nobody reads any more, must not stop us
        with contextlib.suppress(OSError):
            os.write(pipe, b".")
        await asyncio.sleep(seconds)
