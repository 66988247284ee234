"""Owns the RTP of a caller's calls, over one socket; it must not know SIP."""

import asyncio
import struct
import time
from collections import Counter
from typing import cast

PACKET_SECONDS = 0.02
_SPEECH = b"\xff" * 160  # µ-law silence, 20 ms
# A packet may arrive before the SDP that says where it comes from; for so long it is remembered.
_KEPT_SECONDS = 0.5


class MediaSocket(asyncio.DatagramProtocol):
    """Counts what arrives by where it comes from, and sends speech."""

    def __init__(self) -> None:
        self.received: Counter[tuple[str, int]] = Counter()
        self._seen: dict[tuple[str, int], float] = {}
        self._watched: set[tuple[str, int]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr not in self._watched:
            now = time.monotonic()
            if now - self._seen.get(addr, 0.0) > _KEPT_SECONDS:
                # the port's call of before is over; this is another one
                self.received[addr] = 0
            self._seen[addr] = now
        self.received[addr] += 1

    def watch(self, peer: tuple[str, int]) -> None:
        """Count for a call whose audio comes from `peer`."""
        self._watched.add(peer)

    def forget(self, peer: tuple[str, int]) -> None:
        """The call is over: whatever still comes from there belongs to none."""
        self._watched.discard(peer)
        self.received.pop(peer, None)
        self._seen.pop(peer, None)

    async def talk(self, peer: tuple[str, int], seconds: float) -> None:
        """Send speech for so long, a packet each 20 ms."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(max(1, round(seconds / PACKET_SECONDS))):
            header = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 0x1AB)
            self._transport.sendto(header + _SPEECH, peer)
            await asyncio.sleep(began + (number + 1) * PACKET_SECONDS - loop.time())
