"""Refreshes feeds when they are due, in one worker at a time and in a process of its own.

Owns when and by whom; the process does the work, so that neither its memory nor its failures are
those of the worker that screens calls. Whatever goes wrong here is a line in the log, and what the
feed brought before stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from structlog.typing import FilteringBoundLogger

from ringfence.call import clean
from ringfence.feeds.model import Feed, FeedState, decode_feed, decode_state, due_at
from ringfence.feeds.refused import FeedRefused
from ringfence.store.ending import end, end_if_cancelled, end_process
from ringfence.store.feeds import FeedReader, FeedWriter
from ringfence.store.keys import Keys
from ringfence.store.writing.scripting import WriteRefused

LOOK_SECONDS = 15.0
TURN_SECONDS = 60.0
"""So long nobody refreshes where the worker that did was killed."""
RUN_SECONDS = 3_600.0
END_SECONDS = 5.0
MOST_SAID = 65_536
MOST_ALARMS = 100


class Ran(NamedTuple):
    """How the process ended: 0 where all is well, None where it took too long."""

    code: int | None
    said: bytes
    complained: bytes


Command = Callable[[str], Sequence[str]]
"""The command line that refreshes the feed of a name."""


class Scheduler:
    """`run` beside the doors."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        command: Command,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        look_seconds: float = LOOK_SECONDS,
        run_seconds: float = RUN_SECONDS,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._reader = FeedReader(redis, keys)
        self._writer = FeedWriter(redis, keys, "ringfence", clock)
        self._command = command
        self._environ = dict(os.environ if environ is None else environ)
        self._clock = clock
        self._look_seconds = look_seconds
        self._run_seconds = run_seconds
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        self._token = secrets.token_hex(8)
        self._refused: dict[str, str] = {}
        self._trouble = ""

    async def run(self) -> None:
        """Look for what is due, for ever. Redis may be away."""
        while True:
            try:
                await self.look()
                self._trouble = ""
            except (ResponseError, WriteRefused) as error:
                if str(error) != self._trouble:
                    self._log.warning("feeds are not refreshed", why=clean(str(error), 300))
                self._trouble = str(error)
            except (RedisError, OSError, TimeoutError):
                pass  # Redis is away: others have said so
            end_if_cancelled()
            await asyncio.sleep(self._look_seconds)

    async def look(self) -> list[str]:
        """Refresh what is due, if it is this worker's turn; the names of what was."""
        if not (await self._due()):
            return []
        if not await self._writer.take_turn(self._token, TURN_SECONDS):
            return []
        done = []
        try:
            async with self._turn_kept():
                # Asked again: another worker may have been at it a moment ago.
                for name, feed in (await self._due()).items():
                    end_if_cancelled()
                    await self._refresh(name, feed)
                    done.append(name)
        finally:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self._writer.give_turn_back(self._token)
        return done

    async def _due(self) -> dict[str, Feed]:
        now, found = self._clock(), {}
        feeds = await self._reader.feeds()
        states = await self._reader.states() if feeds else {}
        for name, text in feeds.items():
            try:
                feed = decode_feed(name, text)
            except FeedRefused as error:
                if self._refused.get(name) != str(error):
                    self._log.warning("feed not read", feed=name, why=str(error))
                self._refused[name] = str(error)
                continue
            state = decode_state(states.get(name))
            # a clock that was set back must not keep feeds from being refreshed
            if due_at(feed, state) <= now or state.attempted_at > now + feed.every:
                found[name] = feed
        return found

    @contextlib.asynccontextmanager
    async def _turn_kept(self) -> AsyncIterator[None]:
        async def keep() -> None:
            while True:
                await asyncio.sleep(TURN_SECONDS / 3)
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    await self._writer.take_turn(self._token, TURN_SECONDS)
                end_if_cancelled()

        task = asyncio.create_task(keep())
        try:
            yield
        finally:
            await end([task])

    async def _refresh(self, name: str, feed: Feed) -> None:
        before = decode_state(await self._reader.state(name))
        ran = await self._run(name)
        text = await self._reader.state(name)
        if text is None and await self._reader.feed(name) is None:
            self._log.info("feed was removed while it was refreshed", feed=name)
            return
        state = decode_state(text)
        if state.attempted_at == before.attempted_at:
            # It ended before it could say what came of it, and must not begin anew at once.
            state = msgspec.structs.replace(
                before.failing(_why(ran), self._clock()), kind=before.kind or feed.kind
            )
            await self._writer.keep(name, msgspec.json.encode(state))
        if state.failures:
            self._log.warning(
                "feed failed, what it brought before stays", feed=name, why=state.failure,
                failures=state.failures, next_in=int(due_at(feed, state) - self._clock()),
            )  # fmt: skip
        else:
            self._log.info("feed refreshed", feed=name, **_told(ran, state))
        for alarm in state.alarms[:MOST_ALARMS]:
            self._log.warning("a direct peer is not in order in the RMD", provider=alarm)

    async def _run(self, name: str) -> Ran:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(name), env=self._environ, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            return Ran(1, b"", str(error).encode())
        try:
            async with asyncio.timeout(self._run_seconds):
                said, complained = await asyncio.gather(
                    _bounded(process.stdout), _bounded(process.stderr)
                )
                return Ran(await process.wait(), said, complained)
        except TimeoutError:
            return Ran(None, b"", b"")
        finally:
            if process.returncode is None:
                await end_process(process, END_SECONDS)


async def _bounded(stream: asyncio.StreamReader | None) -> bytes:
    kept = b""
    while stream and (some := await stream.read(MOST_SAID)):
        kept = (kept + some)[-MOST_SAID:]
    return kept


def _why(ran: Ran) -> str:
    if ran.code is None:
        return "took too long and was ended"
    lines = [line for line in ran.complained.decode("utf-8", "replace").splitlines() if line]
    return clean(lines[-1], 300) if lines else f"ended with code {ran.code}"


def _told(ran: Ran, state: FeedState) -> dict[str, Any]:
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        files = json.loads(ran.said)["files"]
        notes = [note for each in files for note in each["notes"]]
        return {"files": len(files), "rows": state.rows} | ({"notes": notes[:20]} if notes else {})
    return {"rows": state.rows}
