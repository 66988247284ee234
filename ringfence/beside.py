"""What is done beside the calls, in a process of its own: archive, notices, disputes, feeds.

No call ever waits for any of it, and all of it would be felt by calls if it ran where they are
screened: an interpreter does one thing at a time. So the first worker keeps a second process for
it, of lower priority. Several of them do each thing once: what they write says what it was decided
on, or needs a lease.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from ringfence.archive import Archiver
from ringfence.config import Settings
from ringfence.feeds.scheduling import Command, Scheduler
from ringfence.keeping import for_ever
from ringfence.providers.enforcement import Enforcer
from ringfence.providers.hang_up import calls_in_progress
from ringfence.redress.reminders import Reminders
from ringfence.store.connection import connect_redis
from ringfence.store.ending import end
from ringfence.store.keys import Keys

NICE = 10


async def run_beside(settings: Settings, refresh: Command) -> None:
    """Do all of it until SIGTERM. `settings.redis.url` says where the store is; `refresh` is the
    command that refreshes a feed."""
    os.nice(NICE)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    redis = connect_redis(settings.redis.url)
    keys = Keys(settings.redis.prefix)
    archive = settings.state.path / "archive"
    hang_up = calls_in_progress(redis, keys, archive, settings.ami)
    parts: dict[str, Callable[[], Awaitable[None]]] = {
        "archive": Archiver(redis, keys, archive, keep_days=settings.calllog.keep).run,
        "notices": Enforcer(redis, keys, hang_up=hang_up).run,
        "disputes": Reminders(redis, keys).run,
        "feeds": Scheduler(redis, keys, refresh).run,
    }
    tasks = [asyncio.create_task(for_ever(name, work)) for name, work in parts.items()]
    try:
        await stopping.wait()
    finally:
        await end(tasks)
        await redis.aclose()
