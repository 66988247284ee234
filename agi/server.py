"""The FastAGI listener: opens the port, bounds the connections, drains on shutdown."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable
from functools import partial

import structlog

from agi.challenge import Challenger
from agi.complaints import Complaints
from agi.ping import ping
from agi.screen import screen_entry
from agi.session import Entry, Session
from ringfence.challenge import DrawDigit, Remember, forget
from ringfence.screening import Screened, Screener

log = structlog.get_logger(__name__)

HEADER_TIMEOUT = 2.0
SESSION_TIMEOUT = 5.0
"""Seconds. Far longer than the dialplan's deadline, as it is Asterisk that ends a late call."""
MAX_CONNECTIONS = 2_000
"""More than any Asterisk has in call set-up at once; beyond it a connection is closed at once and
the dialplan's fail mode decides."""
CUT_TIMEOUT = 1.0
"""Seconds that sessions cut at shutdown get to end."""


class AgiServer:
    """The door. `record` is called with every screened call and its outcome, `remember` with who
    passed a challenge; `draw` chooses a challenge's digits."""

    def __init__(
        self,
        screener: Screener,
        record: Callable[[Screened, str], None],
        *,
        remember: Remember = forget,
        draw: DrawDigit = secrets.choice,
        host: str = "127.0.0.1",
        port: int = 4573,
        reuse_port: bool = False,
        max_connections: int = MAX_CONNECTIONS,
        header_timeout: float = HEADER_TIMEOUT,
        session_timeout: float = SESSION_TIMEOUT,
    ) -> None:
        screen = screen_entry(
            screener, record, Challenger(max_connections // 2 or 1, remember, draw)
        )
        self._entries: dict[str, Entry] = {"screen": screen, "ping": ping}
        self._host = host
        self._port = port
        self._reuse_port = reuse_port
        self._max = max_connections
        self._header_timeout = header_timeout
        self._session_timeout = session_timeout
        self._sessions: set[Session] = set()
        self._server: asyncio.Server | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._refused = 0
        self._complaints = Complaints(time.monotonic)
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. OSError (port in use, no such address) is the caller's to tell."""
        loop = asyncio.get_running_loop()
        # A half-open peer costs one slot for the header's time-out and nothing else.
        self._server = await loop.create_server(
            partial(Session, self._entries, self._opened, self._closed, self._complaints.tell),
            self._host,
            self._port,
            family=socket.AF_UNSPEC,
            backlog=1024,
            reuse_port=self._reuse_port or None,
        )
        self._watch = loop.create_task(self._watch_over(), name="AGI sessions")

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was asked for."""
        if self._server is None or not self._server.sockets:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._sessions)

    async def drain(self, deadline: float = 2.0) -> None:
        """Take no new calls, give those inside `deadline` seconds to get their verdict.

        Callers in a challenge get half of it; then their calls go on.
        """
        if self._server is not None:
            self._server.close()
        if not await self._is_idle_within(deadline / 2):
            for session in self._sessions:
                session.let_go()
        if not await self._is_idle_within(deadline / 2):
            log.warning("AGI sessions cut at shutdown", sessions=len(self._sessions))
            for cut in (Session.abort, Session.cancel):
                for session in list(self._sessions):
                    cut(session)
                if await self._is_idle_within(CUT_TIMEOUT):
                    break
        if self._watch is not None:
            self._watch.cancel()
        if self._server is not None:
            await self._server.wait_closed()

    async def _is_idle_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _watch_over(self) -> None:
        """Close who takes too long. One timer for all: a peer may get half as long again."""
        while True:
            await asyncio.sleep(min(self._header_timeout, self._session_timeout) / 2)
            for session in list(self._sessions):
                patience = self._session_timeout if session.answered else self._header_timeout
                if session.silence > patience:
                    self._complaints.tell("AGI peer silent for too long, closed", peer=session.peer)
                    session.abort()

    def _opened(self, session: Session) -> bool:
        if len(self._sessions) >= self._max:
            if self._refused % 1000 == 0:
                log.error("AGI door full: connection refused", limit=self._max)
            self._refused += 1
            return False
        self._sessions.add(session)
        self._idle.clear()
        return True

    def _closed(self, session: Session) -> None:
        self._sessions.discard(session)
        if not self._sessions:
            self._idle.set()
