"""The door against a server that does what Asterisk should not: only faults are played here."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from ari_app import AriDoor, AriSettings
from ari_app.events import Event
from ringfence.rules import compile_rules, decode_rule
from ringfence.rules.velocity import Counted, Demand
from ringfence.screening import Screened, Screener
from ringfence.verdict import Reason
from ringfence.world import World

BLOCK_ALL = World(compile_rules([decode_rule("all", '{"action": "block"}')]), {}, {})
Script = Callable[[web.WebSocketResponse], Awaitable[None]]


class Server:
    """Speaks enough ARI to be wrong about it."""

    def __init__(self) -> None:
        self.script: Script = self.quiet
        self.status = 204
        self.body = ""
        self.handshake = 101
        self.silent = False
        self.meanwhile: Script | None = None
        self.waiting: list[str] = []
        self.asked: list[str] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""

    async def quiet(self, socket: web.WebSocketResponse) -> None:
        """Nothing happens."""

    async def events(self, request: web.Request) -> web.StreamResponse:
        if self.handshake != 101:
            return web.Response(status=self.handshake)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await self.script(socket)
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        return socket

    async def anything(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        if self.silent:
            await asyncio.Event().wait()
        if request.path.endswith("eventFilter"):
            return web.Response(status=204)
        if request.path.startswith("/ari/applications/"):
            return web.json_response({"channel_ids": self.waiting})
        if request.path.endswith("/continue") and (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile(self.sockets[0])
        return web.Response(status=self.status, text=self.body or None)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    app = web.Application()
    app.router.add_get("/ari/events", served.events)
    app.router.add_route("*", "/{anything:.*}", served.anything)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ari"
    yield served
    for socket in served.sockets:
        await socket.close()
    await runner.cleanup()


class Records(list[tuple[Screened, str]]):
    def put(self, screened: Screened, outcome: str) -> None:
        self.append((screened, outcome))

    @property
    def outcomes(self) -> list[str]:
        return [outcome for _, outcome in self]


async def until(condition: Callable[[], bool], patience: float = 10.0) -> None:
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


@asynccontextmanager
async def opened(
    server: Server, records: Records, screener: Screener | None = None, **changes: object
) -> AsyncIterator[AriDoor]:
    settings = AriSettings(**{"url": server.url, "deadline": 0.2, **changes})  # type: ignore[arg-type]
    door = AriDoor(screener or Screener(lambda: BLOCK_ALL), records.put, settings)
    await door.start()
    try:
        yield door
    finally:
        await door.drain(0.4)


def start(number: int) -> str:
    return json.dumps(
        {"type": "StasisStart", "args": ["called=12025550199"], "channel": {"id": f"c{number}"}}
    )


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (204, "", "applied"),
        (500, "", "failed"),
        (404, "", "late"),
        (400, '{"message":"Failed to execute function"}', "late"),
        (400, '{"message":"Variable name is required"}', "failed"),
    ],
)
async def test_what_asterisk_answers_is_the_outcome(
    server: Server, status: int, body: str, outcome: str
) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))

    server.script, records = one_call, Records()
    server.status, server.body = status, body
    async with opened(server, records):
        await until(lambda: len(records) == 1)
    assert records.outcomes == [outcome]


async def test_a_hang_up_told_after_the_404_is_still_a_hang_up(server: Server) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))
        await until(lambda: any("variable" in path for path in server.asked))
        await socket.send_str('{"type": "ChannelHangupRequest", "channel": {"id": "c1"}}')

    server.script, server.status, records = one_call, 404, Records()
    async with opened(server, records):
        await until(lambda: len(records) == 1)
    assert records.outcomes == ["hung-up"]


async def test_a_server_that_never_answers_holds_no_call_beyond_its_deadline(
    server: Server,
) -> None:
    async def calls(socket: web.WebSocketResponse) -> None:
        for number in range(40):
            await socket.send_str(start(number))

    server.script, server.silent, records = calls, True, Records()
    async with opened(server, records):
        began = time.monotonic()
        await until(lambda: len(records) == 40)
        assert time.monotonic() - began < 2
    assert set(records.outcomes) == {"late"}


async def test_a_flood_of_events_is_read_without_holding_the_server_up(server: Server) -> None:
    slowest = 0.0
    flooded = asyncio.Event()

    async def flood(socket: web.WebSocketResponse) -> None:
        nonlocal slowest
        for number in range(2_000):
            began = time.monotonic()
            await socket.send_str(start(number))
            slowest = max(slowest, time.monotonic() - began)
        flooded.set()

    server.script, records = flood, Records()
    async with opened(server, records) as door:
        await flooded.wait()
        await until(lambda: len(records) >= 1_000, 30)
        await server.sockets[0].send_str(start(9_999))
        await until(lambda: records[-1][0].attempt.uniqueid == "c9999")
        assert records.outcomes[-1] == "applied"
        assert door.is_connected
    assert len(server.sockets) == 1
    # Asterisk's patience with one write is 0.1 s, but its loop is not the door's, as here.
    assert slowest < 0.5


async def test_calls_beyond_the_bound_are_left_to_the_dialplan(server: Server) -> None:
    async def flood(socket: web.WebSocketResponse) -> None:
        for number in range(50):
            await socket.send_str(start(number))

    server.script, server.silent, records = flood, True, Records()
    async with opened(server, records, in_flight=10):
        await until(lambda: len(records) == 10)
    assert len(records) == 10


async def test_garbage_and_unknown_events_are_passed_over(server: Server) -> None:
    async def noise(socket: web.WebSocketResponse) -> None:
        for frame in ("", "{", "[1]", '{"type": "Tomorrow"}', '{"type": "StasisStart", "args": 3}'):
            await socket.send_str(frame)
        await socket.send_bytes(b"\x00\xff")
        await socket.send_str('{"type": "RESTResponse", "request_id": "77", "status_code": 200}')
        await socket.send_str(start(1))

    server.script, records = noise, Records()
    async with opened(server, records, rest="http") as door:
        await until(lambda: len(records) == 1)
        assert door.is_connected


async def test_an_asterisk_without_requests_over_the_websocket_gets_them_over_http(
    server: Server,
) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))

    server.script, records = one_call, Records()
    async with opened(server, records, rest="websocket") as door:
        await until(lambda: len(records) == 1)
        assert door.way == "http"
    assert records.outcomes == ["applied"]


async def test_the_door_comes_back_each_time_it_is_cut_off(server: Server) -> None:
    async def cut(socket: web.WebSocketResponse) -> None:
        if len(server.sockets) < 4:
            await socket.close()
        else:
            await socket.send_str(start(1))

    server.script, records = cut, Records()
    async with opened(server, records):
        await until(lambda: len(records) == 1)
    assert len(server.sockets) == 4


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "password"), (403, "read_only"), (404, "http.conf"), (500, "answers 500")],
)
async def test_a_refused_login_says_in_one_line_what_to_mend(
    server: Server, status: int, advice: str
) -> None:
    server.handshake = status
    async with opened(server, Records(), password="s3cret") as door:
        await until(lambda: door.trouble != "")
        assert advice in door.trouble
        assert "s3cret" not in door.trouble
        assert "\n" not in door.trouble


async def test_a_server_that_is_not_there_is_waited_for() -> None:
    settings = AriSettings(url="http://127.0.0.1:1/ari")
    door = AriDoor(Screener(lambda: BLOCK_ALL), Records().put, settings)
    await door.start()
    await until(lambda: door.trouble != "")
    assert "cannot reach" in door.trouble
    await door.drain(0.2)


async def test_a_call_that_went_while_it_was_found_waiting_is_normal(server: Server) -> None:
    server.waiting, server.status, records = ["gone"], 404, Records()
    async with opened(server, records) as door:
        await until(lambda: any("/channels/gone" in path for path in server.asked))
        assert door.is_connected
    assert records == []


async def test_a_channel_with_any_name_stays_one_part_of_the_path(server: Server) -> None:
    async def strange(socket: web.WebSocketResponse) -> None:
        await socket.send_str('{"type": "StasisStart", "channel": {"id": "a/../b?c#d e"}}')

    server.script, records = strange, Records()
    async with opened(server, records, rest="http"):
        await until(lambda: len(records) == 1)
    assert any(path.startswith("/ari/channels/a%2F..%2Fb%3Fc%23d%20e/") for path in server.asked)


async def test_a_call_that_the_door_closes_on_has_its_record(server: Server) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))

    server.script, server.silent, records = one_call, True, Records()
    async with opened(server, records, deadline=30.0):
        await until(lambda: any("variable" in path for path in server.asked))
        assert not records
    assert records.outcomes == ["failed"]


async def test_a_fault_of_ours_in_the_connection_does_not_end_it(server: Server) -> None:
    asked = 0

    class Faulty(AriDoor):
        def event(self, event: Event) -> None:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise RuntimeError("of ours")
            super().event(event)

    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(len(server.sockets)))

    server.script, records = one_call, Records()
    settings = AriSettings(url=server.url, deadline=0.2)
    door = Faulty(Screener(lambda: BLOCK_ALL), records.put, settings)
    await door.start()
    await until(lambda: len(records) == 1)
    await door.drain(0.4)


async def test_an_intercept_has_its_verdict_on_the_channel_before_its_longer_wait(
    server: Server,
) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))

    server.script, records = one_call, Records()
    rule = decode_rule("all", '{"action": "intercept", "respond": {"prompt": "beep"}}')
    door = AriDoor(
        Screener(lambda: World(compile_rules([rule]), {}, {})),
        records.put,
        AriSettings(url=server.url, prompt_limit=0.1),
    )
    await door.start()
    await until(lambda: len(records) == 1)
    await door.drain(0.4)
    asked = [path for path in server.asked if "/channels/c1/variable" in path]
    assert ["RINGFENCE_VERDICT" in path for path in asked] == [True, False]


@pytest.mark.parametrize("action", ["challenge", "intercept"])
async def test_a_call_whose_longer_wait_may_have_begun_unheard_is_sent_on(
    server: Server, action: str
) -> None:
    rule = decode_rule("all", f'{{"action": "{action}"}}')

    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))
        # Asterisk sets it, and says so too late
        await until(lambda: any("/channels/c1/variable" in path for path in server.asked))
        server.silent = False

    server.script, server.silent, records = one_call, True, Records()
    async with opened(server, records, Screener(lambda: World(compile_rules([rule]), {}, {}))):
        await until(lambda: any("/channels/c1/continue" in path for path in server.asked), 2.0)
        await until(lambda: len(records) == 1)
    assert records.outcomes == ["late"]


OFTEN = World(
    compile_rules(
        [
            decode_rule(
                "often",
                '{"action": "block", "when": {"rate": {"per": "called", "over": "9s",'
                ' "at_least": 1}}}',
            )
        ]
    ),
    {},
    {},
)


class Counting:
    """Counters that answer when they are let, or fail."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.asked = 0
        self.broken = False

    async def count(self, demands: Sequence[Demand], now: float) -> Counted:
        self.asked += 1
        await self.answer.wait()
        if self.broken:
            raise RuntimeError("of ours")
        return {demand.key: 1 for demand in demands}


@pytest.mark.parametrize(("broken", "reason"), [(False, Reason.RULE), (True, Reason.FAIL_OPEN)])
async def test_a_call_that_is_counted_waits_for_its_count(
    server: Server, broken: bool, reason: Reason
) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))

    counting, records = Counting(), Records()
    counting.broken, server.script = broken, one_call
    screener = Screener(lambda: OFTEN, counters=counting)
    async with opened(server, records, screener, deadline=5.0):
        await until(lambda: counting.asked == 1)
        assert not records
        counting.answer.set()
        await until(lambda: len(records) == 1)
    assert [(each.verdict.reason, outcome) for each, outcome in records] == [(reason, "applied")]


async def test_who_hangs_up_while_it_is_counted_has_its_record(server: Server) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))
        await until(lambda: counting.asked == 1)
        await socket.send_str('{"type": "ChannelHangupRequest", "channel": {"id": "c1"}}')
        counting.answer.set()

    counting, records = Counting(), Records()
    server.script, server.status = one_call, 404
    async with opened(server, records, Screener(lambda: OFTEN, counters=counting)):
        await until(lambda: len(records) == 1)
    assert records.outcomes == ["hung-up"]


async def test_a_call_that_is_counted_when_the_door_closes_has_its_record(server: Server) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))

    counting, records = Counting(), Records()
    server.script = one_call
    async with opened(server, records, Screener(lambda: OFTEN, counters=counting)) as door:
        await until(lambda: counting.asked == 1)
        drained = asyncio.create_task(door.drain(1.0))
        await asyncio.sleep(0)
        counting.answer.set()
        await drained
    assert records.outcomes == ["applied"]


async def test_a_call_that_comes_back_before_its_first_answer_is_known_is_screened_again(
    server: Server,
) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))

    async def again(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))
        await asyncio.sleep(0.05)  # Asterisk's answer is slower than the call

    server.script, server.meanwhile, records = one_call, again, Records()
    async with opened(server, records):
        await until(lambda: len(records) == 2)
    assert records.outcomes == ["applied", "applied"]


async def test_a_call_that_is_told_of_twice_before_its_verdict_is_screened_once(
    server: Server,
) -> None:
    async def twice(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))
        await socket.send_str(start(1))

    server.script, records = twice, Records()
    async with opened(server, records):
        await until(lambda: len(records) >= 1)
    assert records.outcomes == ["applied"]


async def test_each_round_of_prompts_is_asked_for_with_all_of_them_and_the_language(
    server: Server,
) -> None:
    async def one_call(socket: web.WebSocketResponse) -> None:
        await socket.send_str(start(1))
        for number in range(2):
            await until(lambda: len(plays(server)) > number)  # noqa: B023
            name = plays(server)[number].partition("?")[0].rpartition("/")[2]
            ended = {"type": "PlaybackFinished", "playback": {"id": name, "state": "done"}}
            await socket.send_str(json.dumps(ended))

    server.script, records = one_call, Records()
    respond = '{"prompt": ["a/b", "c"], "repeat": 2, "language": "es", "answer": true}'
    rule = decode_rule("all", f'{{"action": "intercept", "respond": {respond}}}')
    world = World(compile_rules([rule]), {}, {})
    async with opened(server, records, Screener(lambda: world)):
        await until(lambda: len(records) == 1)
    assert records.outcomes == ["applied"]
    asked = [path.partition("?") for path in plays(server)]
    assert len({path for path, *_ in asked}) == 2
    assert {query for *_, query in asked} == {"media=sound%3Aa%2Fb%2Csound%3Ac&lang=es"}
    ways = [path.partition("?")[0].rpartition("/")[2] for path in server.asked]
    assert ways.index("answer") < server.asked.index(plays(server)[0])


def plays(server: Server) -> list[str]:
    return [path for path in server.asked if "/channels/c1/play/" in path]
