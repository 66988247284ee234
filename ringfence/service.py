"""One Ringfence process from start to end: builds every part once, runs them, ends them in order.

Knows the parts, not the doors: those come in as a function that makes them, so that the core
imports none. Calls come first in everything here: the doors open from the last snapshot before
Redis has answered, and nothing that fails behind them takes them down.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from ringfence import pauses, standstill
from ringfence.attesting import Attester
from ringfence.calllog import CallLog
from ringfence.calllog.aside import Aside
from ringfence.calllog.folders import SpoolFailed
from ringfence.certificates import open_certificates
from ringfence.challenge import Remember
from ringfence.config import Settings, SettingsRefused
from ringfence.keeping import for_ever, keep
from ringfence.rules.respond import PASSED_LIST
from ringfence.screening import Screened, Screener
from ringfence.store.connection import connect_redis
from ringfence.store.counting.catching import Catcher
from ringfence.store.counting.counters import RedisCounters
from ringfence.store.counting.hits import HitCounter
from ringfence.store.embedded import EmbeddedValkey, ValkeyFailed
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.mirror.snapshot import SnapshotFile

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 2.0
FLUSH_SECONDS = 3.0
SNAPSHOT_SECONDS = 5.0
VALKEY_RETRY_SECONDS = 5.0


class StartFailed(RuntimeError):  # noqa: N818 - what happened, in the past
    """A start that cannot go on; one line says why and what to do."""


class Door(Protocol):
    """A way for calls to come in. `str()` of it says which and where."""

    async def open(self) -> None:
        """Take calls from now on. `StartFailed` where that cannot be."""

    async def drain(self, deadline: float) -> None:
        """Take no more calls, and give those inside `deadline` seconds to end."""


Record = Callable[[Screened, str], None]
MakeDoors = Callable[[Screener, Record, Remember], Sequence[Door]]


class Service:
    """`worker` is 0 for the only process, else 1, 2, … under a supervisor. `beside` is the command
    for what is done beside the calls; an empty one: it is not done here."""

    def __init__(
        self,
        settings: Settings,
        make_doors: MakeDoors,
        *,
        worker: int = 0,
        beside: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self._worker = worker
        state = prepare_state_dir(settings)
        self._valkey = embedded_valkey(settings, state)
        url = settings.redis.url or (self._valkey.url if self._valkey else "")
        try:
            keys = Keys(settings.redis.prefix)
            # One client each: the mirror's reads never wait behind the call log's writes, and
            # what calls wait for, or the next call, behind neither.
            self._mirror_redis = connect_redis(url)
            self._calllog_redis = connect_redis(url)
            self._calls_redis = connect_redis(url)
        except ValueError as error:
            raise SettingsRefused(str(error)) from None
        name = f"worker-{max(worker, 1)}"
        self._mirror = Mirror(self._mirror_redis, keys, SnapshotFile(state, log))
        try:
            self._calllog = CallLog(
                self._calllog_redis,
                keys,
                state / "spool",
                name,
                stream_limit=settings.calllog.maxlen,
                spool_limit=settings.calllog.spool_bytes,
                mask_callers=settings.calllog.mask_callers,
            )
        except SpoolFailed as error:
            raise StartFailed(str(error)) from None
        self._counters = RedisCounters(self._calls_redis, keys)
        self._catcher = Catcher(self._calls_redis, keys)
        self._certificates = open_certificates(settings.attestation, state)
        self._screener = Screener(
            self._mirror.world,
            counters=self._counters,
            attester=Attester(self._certificates.store, settings.attestation.wait),
            fail=settings.screening.fail,
            monitor=settings.screening.monitor,
            thresholds=settings.score.thresholds,
        )
        self._hits = HitCounter(self._calllog_redis, keys)
        self._beside = tuple(beside)
        # what this process does not run itself is told where the store is
        self._environ = os.environ | ({} if settings.redis.url else {"RINGFENCE_REDIS_URL": url})
        self._aside = Aside(self._keep)
        self._doors = make_doors(self._screener, self._aside.record, self._remember)
        self._opened: list[Door] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._redis_begun = asyncio.Event()

    async def run(self) -> None:
        """From start-up to shutdown; returns when everything has ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        try:
            await self._start()
            await self._stopping.wait()
            log.info("stopping")
            notify("STOPPING=1")
        finally:
            await self._stop()

    async def _start(self) -> None:
        if self._valkey:
            self._tasks.append(asyncio.create_task(self._start_valkey(self._valkey)))
        else:
            self._redis_begun.set()
        pauses.keep_short()
        await self._mirror.restore()
        pauses.set_aside()
        self._tasks += [
            asyncio.create_task(self._run_behind("mirror", self._mirror.run)),
            asyncio.create_task(self._run_behind("call log", self._calllog.run)),
            asyncio.create_task(self._run_behind("hits", self._hits.run)),
            asyncio.create_task(self._run_behind("counters", self._counters.run)),
            asyncio.create_task(self._run_behind("automatic lists", self._catcher.run)),
            asyncio.create_task(self._run_behind("certificates", self._certificates.upkeep.run)),
            asyncio.create_task(self._set_aside()),
            asyncio.create_task(standstill.watch()),
        ]
        if self._beside:
            self._keeping = asyncio.create_task(self._run_behind("beside", self._keep_beside))
            self._tasks.append(self._keeping)
        for door in self._doors:
            await door.open()
            self._opened.append(door)
        log.info("ready", doors=[str(door) for door in self._doors], pid=os.getpid())
        notify("READY=1")

    async def _stop(self) -> None:
        if self._keeping:
            self._keeping.cancel()  # it ends meanwhile, and is not started again
        # Doors first, so that nothing comes in; then what the calls left behind; Redis last.
        await asyncio.gather(
            *(_bounded(str(door), door.drain(DRAIN_SECONDS), DRAIN_SECONDS + 1)
              for door in self._opened)
        )  # fmt: skip
        self._aside.flush()
        await asyncio.gather(
            _bounded("call log", self._calllog.close(FLUSH_SECONDS), FLUSH_SECONDS + 1),
            _bounded("hits", self._hits.close(FLUSH_SECONDS), FLUSH_SECONDS + 1),
            _bounded("automatic lists", self._catcher.close(FLUSH_SECONDS), FLUSH_SECONDS + 1),
            _bounded("certificates", self._certificates.store.close(), FLUSH_SECONDS),
        )
        for task in self._tasks:
            task.cancel()
        # The mirror saves its snapshot as it ends.
        ended = asyncio.gather(*self._tasks, return_exceptions=True)
        await _bounded("snapshot", ended, SNAPSHOT_SECONDS)
        clients = (self._mirror_redis, self._calllog_redis, self._calls_redis)
        await asyncio.gather(*(_bounded("Redis", each.aclose(), 1.0) for each in clients))
        if self._valkey:
            await self._valkey.stop()
        log.info("stopped")

    def _keep(self, screened: Screened, outcome: str) -> None:
        """What is left of a call when it has gone on."""
        self._calllog.put(screened, outcome)
        self._hits.put(screened.verdict, screened.at)
        self._catcher.put(screened, outcome)

    def _remember(self, caller: str, seconds: int) -> None:
        """A caller passed a challenge."""
        self._catcher.remember(caller, PASSED_LIST, seconds, "challenge")

    async def _start_valkey(self, valkey: EmbeddedValkey) -> None:
        while True:
            try:
                await valkey.start()
                return
            except ValkeyFailed as error:
                # Calls are screened by the snapshot meanwhile.
                log.error("no embedded Valkey", reason=str(error))
            finally:
                self._redis_begun.set()
            await asyncio.sleep(VALKEY_RETRY_SECONDS)

    async def _run_behind(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run a part behind the doors for ever; a fault of it never ends the service."""
        # Not before the embedded server had its chance: each start would log that Redis is away.
        await self._redis_begun.wait()
        await for_ever(name, work)

    async def _keep_beside(self) -> None:
        await keep(self._beside, self._environ)

    async def _set_aside(self) -> None:
        await self._mirror.loaded()
        pauses.set_aside()


def embedded_valkey(settings: Settings, state: Path) -> EmbeddedValkey | None:
    """The server that this process shall run; None where a Redis is configured."""
    try:
        return None if settings.redis.url else EmbeddedValkey(state, log)
    except ValkeyFailed as error:
        raise SettingsRefused(str(error)) from None


def prepare_state_dir(settings: Settings) -> Path:
    """The state directory, made where it is missing; for us alone, as caller numbers lie in it."""
    path = settings.state.path
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsRefused(
            f"state directory {path}: {error.strerror}; set RINGFENCE_STATE_DIR"
        ) from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise SettingsRefused(f"state directory {path}: no access; set RINGFENCE_STATE_DIR")
    return path


def notify(state: str) -> None:
    """Tell systemd, or our supervisor, in the protocol of sd_notify(3); a no-op elsewhere."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sender:
        sender.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)


async def _bounded(name: str, work: Awaitable[object], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        log.warning("did not end in time", part=name, seconds=seconds)
    except Exception:
        log.exception("did not end in order", part=name)
