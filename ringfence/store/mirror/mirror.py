"""The process's copy of rules, lists, trunks and callees: always there, and kept current.

Owns when to connect, what is said about it, and when the copy goes to disk. A call reads
`world()` and waits for nothing here.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import NoReturn

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.typing import FilteringBoundLogger

from ringfence.store.connection import address_of, explain_failure
from ringfence.store.ending import end
from ringfence.store.keys import Keys
from ringfence.store.mirror import snapshot as snapshots
from ringfence.store.mirror.holdings import HASHES, RULES, Holdings
from ringfence.store.mirror.loading import NotReady
from ringfence.store.mirror.session import Session
from ringfence.store.mirror.snapshot import SnapshotFile
from ringfence.world import World

BACKOFF_FIRST, BACKOFF_MOST = 0.1, 2.0
OPEN_SECONDS = 5.0
SAVE_AFTER = 2.0
SAVE_SHARE = 50
"""A save waits this many times as long as the last one took to collect: 2 % of the time."""


class MirrorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the mirror stands, for `doctor` and health checks. Times in Unix seconds, 0: never.

    `loaded` is true once everything was read from Redis, `restored` where a snapshot served.
    """

    connected: bool
    loaded: bool
    restored: bool
    since: float
    last_sync: float
    error: str
    note: str
    tracking: bool
    lag: float
    rules: int
    trunks: int
    callees: int
    providers: int
    lists: dict[str, int]
    refused: dict[str, str]


class Mirror:
    """Build it, `restore` what is on disk, and let `run` go on beside the doors."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        snapshot: SnapshotFile | None = None,
        clock: Callable[[], float] = time.time,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._snapshot = snapshot
        self._clock = clock
        self._log: FilteringBoundLogger = log or structlog.get_logger()
        self._held = Holdings(self._log)
        self._session: Session | None = None
        self._loaded = asyncio.Event()
        self._restored = False
        self._saved = -1
        self._save_lock = asyncio.Lock()
        self._since = 0.0
        self._last_sync = 0.0
        self._error = "not connected yet"

    def world(self) -> World:
        """The last known good rules, lists, trunks and callees. Never waits."""
        return self._held.world

    async def loaded(self) -> None:
        """Return once everything has been read from Redis."""
        await self._loaded.wait()

    async def restore(self) -> bool:
        """Put the snapshot on disk in force; call it before `run`. False where there is none."""
        found = (
            await asyncio.to_thread(self._snapshot.load, self._keys.prefix)
            if self._snapshot
            else None
        )
        if found is None:
            return False
        try:
            await snapshots.restore(self._held, found)
        except ValueError as error:
            self._log.warning("the snapshot is ignored", reason=str(error))
            return False
        self._restored, self._saved, self._last_sync = True, self._held.version, found.state.at
        self._log.info(
            "the snapshot is in force", rules=len(found.state.rules), lists=len(found.lists)
        )
        return True

    def status(self) -> MirrorStatus:
        """How it stands now."""
        session, held = self._session, self._held
        return MirrorStatus(
            connected=session is not None,
            loaded=self._loaded.is_set(),
            restored=self._restored,
            since=self._since,
            last_sync=self._clock() if session and self._loaded.is_set() else self._last_sync,
            error=self._error,
            note=session.note if session else "",
            tracking=bool(session and session.tracking),
            lag=session.lag if session else 0.0,
            **{name: len(held.shelves[name].good) for name in HASHES},
            lists={name: len(each.numbers) for name, each in held.lists.items()},
            refused=held.refusals(),
        )

    async def run(self) -> NoReturn:
        """Stay current for ever; saves the snapshot when cancelled."""
        tasks = [
            asyncio.create_task(self._spells(), name="mirror"),
            asyncio.create_task(self._save_now_and_then(), name="snapshot"),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            await end(tasks)
            await self._save()
        raise AssertionError("the mirror's tasks go on for ever")

    async def _spells(self) -> None:
        backoff = BACKOFF_FIRST
        while True:
            begun = time.monotonic()
            await self._spell()
            backoff = BACKOFF_FIRST if time.monotonic() - begun > 10 else backoff
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, BACKOFF_MOST)

    async def _spell(self) -> None:
        session = Session(self._redis, self._keys, self._held, self._clock, self._log)
        watch = asyncio.create_task(self._watch(session))
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await session.open()
            self._session, self._since, self._error = session, self._clock(), ""
            self._log.info("connected to Redis", at=address_of(self._redis))
            await session.run()
        except NotReady as error:
            self._away(f"Redis at {address_of(self._redis)} is {error}")
        except (RedisError, OSError, TimeoutError) as error:
            self._away(explain_failure(error, address_of(self._redis)))
        except Exception as error:  # whatever it is, the mirror goes on with what it has
            self._log.exception("the mirror starts anew")
            self._away(f"{type(error).__name__}: {error}")
        finally:
            if self._session:
                self._session, self._since = None, self._clock()
                if self._loaded.is_set():
                    self._last_sync = self._clock()
            watch.cancel()
            # A connection that fails once more while it is closed changes nothing.
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await session.close()
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                # Those of the pool may be half dead: the next spell begins with new ones.
                await self._redis.connection_pool.disconnect(inuse_connections=False)

    async def _watch(self, session: Session) -> None:
        await session.complete.wait()
        self._loaded.set()
        self._log.info("in step with Redis", rules=len(self._held.shelves[RULES].good))

    def _away(self, error: str) -> None:
        if error != self._error:
            self._log.error("Redis is away: the last known rules stay in force", reason=error)
        self._error = error

    async def _save_now_and_then(self) -> None:
        pause = SAVE_AFTER
        while True:
            await asyncio.sleep(pause)
            pause = max(SAVE_AFTER, SAVE_SHARE * await self._save())

    async def _save(self) -> float:
        """Save what changed; returns how long it took to collect that."""
        # Nothing is worth keeping that was not read from Redis as a whole.
        if not self._snapshot or not self._loaded.is_set():
            return 0.0
        async with self._save_lock:
            version = self._held.version
            if version == self._saved:
                return 0.0
            begun = time.perf_counter()
            collected = await snapshots.collect(self._held, self._keys.prefix, self._clock())
            took = time.perf_counter() - begun
            try:
                await asyncio.to_thread(self._snapshot.save, collected)
                self._saved = version
            except OSError as error:
                self._log.error("no snapshot is saved", reason=str(error))
            return took
