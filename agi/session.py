"""One AGI connection from Asterisk: its messages, its patience, its end. Decides nothing.

Nothing here waits: the header comes, the entry point answers with one command, Asterisk's reply
ends it. A task or a timer of its own would cost every call more than its decision does, so the
server looks after sessions that take too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

import structlog

from agi.protocol import AgiReader, Environment, Hangup, Message, ProtocolError, Reply

log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """What an entry point makes of a call: one command, and whom to tell how that went.

    `done` gets True where Asterisk ran the command with success, and the seconds since the peer
    connected. False: the caller is gone, or Asterisk went on without us.
    """

    command: bytes
    done: Callable[[bool, float], None]


Entry = Callable[[Environment], Answer]


class Session(asyncio.Protocol):
    """One connection. `on_close` is called once all of it is over."""

    def __init__(
        self,
        entries: Mapping[str, Entry],
        on_open: Callable[[Session], bool],
        on_close: Callable[[Session], None],
        complain: Callable[..., None],
    ) -> None:
        self._entries = entries
        self._on_open = on_open
        self._on_close = on_close
        self._complain = complain
        self._reader = AgiReader()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self.answered = False
        self.opened = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's classes, but do the same
        self._transport = cast(asyncio.Transport, transport)
        self.opened = self._loop.time()
        if not self._on_open(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._reader.feed(data)
        except ProtocolError as error:
            self._complain("AGI peer refused", reason=str(error), peer=self.peer)
            self._end(False)
            return
        if messages:
            self._take(messages)

    def eof_received(self) -> bool:
        self._end(False)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._end(False)
        self._on_close(self)

    @property
    def age(self) -> float:
        """Seconds since the peer connected."""
        return self._loop.time() - self.opened

    @property
    def peer(self) -> str:
        """Who connected, for the log."""
        peer = self._transport.get_extra_info("peername") if self._transport else None
        return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else ""

    def abort(self) -> None:
        """End it now, whatever the peer still owes."""
        self._end(False)
        if self._transport:
            self._transport.abort()

    def _take(self, messages: list[Message]) -> None:
        first = messages[0]
        if isinstance(first, Environment):
            # Who hung up before the verdict gets no command.
            self._start(first, gone=any(isinstance(each, Hangup) for each in messages))
        elif isinstance(first, Reply):
            self._end(first.ok)
        else:
            self._end(False)

    def _start(self, environment: Environment, *, gone: bool) -> None:
        entry = self._entries.get(environment.script)
        if entry is None:
            self._complain(
                "no such AGI path: the dialplan wants agi://host:port/screen",
                path=environment.script[:80],
                peer=self.peer,
            )
            self._end(False)
            return
        try:
            self._answer = entry(environment)
        except Exception:
            # Screener.screen does not raise; this is for faults in the door itself. Closing the
            # connection without a verdict lets the dialplan's own fail mode decide.
            log.exception("AGI entry point failed", path=environment.script)
            self._end(False)
            return
        self.answered = True
        if gone or self._transport is None:
            self._end(False)
            return
        # Our side is closed behind the command: Asterisk goes on in the dialplan as soon as it has
        # run it, a tenth of a millisecond earlier, and its reply is read all the same.
        self._transport.write(self._answer.command)
        self._transport.write_eof()

    def _end(self, applied: bool) -> None:
        answer, self._answer = self._answer, None
        if self._transport:
            self._transport.close()
        if answer is None:
            return
        try:
            answer.done(applied, self.age)
        except Exception:
            log.exception("AGI entry point failed after its answer")
