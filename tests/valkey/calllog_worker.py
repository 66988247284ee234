"""A worker that only logs calls, until it is killed: run by test_calllog as a process.

Start: ``python calllog_worker.py REDIS_URL SPOOL_DIR WORKER COUNT``; it prints each call's id once
`put` has returned.
"""

import asyncio
import os
import sys
from pathlib import Path

import structlog

from ringfence.calllog import CallLog
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from tests.valkey.calllog_parts import call


async def main(url: str, spool_dir: str, worker: str, count: int) -> None:
    calllog = CallLog(connect_redis(url), Keys("t:"), Path(spool_dir), worker)
    running = asyncio.create_task(calllog.run())
    for n in range(count):
        calllog.put(call(n, prefix=worker), "applied")
        os.write(1, b"%d\n" % n)
        if n % 20 == 0:
            await asyncio.sleep(0.001)
    await running


if __name__ == "__main__":
    # standard output is the test's
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
