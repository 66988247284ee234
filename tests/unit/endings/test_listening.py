"""A manager interface that misbehaves costs ends of calls, no more; what it says right counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from ringfence.ami import MOST_UNREAD, Ami
from ringfence.calllog.ended import CallEnd
from ringfence.endings.listening import Listener

ID, CHANNEL = "1795176001.7", "PJSIP/a-1"
NOW = 1_795_176_100.0
AHEAD = 1_000.0
"""The clock of this Asterisk is ahead of ours."""

Wait = Callable[[Callable[[], bool]], Awaitable[None]]


def message(**fields: str) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"


def event(name: str, state: str = "6", id: str = ID, **more: str) -> bytes:
    return message(Event=name, Privilege="call,all", Channel=CHANNEL, ChannelState=state,
                   Uniqueid=id, Linkedid=id, **more)  # fmt: skip


class Asterisk:
    """Lets everybody in, and then says what a test has it say."""

    def __init__(self) -> None:
        self.filters = True
        self.channels: list[bytes] = []
        self.asked: list[dict[str, str]] = []
        self.answered_at = ""
        self.listed = True
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        self._writers.append(writer)
        try:
            while text := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = (line.partition(": ") for line in text.splitlines() if line)
                action = {name.lower(): value for name, _, value in lines}
                self.asked.append(action)
                for each in self._answer(action):
                    writer.write(each)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, action: dict[str, str]) -> list[bytes]:
        id, name = action["actionid"], action["action"]
        good = message(Response="Success", ActionID=id, Message="ok")
        bad = message(Response="Error", ActionID=id, Message="Permission denied")
        if name == "Filter":
            return [good if self.filters else bad]
        if name == "Ping":
            return [message(Response="Success", ActionID=id, Ping="Pong",
                            Timestamp=str(NOW + AHEAD))]  # fmt: skip
        if name == "Getvar":
            return [message(Response="Success", ActionID=id, Value=self.answered_at)]
        if name == "CoreShowChannels":
            if not self.listed:
                return [bad]
            tagged = [each.replace(b"\r\n", f"\r\nActionID: {id}\r\n".encode(), 1)
                      for each in self.channels]  # fmt: skip
            end = message(Event="CoreShowChannelsComplete", ActionID=id)
            return [good, *tagged, end]
        return [good]

    def say(self, data: bytes) -> None:
        self._writers[-1].write(data)

    def hang_up(self) -> None:
        self._writers[-1].transport.abort()

    @property
    def connections(self) -> int:
        return sum(each["action"] == "Login" for each in self.asked)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


@pytest.fixture
def wait() -> Wait:
    async def until(met: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not met():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    return until


@pytest.fixture
def asterisk() -> Asterisk:
    return Asterisk()


@pytest.fixture
async def listen(asterisk: Asterisk) -> AsyncIterator[Callable[[], tuple[Listener, list[CallEnd]]]]:
    server = await asyncio.start_server(asterisk.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tasks: list[asyncio.Task[None]] = []

    def start() -> tuple[Listener, list[CallEnd]]:
        ends: list[CallEnd] = []
        listener = Listener(
            lambda: Ami("127.0.0.1", port, "u", "p", timeout=0.5),
            ends.append, clock=lambda: NOW, again=0.01,
        )  # fmt: skip
        tasks.append(asyncio.create_task(listener.run()))
        return listener, ends

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    asterisk.close()
    server.close()
    await server.wait_closed()


Listen = Callable[[], tuple[Listener, list[CallEnd]]]


async def test_events_become_ends_by_our_clock(
    asterisk: Asterisk, listen: Listen, wait: Wait
) -> None:
    listener, ends = listen()
    await wait(lambda: listener.is_listening)
    asterisk.say(event("Newstate", Timestamp=str(NOW + AHEAD + 1)))
    asterisk.say(event("Hangup", Cause="16", Timestamp=str(NOW + AHEAD + 3.5)))
    await wait(lambda: bool(ends))
    assert ends == [
        CallEnd(ID, CHANNEL, int((NOW + 1) * 1000), int((NOW + 3.5) * 1000), 16)
    ]  # fmt: skip


async def test_only_two_events_are_asked_for(
    asterisk: Asterisk, listen: Listen, wait: Wait
) -> None:
    listener, _ = listen()
    await wait(lambda: listener.is_listening)
    asked = {each["action"]: each for each in asterisk.asked}
    assert asked["Login"]["events"] == "off"
    assert asked["Events"]["eventmask"] == "call"
    assert "Hangup" in asked["Filter"]["filter"]


async def test_an_account_that_may_not_filter_hears_all_the_same(
    asterisk: Asterisk, listen: Listen, wait: Wait
) -> None:
    asterisk.filters = asterisk.listed = False
    with capture_logs() as lines:
        listener, ends = listen()
        await wait(lambda: listener.is_listening)
    assert any("may not set a filter" in line["event"] for line in lines)
    for name in ("Newchannel", "VarSet", "HangupRequest", "Hangup"):
        asterisk.say(event(name, "4", Cause="17"))
    await wait(lambda: bool(ends))
    assert [(each.answered, each.cause) for each in ends] == [(None, 17)]


async def test_events_that_come_in_pieces_and_garbage_between_them_cost_nothing(
    asterisk: Asterisk, listen: Listen, wait: Wait
) -> None:
    listener, ends = listen()
    await wait(lambda: listener.is_listening)
    asterisk.say(b"\x00\xff nonsense\r\n\r\n: \r\n\r\nEvent: Hangup\r\n\r\n")
    whole = event("Hangup", "4", Cause="x", CallerIDName="\xff\xfe")
    for byte in range(0, len(whole), 7):
        asterisk.say(whole[byte : byte + 7])
        await asyncio.sleep(0)
    await wait(lambda: bool(ends))
    assert (len(ends), ends[0].cause, asterisk.connections) == (1, 0, 1)


async def test_a_call_that_is_up_before_we_come_has_its_true_beginning(
    asterisk: Asterisk, listen: Listen, wait: Wait
) -> None:
    asterisk.channels = [event("CoreShowChannel")]
    asterisk.answered_at = f"{NOW + AHEAD - 50:.6f}"
    listener, ends = listen()
    await wait(lambda: listener.is_listening)
    asterisk.say(event("Hangup", Cause="16"))
    await wait(lambda: bool(ends))
    assert ends == [CallEnd(ID, CHANNEL, int((NOW - 50) * 1000), int(NOW * 1000), 16)]


@pytest.mark.parametrize("said", ["", "never", "0.000000", "nan", "inf"])
async def test_a_call_whose_beginning_nobody_knows_has_no_end(
    asterisk: Asterisk, listen: Listen, wait: Wait, said: str
) -> None:
    asterisk.channels = [event("CoreShowChannel")]
    asterisk.answered_at = said
    listener, ends = listen()
    await wait(lambda: listener.is_listening)
    asterisk.say(event("Hangup", Cause="16"))
    asterisk.say(event("Hangup", "4", id="1795176001.8", Cause="16"))
    await wait(lambda: bool(ends))
    assert [each.uniqueid for each in ends] == ["1795176001.8"]


async def test_a_connection_that_is_cut_is_made_again_and_what_ended_meanwhile_is_unknown(
    asterisk: Asterisk, listen: Listen, wait: Wait
) -> None:
    with capture_logs() as lines:
        listener, ends = listen()
        await wait(lambda: listener.is_listening)
        other = "1795176001.8"
        for id in (ID, other):
            asterisk.say(event("Newstate", id=id))
        await wait(lambda: len(listener._tracker) == 2)
        # only one of them is there afterwards
        asterisk.channels = [event("CoreShowChannel")]
        asterisk.hang_up()
        await wait(lambda: asterisk.connections == 2 and listener.is_listening)
    for id in (ID, other):
        asterisk.say(event("Hangup", id=id, Cause="16"))
    await wait(lambda: bool(ends))
    assert [each.uniqueid for each in ends] == [ID]
    assert sum("stays unknown" in line["event"] for line in lines) == 1


async def test_a_flood_without_an_end_is_not_gathered(
    asterisk: Asterisk, listen: Listen, wait: Wait
) -> None:
    listener, _ = listen()
    await wait(lambda: listener.is_listening)
    asterisk.say(b"x" * (MOST_UNREAD + 100_000))
    await wait(lambda: asterisk.connections >= 2 and listener.is_listening)
