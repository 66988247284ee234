"""One worker at a time does a thing, and the others wait for it a while; by a lock file.

Knows nothing of what is done. The lock is the kernel's: it goes with the process that held it,
however that ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

STEP_SECONDS = 0.05
"""Between two tries: a lock of this kind cannot be awaited."""


@contextlib.asynccontextmanager
async def alone(path: Path, seconds: float) -> AsyncIterator[bool]:
    """True inside the `with` where no other worker is at it; False where one still is after
    `seconds`, or where there is nowhere to write a lock."""
    handle = await _lock_within(path, seconds)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            _give_back(path, handle)


async def _lock_within(path: Path, seconds: float) -> int | None:
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(seconds):
            # Not in a thread: one that takes the lock when nobody waits for it any more would
            # never give it back.
            while (handle := _lock(path)) is None:  # noqa: ASYNC110 - the kernel sets no event
                await asyncio.sleep(STEP_SECONDS)
            return handle
    return None


def _lock(path: Path) -> int | None:
    """The file, locked; None where another has it. OSError where it cannot be made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who had it before may have removed it in between: then this is a lock on nothing.
        if path.stat().st_ino == os.fstat(handle).st_ino:
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _give_back(path: Path, handle: int) -> None:
    # Closed last: nobody else can lock the file while it still has its name.
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(handle)
