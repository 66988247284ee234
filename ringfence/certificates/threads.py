"""A few threads for what blocks or computes for long; knows nothing of what that is.

Of its own: a disk that hangs here holds up neither the snapshot nor the call log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 2


class Threads:
    """Started as they are needed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="certificates")

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives, done where no call waits for it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def leave(self, work: Callable[[], None]) -> None:
        """Have it done; nobody waits for it, and it must not fail."""
        self._pool.submit(work)

    def close(self) -> None:
        """Begin nothing more. What has begun ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
