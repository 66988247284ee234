"""What is done beside the calls, in a process of its own: archive, ends of calls, notices,
disputes, feeds.

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

from ringfence.archive import Archiver, archive_of
from ringfence.config import Settings
from ringfence.endings.handing_over import HandingOver
from ringfence.endings.listening import listener
from ringfence.feeds.scheduling import Command, Scheduler
from ringfence.keeping import beat, for_ever
from ringfence.providers.enforcement import Enforcer
from ringfence.providers.hang_up import calls_in_progress
from ringfence.redress.reminders import Reminders
from ringfence.store.connection import connect_redis
from ringfence.store.ending import end
from ringfence.store.keys import Keys

NICE = 10


async def run_beside(settings: Settings, refresh: Command, beats: int) -> None:
    """Do all of it until SIGTERM. `settings.redis.url` says where the store is; `refresh` is the
    command that refreshes a feed; `beats` is the pipe on which who keeps us hears that we go on."""
    os.nice(NICE)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    redis = connect_redis(settings.redis.url)
    keys = Keys(settings.redis.prefix)
    archive = archive_of(settings)
    hang_up = calls_in_progress(redis, keys, archive, settings.ami)
    parts: dict[str, Callable[[], Awaitable[None]]] = {
        "archive": Archiver(redis, keys, archive, keep_days=settings.calllog.keep).run,
        "notices": Enforcer(redis, keys, hang_up=hang_up).run,
        "disputes": Reminders(redis, keys).run,
        "feeds": Scheduler(redis, keys, refresh).run,
    }
    if settings.ami.host:
        over = HandingOver(redis, keys)
        parts |= {"ends": listener(settings.ami, over).run, "ends, to Redis": over.run}
    tasks = [asyncio.create_task(for_ever(name, work)) for name, work in parts.items()]
    tasks.append(asyncio.create_task(beat(beats)))
    try:
        await stopping.wait()
    finally:
        await end(tasks)
        await redis.aclose()
