"""Several worker processes under one parent: starts, watches, restarts and ends them.

Owns the embedded Valkey for all of them where no Redis is configured. Knows processes, not calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import structlog

from ringfence.config import Settings
from ringfence.service import (
    VALKEY_RETRY_SECONDS,
    embedded_valkey,
    notify,
    prepare_state_dir,
)
from ringfence.store.embedded import ValkeyFailed

log = structlog.get_logger(__name__)

STOP_SECONDS = 15.0
"""More than a worker's own deadlines together, so that only a hung one is killed."""
BACKOFF_FIRST, BACKOFF_MOST = 0.1, 10.0
STEADY_SECONDS = 10.0
VALKEY_HEAD_START = 1.0
WRONG_USE = 2
_PR_SET_PDEATHSIG = 1


class Supervisor:
    """`command` makes the command line of worker 1, 2, …"""

    def __init__(
        self, settings: Settings, workers: int, command: Callable[[int], Sequence[str]]
    ) -> None:
        state = prepare_state_dir(settings)
        self._valkey = embedded_valkey(settings, state)
        self._workers = workers
        self._command = command
        self._environ = dict(os.environ)
        if self._valkey:
            self._environ["RINGFENCE_REDIS_URL"] = self._valkey.url
        self._stopping = asyncio.Event()
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._ready = 0
        self._exit_code = 0

    async def run(self) -> int:
        """From start to end; the exit code is a worker's where none of them can start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        with self._listen_for_ready():
            starting = asyncio.create_task(self._start_valkey())
            # It is there at once or it is late; calls wait for neither.
            await asyncio.wait([starting], timeout=VALKEY_HEAD_START)
            tasks = [asyncio.create_task(self._keep(n)) for n in range(1, self._workers + 1)]
            await self._stopping.wait()
            notify("STOPPING=1")
            for process in self._running.values():
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
            for process in self._running.values():
                log.error("a worker hangs and is killed", pid=process.pid)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await asyncio.gather(*tasks)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            if self._valkey:
                await self._valkey.stop()
        return self._exit_code

    async def _keep(self, worker: int) -> None:
        backoff = BACKOFF_FIRST
        while not self._stopping.is_set():
            born = time.monotonic()
            code = await self._run_once(worker)
            if self._stopping.is_set():
                return
            if code == WRONG_USE and not self._ready:
                # It has said why; starting it again would only say it again. Once workers take
                # calls it is no reason to end them: settings were edited under a running service.
                self._exit_code = code
                self._stopping.set()
                return
            lived = time.monotonic() - born
            backoff = BACKOFF_FIRST if lived > STEADY_SECONDS else min(backoff * 2, BACKOFF_MOST)
            log.error("a worker ended and is started again", worker=worker, code=code)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff):
                    await self._stopping.wait()

    async def _run_once(self, worker: int) -> int | None:
        """One life of a worker; its exit code, None where it could not be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(worker), env=self._environ, stdin=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            # Out of memory or of processes, for now: the next try is a moment away.
            log.error("a worker cannot be started", worker=worker, reason=str(error))
            return None
        self._running[worker] = process
        if self._stopping.is_set():
            # It was not there yet when the others were told.
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            return await process.wait()
        finally:
            del self._running[worker]

    async def _start_valkey(self) -> None:
        while self._valkey:
            try:
                await self._valkey.start()
                return
            except ValkeyFailed as error:
                log.error("no embedded Valkey", reason=str(error))
                await asyncio.sleep(VALKEY_RETRY_SECONDS)

    @contextlib.contextmanager
    def _listen_for_ready(self) -> Iterator[None]:
        # Workers tell us as a service tells systemd; systemd hears of it once, from us.
        # Containers that share the host's network share these names, and number 1 too.
        address = f"@ringfence-{os.getpid()}-{secrets.token_hex(4)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as receiver:
            receiver.bind("\0" + address[1:])
            loop = asyncio.get_running_loop()
            loop.add_reader(receiver, self._heard, receiver)
            self._environ["NOTIFY_SOCKET"] = address
            try:
                yield
            finally:
                loop.remove_reader(receiver)

    def _heard(self, receiver: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while said := receiver.recv(1_024):
                if said == b"READY=1":
                    self._ready += 1
                    if self._ready == self._workers:
                        log.info("all workers ready", workers=self._workers)
                        notify("READY=1")


def end_with_parent(parent: int) -> None:
    """Let this worker get SIGTERM when its parent dies, however it dies (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # a parent that died before that call would never be noticed
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")
