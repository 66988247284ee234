"""Requests to ARI, over HTTP or over the event WebSocket; knows no call and no verdict.

Neither way has a time-out of its own: who asks bounds the wait, by the call's deadline.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from ari_app.events import Event

JSON = "application/json"
NO_PARAMS: Mapping[str, str] = MappingProxyType({})
_LEFT_MEANWHILE = b"Failed to execute function"


class AriUnreachable(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The connection to Asterisk is not there, or broke before the answer."""


class Reply(NamedTuple):
    """ARI's answer."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The channel has left the application (409), or is no more (404): both are normal.

        412 comes when it goes just now, and 400 with these words when that is in the middle of
        setting its variable.
        """
        return self.status in (404, 409, 412) or (
            self.status == 400 and _LEFT_MEANWHILE in self.body
        )


class _Value(msgspec.Struct):
    value: str = ""


def value_in(body: bytes) -> str:
    """The value in ARI's answer about a variable; "" without an answer."""
    return msgspec.json.decode(body, type=_Value).value if body else ""


class Rest(Protocol):
    """One way to send a request."""

    async def request(
        self, method: str, path: str, params: Mapping[str, str] = ..., body: bytes = ...
    ) -> Reply:
        """`path` starts behind ``/ari/`` and is quoted already. Raises AriUnreachable."""
        ...


def path_of(*parts: str) -> str:
    """A path of parts that may hold anything, as a channel's id may."""
    return "/".join(quote(part, safe="") for part in parts)


class NotOpen:
    """Before the start, and after the end."""

    async def request(
        self, method: str, path: str, params: Mapping[str, str] = NO_PARAMS, body: bytes = b""
    ) -> Reply:
        raise AriUnreachable("the ARI door is closed")


class HttpRest:
    """Over a pool of connections that are kept alive."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base = base_url

    async def request(
        self, method: str, path: str, params: Mapping[str, str] = NO_PARAMS, body: bytes = b""
    ) -> Reply:
        query = f"?{urlencode(params)}" if params else ""
        url = URL(f"{self._base}/{path}{query}", encoded=True)
        try:
            try:
                return await self._send(method, url, body)
            except aiohttp.ServerDisconnectedError:
                # Asterisk closed the kept connection just then (http.conf session_keep_alive).
                # Sent twice is harmless: the second answer is 404 or 409.
                return await self._send(method, url, body)
        except (aiohttp.ClientError, OSError) as error:
            raise AriUnreachable(_said(error)) from None

    async def _send(self, method: str, url: URL, body: bytes) -> Reply:
        headers = {"Content-Type": JSON} if body else None
        async with self._session.request(
            method, url, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            return Reply(answer.status, await answer.read())


class _Query(msgspec.Struct):
    name: str
    value: str


class _RestRequest(msgspec.Struct, tag_field="type", tag="RESTRequest", omit_defaults=True):
    request_id: str
    method: str
    uri: str
    query_strings: list[_Query] = []
    content_type: str = ""
    message_body: str = ""


class WebSocketRest:
    """Over the event WebSocket: Asterisk 20.14, 21.9, 22.4 and later.

    Asterisk answers in order from one thread, so a request that waits holds up those behind it.
    `works` once this connection has answered one.
    """

    def __init__(self) -> None:
        self.works = False
        self._socket: aiohttp.ClientWebSocketResponse[bool] | None = None
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._numbers = itertools.count(1)
        self._encoder = msgspec.json.Encoder()

    def connected(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._socket = socket

    def disconnected(self) -> None:
        """Whoever waits for an answer on this connection will not get it."""
        self._socket = None
        self.works = False
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(AriUnreachable("the WebSocket was cut"))

    def answered(self, event: Event) -> None:
        """A RESTResponse. One to a request that was given up, or never made, is passed over."""
        answer = self._waiting.get(event.request_id)
        if answer is not None and not answer.done():
            answer.set_result(Reply(event.status_code, event.message_body.encode()))

    async def request(
        self, method: str, path: str, params: Mapping[str, str] = NO_PARAMS, body: bytes = b""
    ) -> Reply:
        socket = self._socket
        if socket is None:
            raise AriUnreachable("the WebSocket is not connected")
        number = str(next(self._numbers))
        frame = self._encoder.encode(
            _RestRequest(
                request_id=number,
                method=method,
                uri=path,
                query_strings=[_Query(name, value) for name, value in params.items()],
                content_type=JSON if body else "",
                message_body=body.decode(),
            )
        )
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await socket.send_str(frame.decode())
            return await answer
        except (aiohttp.ClientError, OSError) as error:
            raise AriUnreachable(_said(error)) from None
        finally:
            del self._waiting[number]


def _said(error: Exception) -> str:
    # The text of a time-out is the whole URL.
    return "no connection in time" if isinstance(error, TimeoutError) else str(error)
