"""Owns the RTP of a caller's calls, over one socket; it must not know SIP."""

import asyncio
import struct
import time
from collections import Counter
from collections.abc import Callable
from typing import cast

PACKET_SECONDS = 0.02
SAMPLES = 160
KEYS = "0123456789*#ABCD"
EVENT_TYPE = 101  # what the caller's SDP says
_SPEECH = b"\xff" * SAMPLES  # µ-law silence, 20 ms
# A packet may arrive before the SDP that says where it comes from; for so long it is remembered.
_KEPT_SECONDS = 0.5


class MediaSocket(asyncio.DatagramProtocol):
    """Counts what arrives by where it comes from, and sends."""

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

    def speaker(self, peer: tuple[str, int]) -> "Speaker":
        """Speech, and keys, to `peer`."""
        assert self._transport is not None
        transport = self._transport
        return Speaker(lambda packet: transport.sendto(packet, peer))


class Speaker:
    """What a caller sends in one call: a packet each 20 ms, of speech or of a key (RFC 4733)."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._sequence = 0
        self._keys: asyncio.Queue[list[bytes]] = asyncio.Queue()
        self._key: list[bytes] = []
        self._key_began = 0

    async def talk(self, seconds: float) -> None:
        """Send for so long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(max(1, round(seconds / PACKET_SECONDS))):
            self._send_one()
            await asyncio.sleep(began + (number + 1) * PACKET_SECONDS - loop.time())

    def press(self, keys: str, hold: float = 0.1) -> None:
        """Press these keys one after another, with a pause behind each."""
        for key in keys:
            packets = max(1, round(hold / PACKET_SECONDS))
            event = KEYS.index(key)
            # The end is said three times, as a packet may be lost.
            steps = [*range(1, packets + 1), packets, packets, packets]
            self._keys.put_nowait(
                [
                    struct.pack("!BBH", event, 0x8A if at >= packets else 0x0A, step * SAMPLES)
                    for at, step in enumerate(steps)
                ]
            )
            self._keys.put_nowait([_SPEECH] * 5)

    def _send_one(self) -> None:
        first = False
        if not self._key and not self._keys.empty():
            self._key, first = self._keys.get_nowait(), True
            self._key_began = self._sequence * SAMPLES
        packet = self._key.pop(0) if self._key else _SPEECH
        if packet is _SPEECH:
            kind, timestamp = 0, self._sequence * SAMPLES
        else:
            # all packets of a key bear its beginning; the first has the marker
            kind, timestamp = (0x80 if first else 0) | EVENT_TYPE, self._key_began
        sequence = self._sequence & 0xFFFF
        self._send(struct.pack("!BBHII", 0x80, kind, sequence, timestamp, 0x1AB) + packet)
        self._sequence += 1
