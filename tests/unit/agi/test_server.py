"""The door over real sockets: good calls, bad peers, limits and shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agi import AgiServer
from agi.protocol import MAX_HEADER
from ringfence import __version__
from ringfence.screening import Screener
from ringfence.world import EMPTY_WORLD

Open = Callable[..., Awaitable[Any]]


async def test_an_allowed_call_gets_its_verdict_in_one_command_and_is_recorded(
    open_door: Open,
) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call()
    answer = await peer.line()
    assert answer.startswith(b'SET VARIABLE "ARRAY(RINGFENCE_ID,TIMEOUT(absolute))" "')
    peer.send(b"200 result=0\n")
    assert await peer.ended()
    screened = await door.one()
    assert screened.door == "agi"
    assert screened.id.encode() in answer
    assert (screened.attempt.trunk, screened.attempt.uniqueid) == ("carrier-a", "1700000000.7")


async def test_a_listed_caller_is_blocked(open_door: Open) -> None:
    peer = await (await open_door()).connect()
    peer.call("called=2025550123&caller=9005550100")
    answer = await peer.line()
    assert b"RINGFENCE_ACTION=block" in answer
    assert b"RINGFENCE_SIP=603" in answer


async def test_a_header_that_comes_byte_by_byte_is_answered(open_door: Open) -> None:
    peer = await (await open_door()).connect()
    for letter in b"agi_network_script: screen\nagi_arg_1: called=911\n\n":
        peer.send(bytes([letter]))
        await peer.writer.drain()
    assert b"RINGFENCE_REASON=emergency" in await peer.line()


@pytest.mark.parametrize(
    "name", [b"Jos\xe9", b"\xff\xfe\x00", b'"; EXEC System "x', b"x" * 4_096, b"a\nagi_channel: b"]
)
async def test_no_caller_name_disturbs_the_answer(open_door: Open, name: bytes) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call(name=name)
    assert b"ARRAY(RINGFENCE_ID," in await peer.line()
    peer.send(b"200 result=0\n")
    assert await peer.ended()
    assert (await door.one()).attempt.trunk == "carrier-a"


async def test_a_bare_connect_and_close_leaves_nothing_behind(
    open_door: Open, logged: list[Any]
) -> None:
    door = await open_door()
    for _ in range(20):
        (await door.connect()).writer.close()
    peer = await door.connect()
    peer.call()
    await peer.line()
    assert door.server.connections == 1
    peer.send(b"200 result=0\n")
    assert await door.outcome() == "applied"
    assert logged == []


async def test_a_peer_that_resets_the_connection_disturbs_nobody(open_door: Open) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.send(b"agi_network: yes\n")
    peer.writer.transport.abort()
    other = await door.connect()
    other.call()
    assert await other.line()


async def test_a_peer_that_says_nothing_is_closed_after_the_headers_time(
    open_door: Open, logged: list[Any]
) -> None:
    door = await open_door(header_timeout=0.02)
    peer = await door.connect()
    assert await peer.ended()
    assert "silent" in logged[0]["event"]


async def test_a_peer_that_drips_its_header_is_closed_after_the_headers_time(
    open_door: Open,
) -> None:
    door = await open_door(header_timeout=0.05)
    peer = await door.connect()
    end = asyncio.create_task(peer.ended())
    while not end.done():
        peer.send(b"a")
        await asyncio.wait([end], timeout=0.01)
    assert await end
    assert door.recorded.empty()


async def test_a_peer_that_never_answers_is_closed_and_its_call_recorded(open_door: Open) -> None:
    door = await open_door(session_timeout=0.02)
    peer = await door.connect()
    peer.call()
    assert await peer.line()
    assert await peer.ended()
    assert await door.outcome() == "hung-up"


async def test_a_peer_that_only_reads_no_more_is_half_open_and_not_waited_for(
    open_door: Open,
) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call()
    peer.writer.write_eof()
    assert await door.outcome() == "hung-up"


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\n\n",
        b"\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n",
        b"x" * (MAX_HEADER + 1),
        b"agi_x: y\n" * MAX_HEADER,
    ],
)
async def test_garbage_ends_the_connection_and_is_told_once(
    open_door: Open, logged: list[Any], garbage: bytes
) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.send(garbage)
    assert await peer.ended()
    await door.server.drain()
    assert door.recorded.empty()
    assert [entry["event"] for entry in logged] == ["AGI peer refused"]
    assert "127.0.0.1:" in logged[0]["peer"]


async def test_a_reply_without_an_end_ends_the_session_and_the_call_is_recorded(
    open_door: Open,
) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call()
    await peer.line()
    peer.send(b"x" * 10_000)
    assert await peer.ended()
    assert await door.outcome() == "hung-up"


async def test_an_unknown_path_is_closed_without_a_command_and_the_right_one_is_named(
    open_door: Open, logged: list[Any]
) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call(script="scren" * 100)
    assert await peer.ended()
    assert "agi://host:port/screen" in logged[0]["event"]
    assert len(logged[0]["path"]) == 80


@pytest.mark.parametrize("script", ["/screen", "screen?retry=1"])
async def test_a_path_may_have_a_slash_or_a_query(open_door: Open, script: str) -> None:
    peer = await (await open_door()).connect()
    peer.call(script=script)
    assert b"RINGFENCE_ID" in await peer.line()


async def test_a_caller_who_hangs_up_in_mid_session_is_recorded_as_such(
    open_door: Open, logged: list[Any]
) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call()
    await peer.line()
    peer.send(b"HANGUP\n")
    assert await peer.ended()
    assert await door.outcome() == "hung-up"
    assert logged == []


async def test_a_caller_who_is_gone_before_the_verdict_gets_no_command(open_door: Open) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call(rest=b"HANGUP\n")
    assert await peer.ended()
    assert await door.outcome() == "hung-up"


async def test_a_command_that_asterisk_refuses_is_not_applied(open_door: Open) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call()
    await peer.line()
    peer.send(b"511 Command Not Permitted on a dead channel or intercept routine\n")
    assert await peer.ended()
    assert await door.outcome() == "hung-up"


async def test_beyond_the_limit_a_connection_is_refused_and_the_others_go_on(
    open_door: Open, logged: list[Any]
) -> None:
    door = await open_door(max_connections=2)
    kept = [await door.connect(), await door.connect()]
    for peer in kept:
        peer.call()
        assert await peer.line()
    refused = await door.connect()
    assert await refused.ended()
    assert door.server.connections == 2
    assert [entry["event"] for entry in logged] == ["AGI door full: connection refused"]
    for peer in kept:
        peer.send(b"200 result=0\n")
        assert await door.outcome() == "applied"
    again = await door.connect()
    again.call()
    assert await again.line()


async def test_on_shutdown_a_call_in_flight_gets_its_verdict_applied(open_door: Open) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call()
    await peer.line()
    drained = asyncio.create_task(door.server.drain())
    await asyncio.sleep(0)
    with pytest.raises(OSError, match=r"Connect call failed|refused"):
        await door.connect()
    assert not drained.done()
    peer.send(b"200 result=0\n")
    await drained
    assert await door.outcome() == "applied"
    assert await peer.ended()


async def test_on_shutdown_a_call_that_takes_too_long_is_cut_and_still_recorded(
    open_door: Open, logged: list[Any]
) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call()
    await peer.line()
    await door.server.drain(deadline=0.02)
    assert await door.outcome() == "hung-up"
    assert door.server.connections == 0
    assert logged[0]["sessions"] == 1


async def test_a_door_without_calls_shuts_at_once(open_door: Open) -> None:
    door = await open_door()
    async with asyncio.timeout(5.0):
        await door.server.drain(deadline=60.0)


async def test_a_record_that_fails_costs_the_call_nothing(
    logged: list[Any],
) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    server = AgiServer(Screener(lambda: EMPTY_WORLD), full, port=0)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"agi_network_script: screen\n\n")
    assert b"ARRAY(RINGFENCE_ID," in await reader.readline()
    writer.write(b"200 result=0\n")
    assert await reader.read() == b""
    writer.close()
    await server.drain()
    assert [entry["event"] for entry in logged] == ["AGI entry point failed after its answer"]


async def test_a_port_in_use_is_the_starters_to_tell(open_door: Open) -> None:
    door = await open_door()
    second = AgiServer(Screener(lambda: EMPTY_WORLD), lambda *_: None, port=door.server.port)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.drain()


async def test_ping_answers_with_the_version(open_door: Open) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call(script="ping")
    assert await peer.line() == f'SET VARIABLE "RINGFENCE_VERSION" "{__version__}"\n'.encode()
    peer.send(b"200 result=1\n")
    assert await peer.ended()
    assert door.recorded.empty()
