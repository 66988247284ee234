"""Owns an ARI application that decides nothing: the floor under every ARI door.

`StasisStart` in, `continue` out by REST over kept connections, a task per event as any
application that does not block its reader. The password comes from the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from urllib.parse import quote

import aiohttp
import msgspec
import uvloop
from yarl import URL

CONNECTIONS = 16


class _Channel(msgspec.Struct, frozen=True):
    id: str = ""


class _Event(msgspec.Struct):
    type: str = ""
    channel: _Channel = _Channel()


async def serve(base: str, username: str, password: str, app: str) -> None:
    """Read events until the process is stopped; one line on standard output says when."""
    decoder = msgspec.json.Decoder(_Event)
    tasks: set[asyncio.Task[None]] = set()
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    headers = {"Authorization": aiohttp.encode_basic_auth(username, password)}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def go_on(channel: str) -> None:
            url = URL(f"{base}/channels/{quote(channel, safe='')}/continue", encoded=True)
            async with session.post(url) as answer:
                await answer.read()

        events = f"{base.replace('http', 'ws', 1)}/events?app={app}&subscribeAll=false"
        async with session.ws_connect(events) as socket:
            print("ready", flush=True)
            async for message in socket:
                event = decoder.decode(message.data)
                if event.type == "StasisStart":
                    task = asyncio.create_task(go_on(event.channel.id))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], os.environ["BENCH_ARI_PASSWORD"], sys.argv[3]))
