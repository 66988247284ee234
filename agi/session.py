"""One AGI connection from Asterisk: its messages, its deadline, its end. Decides nothing.

Every peer gets the same patience: the header within the header's time-out, the rest within the
session's; then the connection is closed, whoever it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import structlog

from agi.protocol import AgiReader, Environment, Hangup, ProtocolError, Reply

log = structlog.get_logger(__name__)

HEADER_TIMEOUT = 2.0
SESSION_TIMEOUT = 5.0
"""Seconds. Far longer than the dialplan's deadline, as it is Asterisk that ends a late call."""


class Session(asyncio.Protocol):
    """One connection. Entry points use `ask`; `on_close` is called once all of it is over."""

    def __init__(
        self,
        entries: Mapping[str, Entry],
        on_open: Callable[[Session], bool],
        on_close: Callable[[Session], None],
        *,
        header_timeout: float = HEADER_TIMEOUT,
        session_timeout: float = SESSION_TIMEOUT,
    ) -> None:
        self._entries = entries
        self._on_open = on_open
        self._on_close = on_close
        self._header_timeout = header_timeout
        self._session_timeout = session_timeout
        self._reader = AgiReader()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reply: asyncio.Future[bool] | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone = False
        self.opened = 0.0

    # -- what asyncio calls ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's classes, but do the same
        self._transport = cast(asyncio.Transport, transport)
        self.opened = self._loop.time()
        if not self._on_open(self):
            self._transport.abort()
            return
        self._timer = self._loop.call_later(self._header_timeout, self._out_of_patience)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._reader.feed(data)
        except ProtocolError as error:
            log.warning("AGI peer refused", reason=str(error), peer=self._peer())
            self.close()
            return
        for message in messages:
            match message:
                case Environment():
                    self._start(message)
                case Reply(_, ok):
                    self._answered(ok)
                case Hangup():
                    self._gone = True
                    self._answered(False)

    def eof_received(self) -> bool:
        self._gone = True
        self._answered(False)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = True
        if self._timer:
            self._timer.cancel()
        self._answered(False)
        if self._task and not self._task.done():
            # What was screened is still to be recorded: the session ends with its entry point.
            self._task.add_done_callback(lambda _: self._on_close(self))
        else:
            self._on_close(self)

    # -- what entry points use ------------------------------------------------------------

    async def ask(self, command: bytes) -> bool:
        """Send the one command of this session and wait for the answer: True where it succeeded.

        False also where the caller is gone; bounded by the session's own timer. Our side of the
        connection is closed behind the command: Asterisk goes on in the dialplan as soon as it
        has run it, a tenth of a millisecond earlier, and its answer is read all the same.
        """
        if self._gone or self._transport is None:
            return False
        self._reply = self._loop.create_future()
        self._transport.write(command)
        self._transport.write_eof()
        return await self._reply

    @property
    def age(self) -> float:
        """Seconds since the peer connected."""
        return self._loop.time() - self.opened

    def close(self) -> None:
        """End the connection once what was written is out."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """End it now; an entry point that waits gets its False."""
        self._gone = True
        self._answered(False)
        if self._transport:
            self._transport.abort()

    # -- inside ---------------------------------------------------------------------------

    def _start(self, environment: Environment) -> None:
        entry = self._entries.get(environment.script)
        if entry is None:
            log.warning(
                "no such AGI path: the dialplan wants agi://host:port/screen",
                path=environment.script[:80],
                peer=self._peer(),
            )
            self.close()
            return
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._session_timeout, self._out_of_patience)
        self._task = self._loop.create_task(self._run(entry, environment))

    async def _run(self, entry: Entry, environment: Environment) -> None:
        try:
            await entry(self, environment)
        except Exception:
            # Screener.screen does not raise; this is for faults in the door itself. Closing the
            # connection without a verdict lets the dialplan's own fail mode decide.
            log.exception("AGI entry point failed", path=environment.script)
        finally:
            self.close()

    def _answered(self, ok: bool) -> None:
        if self._reply and not self._reply.done():
            self._reply.set_result(ok)

    def _out_of_patience(self) -> None:
        log.warning("AGI peer silent for too long, closed", peer=self._peer())
        self.abort()

    def _peer(self) -> str:
        peer = self._transport.get_extra_info("peername") if self._transport else None
        return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else ""


Entry = Callable[[Session, Environment], Awaitable[None]]
