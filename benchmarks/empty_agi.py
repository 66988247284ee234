"""Owns an AGI server that decides nothing: the floor under every FastAGI door.

What it answers is named by the path of the agi:// address, so that one server serves all variants.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import cast

import uvloop

SET = b'SET VARIABLE BENCH "1"\n'
EXEC = b'EXEC MSet "BENCH=1"\n'
LONG = (
    b"RINGFENCE_ACTION=allow,RINGFENCE_REASON=no-rule,RINGFENCE_RULE=,"
    b"RINGFENCE_LABEL=,RINGFENCE_ID=0123456789ABCDEFGH,BENCH=1"
)
VARIANTS: dict[bytes, tuple[bytes, ...]] = {
    b"nothing": (),
    b"set": (SET,),
    b"set2": (SET, SET),
    b"mset": (EXEC,),
    b"mset5": (b'EXEC MSet "' + LONG + b'"\n',),
    b"set5": (b'SET VARIABLE BENCH "' + LONG + b'"\n',),
    # what the FastAGI door answers for a call that no rule touches
    b"pass": (b'SET VARIABLE "ARRAY(RINGFENCE_ID,TIMEOUT(absolute))" "0123456789ABCDEFGH,0"\n',),
}
"""Commands by name. `<name>-close` sends them and closes at once, `<name>-eof` sends the command
and closes its own direction only, so that the reply is still read."""


class EmptyAgi(asyncio.Protocol):
    """Reads the session's head, sends its commands one by one, closes after the last reply."""

    def __init__(self) -> None:
        self._buffer = b""
        self._commands: tuple[bytes, ...] | None = None
        self._sent = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._buffer += data
        if self._commands is None:
            if not self._buffer.endswith(b"\n\n"):
                return
            self._begin(self._transport)
        elif self._buffer.endswith(b"\n"):
            self._next(self._transport)

    def _begin(self, transport: asyncio.Transport) -> None:
        script = self._buffer.partition(b"agi_network_script: ")[2].partition(b"\n")[0]
        name, _, ending = script.partition(b"-")
        self._commands = VARIANTS.get(name, VARIANTS[b"set"])
        if ending == b"eof":
            # Asterisk reads the command and then the end; its reply still comes back to us.
            self._next(transport)
            transport.write_eof()
        elif ending == b"close":
            transport.write(b"".join(self._commands))
            transport.close()
        else:
            self._next(transport)

    def _next(self, transport: asyncio.Transport) -> None:
        self._buffer = b""
        assert self._commands is not None
        if self._sent == len(self._commands):
            transport.close()
        else:
            transport.write(self._commands[self._sent])
            self._sent += 1


def listening(host: str, port: int, *, defer: bool = False) -> socket.socket:
    """A listening socket; with `defer`, a session is accepted when its first bytes are there."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if defer:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    listener.bind((host, port))
    listener.listen(1024)
    return listener


async def serve(host: str, port: int) -> None:
    """Listen until the process is stopped; one line on standard output says when.

    `port` is a plain listener, the next one accepts late.
    """
    loop = asyncio.get_running_loop()
    listeners = (listening(host, port), listening(host, port + 1, defer=True))
    servers = [await loop.create_server(EmptyAgi, sock=each) for each in listeners]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
