"""Owns SIP callers with a microsecond clock; they must not know what answers them.

SIPp's clock ticks every 4 ms and its scenarios are fixed; tests and benchmarks need finer ones.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from lab import sipmessage
from lab.answered import Act, CallResult, Line
from lab.dialog import Call, Parts
from lab.media import MediaSocket
from lab.sipmessage import Headers

__all__ = ["CallResult", "Line", "SipCaller", "run_at_rate"]

T = TypeVar("T")

# Answers to what arrives late are still due for a while after a call's end.
_LINGER_SECONDS = 2.0
_BUFFER_BYTES = 1 << 22


class SipCaller(asyncio.DatagramProtocol):
    """Places calls from one address, any number at a time over one socket."""

    def __init__(self, address: str, asterisk: tuple[str, int]) -> None:
        self.address = address
        self.asterisk = asterisk
        self.port = 0
        self.media = MediaSocket()
        self.media_port = 0
        self._calls: dict[bytes, Call] = {}
        self._prefix = secrets.token_hex(4)
        self._placed = 0
        self._sip: asyncio.DatagramTransport | None = None
        self._rtp: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._sip, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.address, 0)
        )
        self._rtp, _ = await loop.create_datagram_endpoint(
            lambda: self.media, local_addr=(self.address, 0)
        )
        for transport in (self._sip, self._rtp):
            # what arrives while a busy loop is elsewhere must not be lost to the measurement
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES
            )
        self.port = self._sip.get_extra_info("sockname")[1]
        self.media_port = self._rtp.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for transport in (self._sip, self._rtp):
            if transport is not None:
                transport.close()
        self._sip = self._rtp = None
        self._calls.clear()

    async def call(
        self,
        *,
        caller: str | bytes,
        called: str | bytes,
        caller_name: str | bytes = "",
        from_params: str | bytes = "",
        from_host: str = "",
        headers: Headers = (),
        talk: float = 0.2,
        hang_up_after: float | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109 - it ends in a result, not in an exception
        act: Act | None = None,
    ) -> CallResult:
        """Place one call and follow it to its end.

        Text goes out as UTF-8 and bytes as they are, both unchecked. `from_params` stand behind
        the host inside From's brackets; what belongs behind the number goes into `caller`.
        `hang_up_after`: CANCEL so many seconds after the INVITE, unless there was a final
        response. An answered call does what `act` says, such as to press keys; then it talks for
        `talk` seconds, and hangs up. A call without a final response within `timeout` comes back
        with status 0.
        """
        self._placed += 1
        call_id = f"{self._prefix}-{self._placed}@{self.address}".encode()
        host = from_host or self.address
        user = sipmessage.raw(caller) + b"@" if caller else b""
        display = sipmessage.quoted(caller_name) + b" " if caller_name else b""
        server = f"{self.asterisk[0]}:{self.asterisk[1]}".encode()
        sender = b"<sip:" + user + host.encode() + sipmessage.raw(from_params) + b">"
        parts = Parts(
            call_id=call_id,
            uri=b"sip:" + sipmessage.raw(called) + b"@" + server,
            sender=display + sender + f";tag={self._prefix}{self._placed}".encode(),
            contact=f"<sip:{self.address}:{self.port}>".encode(),
            via=f"SIP/2.0/UDP {self.address}:{self.port}".encode(),
            headers=headers,
            offer=sipmessage.offer(self.address, self.media_port),
        )
        call = Call(self._send, self.media, parts)
        self._calls[call_id] = call
        try:
            return await call.run(talk=talk, hang_up_after=hang_up_after, timeout=timeout, act=act)
        finally:
            loop = asyncio.get_running_loop()
            loop.call_later(_LINGER_SECONDS, self._calls.pop, call_id, None)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        arrived = time.perf_counter()
        message = sipmessage.parse(data)
        if message is None:
            return
        call = self._calls.get(message.call_id)
        if call is not None:
            call.received(message, arrived)

    def _send(self, datagram: bytes) -> None:
        if self._sip is not None:
            self._sip.sendto(datagram, self.asterisk)


async def run_at_rate(
    rate: float, seconds: float, make_call: Callable[[int], Awaitable[T]]
) -> list[T]:
    """Start calls by the clock, whether or not earlier ones have ended, and gather all results.

    `make_call` gets the call's number, from 0. Calls that have ended are let go of at once: a
    hundred thousand of them, kept to the end, would stop the clock for longer and longer.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    count = int(rate * seconds)
    results: dict[int, T] = {}

    async def one(number: int) -> None:
        results[number] = await make_call(number)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            wait = began + number / rate - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            group.create_task(one(number))
    return [results[number] for number in range(count)]
