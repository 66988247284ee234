"""A worker that only archives, until it is killed: run by tests as a process.

Start: ``python -m tests.valkey.archive_worker REDIS_URL WHERE``, a folder or a server's URL; it
prints a line for each batch.
"""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import structlog

from ringfence.archive import Archiver
from ringfence.archive.place import DayFolder, Place
from ringfence.archive.postgresql.place import PostgresqlPlace
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys


async def main(url: str, where: str) -> None:
    place: Place = (
        PostgresqlPlace(where) if where.startswith("postgresql:") else DayFolder(Path(where))
    )
    archiver = Archiver(
        connect_redis(url), Keys("t:"), place,
        every=0.01, lease_ms=300, stays=timedelta(0),
    )  # fmt: skip
    running = asyncio.create_task(archiver.run())
    told = 0
    while not running.done():
        if archiver.archived > told:
            told = archiver.archived
            os.write(1, b"%d\n" % told)
        await asyncio.sleep(0.002)
    await running


if __name__ == "__main__":
    # standard output is the test's
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    asyncio.run(main(sys.argv[1], sys.argv[2]))
