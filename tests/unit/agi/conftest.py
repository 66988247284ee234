"""A real door on a loopback port, and a peer that plays Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog

from agi import AgiServer
from ringfence.rules import compile_rules, decode_rule
from ringfence.screening import Counters, Screened, Screener
from ringfence.world import World

PATIENCE = 5.0
OFTEN = '"rate":{"per":"caller","over":"60s","at_least":2}'
RULES = compile_rules(
    [
        decode_rule("no-900", '{"action":"block","when":{"caller":"+1900*"},"basis":"analytics"}'),
        decode_rule("watch", '{"action":"flag","when":{"caller":"+1876*"}}'),
        decode_rule("often", '{"action":"block","when":{"caller":"+1472*",' + OFTEN + "}}"),
        decode_rule("robots", '{"action":"challenge","when":{"caller":"+1809*"}}'),
        decode_rule(
            "spanish",
            '{"action":"challenge","when":{"caller":"+1829*"},'
            '"respond":{"language":"es","prompt":"custom/a"}}',
        ),
        decode_rule("many", '{"action":"challenge","when":{"caller":"+1849*",' + OFTEN + "}}"),
    ]
)


class Peer:
    """One connection to the door. Every read has an end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def call(
        self,
        facts: str = "called=2025550123&caller=3015550199",
        *,
        script: str = "screen",
        name: bytes = b"Jane",
        rest: bytes = b"",
    ) -> None:
        """The header that Asterisk sends, and `rest` in the same segment."""
        self.send(
            b"agi_network: yes\nagi_network_script: %s\nagi_channel: PJSIP/carrier-a-0000002f\n"
            b"agi_uniqueid: 1700000000.7\nagi_calleridname: %s\nagi_arg_1: %s\n\n"
            % (script.encode(), name, facts.encode())
            + rest
        )

    async def line(self) -> bytes:
        """The next line; b"" where the connection has ended."""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                return await self._reader.readline()
        return b""

    async def ended(self) -> bool:
        """Waits for the end of the connection: True where nothing came before it."""
        return await self.line() == b""


class Door:
    """The door under test, and what it recorded."""

    def __init__(self, *, counters: Counters | None = None, **limits: Any) -> None:
        self.recorded: asyncio.Queue[tuple[Screened, str]] = asyncio.Queue()
        self.remembered: list[tuple[str, int]] = []
        self._peers: list[Peer] = []
        screener = Screener(lambda: World(RULES, {}, {}), counters=counters)
        self.server = AgiServer(
            screener,
            self.record,
            remember=lambda *who: self.remembered.append(who),
            draw=lambda digits: digits[0],
            port=0,
            **limits,
        )

    def record(self, screened: Screened, outcome: str) -> None:
        self.recorded.put_nowait((screened, outcome))

    async def one(self) -> Screened:
        """The next call that was recorded, as put in force."""
        screened, outcome = await self._next()
        assert outcome == "applied"
        return screened

    async def outcome(self) -> str:
        """What became of the next call that was recorded."""
        return (await self._next())[1]

    async def _next(self) -> tuple[Screened, str]:
        async with asyncio.timeout(PATIENCE):
            return await self.recorded.get()

    async def connect(self) -> Peer:
        async with asyncio.timeout(PATIENCE):
            peer = Peer(*await asyncio.open_connection("127.0.0.1", self.server.port))
        self._peers.append(peer)
        return peer

    async def close(self) -> None:
        for peer in self._peers:
            peer.writer.close()
        await self.server.drain(PATIENCE)
        for peer in self._peers:
            with contextlib.suppress(ConnectionError):
                await peer.writer.wait_closed()


@pytest.fixture
async def open_door() -> AsyncIterator[Callable[..., Awaitable[Door]]]:
    doors: list[Door] = []

    async def make(**limits: Any) -> Door:
        door = Door(**limits)
        doors.append(door)
        await door.server.start()
        return door

    yield make
    for door in doors:
        await door.close()


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries
