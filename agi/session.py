"""One AGI connection from Asterisk: its messages, its patience, its end. Decides nothing.

Nothing here waits: the header comes, the entry point answers with one command, Asterisk's reply
ends it. A task or a timer of its own would cost every call more than its decision does, so the
server looks after sessions that take too long. Only an entry point that has to wait itself, or
needs several commands, gets a task: see `Talk`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, cast

import msgspec
import structlog

from agi.protocol import AgiReader, Environment, Hangup, Message, ProtocolError, Reply

log = structlog.get_logger(__name__)

LATE = 0.2
"""Seconds after which a vanished caller is taken for the dialplan's deadline, not for a hang-up."""


class Answer(msgspec.Struct, frozen=True):
    """What an entry point makes of a call: one command, and whom to tell how that went.

    `done` gets True where Asterisk ran the command with success, and the seconds from the peer's
    connection to its end. False: the caller is gone, or Asterisk went on without us.
    """

    command: bytes
    done: Callable[[bool, float], None]


class Ended(Exception):  # noqa: N818 - an event, not a mistake
    """No more commands: the caller is gone, Asterisk went on, or the door closes."""


Talk = Callable[["Session"], Coroutine[Any, Any, Answer | None]]
"""An entry point that takes its time. It may `ask`, and may end with an answer like any other;
None: it has said everything, and the connection is closed."""
Entry = Callable[[Environment], Answer | Talk]


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
        self._task: asyncio.Task[Answer | None] | None = None
        self._replies: asyncio.Queue[Reply | None] | None = None
        self._ended_at: float | None = None
        self._lost = False
        self.closing = False
        self.answered = False
        self.opened = 0.0
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's classes, but do the same
        self._transport = cast(asyncio.Transport, transport)
        self.opened = self._since = self._loop.time()
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
        self._lost = True
        if self._task is None:
            self._on_close(self)

    @property
    def age(self) -> float:
        """Seconds from the peer's connection to now, or to its end."""
        return (self._loop.time() if self._ended_at is None else self._ended_at) - self.opened

    @property
    def silence(self) -> float:
        """Seconds that the peer has owed us something. None of them while an entry point takes
        its time: what it waits for has bounds of its own."""
        return 0.0 if self._task is not None else self._loop.time() - self._since

    @property
    def peer(self) -> str:
        """Who connected, for the log."""
        peer = self._transport.get_extra_info("peername") if self._transport else None
        return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else ""

    async def ask(self, command: bytes, patience: float) -> Reply:
        """Run one command; `Ended` where that cannot be, TimeoutError after `patience` seconds."""
        if self.closing or self._ended_at is not None or self._transport is None:
            raise Ended
        self._transport.write(command)
        return await self.reply(patience)

    async def reply(self, patience: float) -> Reply:
        """The next reply, where one command may have two."""
        if self._replies is None:
            raise Ended
        async with asyncio.timeout(patience):
            reply = await self._replies.get()
        if reply is None:
            raise Ended
        return reply

    def let_go(self) -> None:
        """No more commands for an entry point that asks some: the dialplan goes on alone."""
        self.closing = True
        if self._replies is not None:
            self._replies.put_nowait(None)

    def abort(self) -> None:
        """End it now, whatever the peer still owes."""
        self._end(False)
        if self._transport:
            self._transport.abort()

    def cancel(self) -> None:
        """Give up what an entry point still waits for."""
        if self._task is not None:
            self._task.cancel()

    def _take(self, messages: list[Message]) -> None:
        first = messages[0]
        if isinstance(first, Environment):
            # Who hung up before the verdict gets no command.
            self._start(first, gone=any(isinstance(each, Hangup) for each in messages))
        elif self._replies is not None:
            for message in messages:
                if isinstance(message, Reply):
                    self._replies.put_nowait(message)
                else:
                    self._end(False)
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
            made = entry(environment)
        except Exception:
            # Screener.screen does not raise; this is for faults in the door itself. Closing the
            # connection without a verdict lets the dialplan's own fail mode decide.
            log.exception("AGI entry point failed", path=environment.script)
            self._end(False)
            return
        self.answered = True
        if isinstance(made, Answer):
            self._send(made, gone=gone)
            return
        self._replies = asyncio.Queue()
        self._task = self._loop.create_task(made(self), name="AGI entry point")
        self._task.add_done_callback(self._talked)
        if gone:
            self._end(False)

    def _talked(self, task: asyncio.Task[Answer | None]) -> None:
        self._task = self._replies = None
        answer = None
        if not task.cancelled():
            if (error := task.exception()) is not None:
                log.error("AGI entry point failed", exc_info=error)
            else:
                answer = task.result()
        if answer is None:
            self._end(False)
        else:
            self._send(answer, gone=self._ended_at is not None)
        if self._lost:
            self._on_close(self)

    def _send(self, answer: Answer, *, gone: bool) -> None:
        self._answer = answer
        if gone or self._transport is None:
            self._end(False)
            return
        self._since = self._loop.time()
        # Our side is closed behind the command: Asterisk goes on in the dialplan as soon as it has
        # run it, a tenth of a millisecond earlier, and its reply is read all the same.
        self._transport.write(answer.command)
        self._transport.write_eof()

    def _end(self, applied: bool) -> None:
        if self._ended_at is None:
            self._ended_at = self._loop.time()
        if self._replies is not None:
            self._replies.put_nowait(None)
        answer, self._answer = self._answer, None
        if self._transport:
            self._transport.close()
        if answer is None:
            return
        try:
            answer.done(applied, self.age)
        except Exception:
            log.exception("AGI entry point failed after its answer")
