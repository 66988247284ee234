"""One WebSocket to Asterisk, kept alive, and the requests beside it; knows no call.

The reader hands each event on and reads again at once: Asterisk cuts off a client that leaves
its socket full for 100 ms (ari.conf, websocket_write_timeout).
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable
from typing import Protocol

import aiohttp
import structlog
from yarl import URL

from ari_app.events import EVENT_FILTER, Event, decode_event
from ari_app.rest import AriUnreachable, HttpRest, NotOpen, Rest, WebSocketRest, path_of
from ari_app.settings import AriSettings, RestMode
from ari_app.trouble import refused, replaced

log = structlog.get_logger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
SLOW_WAIT = 10.0
"""Between attempts that a human must mend first."""
CONNECT_LIMIT = 5.0
PROBE_LIMIT = 1.0
KEEP_ALIVE = 10.0
"""Shorter than Asterisk's own 15 s (http.conf, session_keep_alive), so that we are the one to end
an idle connection and no request meets a closing one."""
MAX_FRAME = 1 << 20


class Listener(Protocol):
    """Who wants the events. Nothing here may wait."""

    def connected(self) -> None:
        """The application is registered, anew or again; events may have been missed."""

    def event(self, event: Event) -> None: ...


class AriClient:
    """Connects for ever; `rest` sends requests meanwhile."""

    def __init__(
        self,
        settings: AriSettings,
        listener: Listener,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._jitter = jitter
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse[bool] | None = None
        self._over_socket = WebSocketRest()
        self._trouble = ""
        self._garbage = 0
        self._closing = False
        self.http: Rest = NotOpen()

    @property
    def rest(self) -> Rest:
        """The faster way, where the settings allow and this Asterisk knows it.

        For what Asterisk answers at once, without waiting for a channel: it answers what comes
        over the WebSocket in order, and one that waited would hold up every call behind it.
        """
        return self._over_socket if self._over_socket.works else self.http

    @property
    def way(self) -> RestMode:
        """Which way `rest` is now: HTTP until, and unless, requests over the WebSocket work."""
        return "websocket" if self._over_socket.works else "http"

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    @property
    def trouble(self) -> str:
        """Why there is no connection, in one line; "" where there is one."""
        return self._trouble

    async def run(self) -> None:
        """Connect, read, connect again, until cancelled or closed."""
        self._open_session()
        wait = FIRST_WAIT
        while not self._closing:
            try:
                await self._read_one_connection()
                wait, trouble = FIRST_WAIT, "the WebSocket was closed"
            except aiohttp.WSServerHandshakeError as error:
                wait, trouble = SLOW_WAIT, refused(error.status, self._settings)
            except _Replaced:
                wait, trouble = SLOW_WAIT, replaced(self._settings.app_name)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                trouble = f"cannot reach {self._settings.url}: {str(error) or 'no answer in time'}"
            except Exception as error:
                # Without this task no call would come in ever again, and nobody would hear of it.
                log.exception("fault in the ARI door's connection")
                trouble = f"{type(error).__name__}: {str(error)[:200]}"
            if self._closing:
                break
            if trouble != self._trouble:
                log.error("ARI door not connected", why=trouble)
            self._trouble = trouble
            # Half to all of the wait, so that workers do not come back all at once.
            await asyncio.sleep(wait * (0.5 + self._jitter() / 2))
            wait = min(wait * 2, LONGEST_WAIT)

    async def close_socket(self) -> None:
        """Take no more events; requests over HTTP still work."""
        self._closing = True
        if self._socket is not None:
            await self._socket.close()

    async def close(self) -> None:
        """Let go of everything."""
        await self.close_socket()
        self.http = NotOpen()
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> None:
        settings = self._settings
        login = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.connections + 1, keepalive_timeout=KEEP_ALIVE
            ),
            headers={"Authorization": f"Basic {login}"},
            # Each wait is bounded where it happens, by the call's deadline.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.http = HttpRest(self._session, settings.base_url)

    async def _read_one_connection(self) -> None:
        settings = self._settings
        url = URL(f"{settings.base_url}/events").with_query(
            app=settings.app_name, subscribeAll="false"
        )
        assert self._session is not None
        async with asyncio.timeout(CONNECT_LIMIT):
            socket = await self._session.ws_connect(
                url,
                heartbeat=settings.heartbeat,
                max_msg_size=MAX_FRAME,
                # A caller name that is no UTF-8 must not end the connection.
                decode_text=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            )
        self._socket = socket
        self._over_socket.connected(socket)
        setting_up = asyncio.create_task(self._set_up())
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._received(message.data)
        finally:
            self._socket = None
            self._over_socket.disconnected()
            setting_up.cancel()
            # At once: a watchdog that fired has nobody at the other end to say goodbye to.
            await socket.close()

    async def _set_up(self) -> None:
        """Ask for few events, then tell the listener. Asterisk before 16.3 sends all of them."""
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                path = path_of("applications", self._settings.app_name, "eventFilter")
                reply = await self.http.request("PUT", path, body=EVENT_FILTER)
            if reply.status in (401, 403):
                log.error("ARI refuses requests", why=refused(reply.status, self._settings))
        except (AriUnreachable, TimeoutError) as error:
            log.warning("ARI event filter not set", why=str(error) or "no answer in time")
        self._trouble = ""
        self._listener.connected()
        if self._settings.rest == "websocket":
            await self._try_socket()
        log.info("ARI door connected", app=self._settings.app_name, rest=self.way)

    async def _try_socket(self) -> None:
        """Any answer will do. An older Asterisk reads the frame and says nothing."""
        try:
            async with asyncio.timeout(PROBE_LIMIT):
                await self._over_socket.request("GET", "asterisk/ping")
            self._over_socket.works = True
        except (AriUnreachable, TimeoutError):
            return

    def _received(self, frame: bytes) -> None:
        event = decode_event(frame)
        if event is None:
            if self._garbage % 1000 == 0:
                log.warning("ARI frame passed over: not an event", frames=self._garbage + 1)
            self._garbage += 1
        elif event.type == "RESTResponse":
            self._over_socket.answered(event)
        elif event.type == "ApplicationReplaced":
            if event.application in ("", self._settings.app_name):
                raise _Replaced
        else:
            self._listener.event(event)


class _Replaced(Exception):  # noqa: N818 - an event, not a mistake
    """Another client registered the same application."""
