"""A TCP line to Asterisk's ARI that SIGUSR1 cuts, all connections at once; knows no protocol."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

CHUNK = 65_536


class Relay:
    """Carries bytes both ways until it is cut; new connections are taken at once afterwards."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways."""
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, far_writer))
                both.create_task(_pump(far_reader, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


async def relay(host: str, port: int, to_host: str, to_port: int) -> None:
    """Listen until killed."""
    line = Relay((to_host, to_port))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, line.cut)
    server = await asyncio.start_server(line.carry, host, port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
