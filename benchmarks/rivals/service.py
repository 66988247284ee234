"""Owns an HTTP service that knows listed numbers, for `CURL()`; it must not know who asks.

`python -m benchmarks.rivals.service HOST PORT LISTED`: GET /number/+12025550100 is 1 or 0.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web

from benchmarks.ruleset import known_elsewhere


async def serve(host: str, port: int, listed: int) -> None:
    """Answer until the process is stopped; one line on standard output says when it does."""
    blocked = set(known_elsewhere(listed))

    async def look_up(request: web.Request) -> web.Response:
        return web.Response(text="1" if request.match_info["number"] in blocked else "0")

    application = web.Application()
    application.router.add_get("/number/{number}", look_up)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=1024).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
