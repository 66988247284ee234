"""The ARI door on a real Asterisk: what a caller hears of each verdict, and of each failure."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ari_app import AriDoor, AriSettings
from lab import Lab, Trunk
from ringfence.rules import compile_rules, decode_rule
from ringfence.screening import Screened, Screener
from ringfence.world import World

pytestmark = pytest.mark.asterisk

DIALPLAN = Path(__file__).parents[2] / "dialplan" / "ringfence.conf"
DEADLINE = 0.25
RULES = {
    "listed": '{"when": {"caller": "+12025550666"}, "action": "block", "respond": {"sip": 607}}',
    "premium": '{"when": {"called": "+1900*"}, "action": "block"}',
    "gateway": '{"when": {"caller": "+12025550777"}, "action": "intercept",'
    ' "respond": {"prompt": "ss-noservice", "sip": 603}}',
    "silent": '{"when": {"caller": "+12025550778"}, "action": "intercept",'
    ' "respond": {"prompt": "no-such-prompt", "sip": 603}}',
    "spam": '{"when": {"caller": "+12025550888"}, "action": "flag", "respond": {"label": "SPAM?"}}',
}
FINE, LISTED, GATEWAY = "+12025550100", "+12025550666", "+12025550777"
SILENT, SPAM = "+12025550778", "+12025550888"
CALLED = "+12025550199"
TELLING = "+12025550198"
TELL = f"""
[callee](+)
exten => {TELLING},1,Set(GLOBAL(SEEN)=${{CALLERID(name)}})
 same => n,PJSIPHangup(480)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(
        dialplan=DIALPLAN,
        globals={"RINGFENCE_DOOR": "ari"},
        extra_dialplan=TELL,
        extra_trunks=[Trunk("patient", 20, "from-trunk"), Trunk("shared", 21, "from-trunk")],
        set_var={
            "patient": {"RINGFENCE_DEADLINE": "8"},
            "shared": {"RINGFENCE_BROADCAST": "yes"},
        },
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _asterisk_log(lab: Lab) -> Iterator[None]:
    yield
    print(lab.log_tail())  # pytest shows it when the test failed


def world() -> World:
    return World(compile_rules(decode_rule(*rule) for rule in RULES.items()), {}, {})


class Link:
    """A TCP link between door and Asterisk that can be cut, or stop carrying either way."""

    def __init__(self, lab: Lab) -> None:
        self._target = (lab.asterisk_address, 8088)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.to_asterisk = asyncio.Event()
        self.to_door = asyncio.Event()
        self.connections = 0

    async def __aenter__(self) -> "Link":
        self.mend()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ari"

    def mend(self) -> None:
        self.to_asterisk.set()
        self.to_door.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, onward = await asyncio.open_connection(*self._target)
        self._writers |= {writer, onward}
        with contextlib.suppress(OSError):
            await asyncio.gather(
                self._pump(reader, onward, self.to_asterisk),
                self._pump(there, writer, self.to_door),
            )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_open: asyncio.Event
    ) -> None:
        while data := await reader.read(65_536):
            await is_open.wait()
            writer.write(data)
        writer.close()


class Door:
    """An ARI door with a few rules, and what it recorded."""

    def __init__(self, settings: AriSettings, screener: Screener | None = None) -> None:
        self.records: list[tuple[Screened, str]] = []
        self.door = AriDoor(screener or Screener(world), self.record, settings)
        self._changed = asyncio.Event()

    def record(self, screened: Screened, outcome: str) -> None:
        self.records.append((screened, outcome))
        self._changed.set()

    async def recorded(self, count: int = 1, patience: float = 5.0) -> list[tuple[Screened, str]]:
        async with asyncio.timeout(patience):
            while len(self.records) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.records


async def until(condition: Callable[[], bool], patience: float = 10.0) -> None:
    """Poll `condition`: what it asks for has no event of its own."""
    async with asyncio.timeout(patience):
        # In a thread: the condition may ask Asterisk, and the calls must go on meanwhile.
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def a_prompt_is_heard(lab: Lab) -> bool:
    channels = [line.partition("!")[0] for line in lab.rx("core show channels concise").split()]
    # the prompts are GSM files, the trunk speaks G.711
    return any("WriteTranscode: Yes" in lab.rx(f"core show channel {name}") for name in channels)


def settings_of(lab: Lab, **changes: object) -> AriSettings:
    kept = {"url": lab.ari_url, "username": lab.ari_username, "password": lab.ari_password}
    return AriSettings(**{**kept, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def opened(
    lab: Lab, *, screener: Screener | None = None, **changes: object
) -> AsyncIterator[Door]:
    door = Door(settings_of(lab, **changes), screener)
    await door.door.start()
    await until(lambda: door.door.is_connected)
    await until(lambda: door.door.way == changes.get("rest", "websocket"))
    try:
        yield door
    finally:
        await door.door.drain(1.0)


@pytest.fixture(params=["http", "websocket"])
async def door(lab: Lab, request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    async with opened(lab, rest=request.param) as door:
        yield door


async def test_a_call_that_no_rule_touches_is_answered(lab: Lab, door: Door) -> None:
    async with lab.caller() as caller:
        result = await caller.call(caller=FINE, called=CALLED)
    assert result.answered
    [(screened, outcome)] = await door.recorded()
    assert outcome == "applied"
    assert screened.attempt.caller == FINE
    assert screened.attempt.trunk == "carrier-a"


async def test_a_listed_caller_is_rejected_with_the_rules_code(lab: Lab, door: Door) -> None:
    async with lab.caller() as caller:
        result = await caller.call(caller=LISTED, called=CALLED)
    assert result.status == 607
    [(screened, outcome)] = await door.recorded()
    assert (screened.verdict.rule, outcome) == ("listed", "applied")


async def test_an_intercepted_caller_hears_the_prompt_in_early_media_and_is_rejected(
    lab: Lab, door: Door
) -> None:
    async with lab.caller() as caller:
        result = await caller.call(caller=GATEWAY, called=CALLED)
    assert result.status == 603
    assert 183 in result.provisionals
    assert result.early_rtp_packets > 10
    assert not result.answered
    [(screened, outcome)] = await door.recorded()
    assert (screened.verdict.rule, outcome) == ("gateway", "applied")


async def test_a_prompt_that_cannot_be_played_still_ends_in_the_rejection(
    lab: Lab, door: Door
) -> None:
    async with lab.caller() as caller:
        result = await caller.call(caller=SILENT, called=CALLED)
    assert result.status == 603
    assert (await door.recorded())[0][1] == "applied"


async def test_a_flagged_caller_gets_through_with_the_label_in_its_name(
    lab: Lab, door: Door
) -> None:
    async with lab.caller() as caller:
        result = await caller.call(caller=SPAM, called=TELLING, caller_name="Bob")
    assert result.status == 480
    assert (await door.recorded())[0][0].verdict.label == "SPAM?"
    assert lab.rx("dialplan show globals").count("SEEN=SPAM? Bob\n") == 1


async def test_a_caller_name_that_is_no_utf8_neither_stops_the_call_nor_the_door(
    lab: Lab, door: Door
) -> None:
    async with lab.caller() as caller:
        result = await caller.call(caller=LISTED, called=CALLED, caller_name=b"Jos\xe9, \xff")
        assert result.status == 607
        assert (await caller.call(caller=FINE, called=CALLED)).answered
    assert [outcome for _, outcome in await door.recorded(2)] == ["applied", "applied"]


async def test_a_caller_who_hangs_up_during_screening_is_recorded_as_hung_up(lab: Lab) -> None:
    async with (
        Link(lab) as link,
        opened(lab, url=link.url, deadline=8, heartbeat=60) as door,
        lab.caller("patient") as caller,
    ):
        link.to_asterisk.clear()
        result = await caller.call(caller=FINE, called=CALLED, hang_up_after=0.2)
        assert result.status == 487
        await until(lambda: "Stasis" not in lab.rx("core show channels"))
        link.mend()
        [(_, outcome)] = await door.recorded()
    assert outcome == "hung-up"


async def test_a_caller_who_hangs_up_during_an_intercept_is_recorded_as_hung_up(
    lab: Lab, door: Door
) -> None:
    async with lab.caller() as caller:
        result = await caller.call(caller=GATEWAY, called=CALLED, hang_up_after=0.5)
        assert result.status == 487
        [(screened, outcome)] = await door.recorded()
        assert (screened.verdict.rule, outcome) == ("gateway", "hung-up")
        assert (await caller.call(caller=FINE, called=CALLED)).answered


async def test_a_verdict_after_the_deadline_is_late_and_the_call_has_gone_on(lab: Lab) -> None:
    async with (
        Link(lab) as link,
        opened(lab, url=link.url, deadline=8, heartbeat=60) as door,
        lab.caller() as caller,
    ):
        link.to_asterisk.clear()
        result = await caller.call(caller=LISTED, called=CALLED)
        assert result.answered
        assert result.setup_ms >= DEADLINE * 1000
        link.mend()
        [(_, outcome)] = await door.recorded()
    assert outcome == "late"


@pytest.mark.parametrize("rest", ["http", "websocket"])
async def test_an_asterisk_that_never_answers_a_request_does_not_hold_the_door(
    lab: Lab, rest: str
) -> None:
    async with (
        Link(lab) as link,
        opened(lab, url=link.url, rest=rest, heartbeat=60) as door,
        lab.caller() as caller,
    ):
        assert (await caller.call(caller=LISTED, called=CALLED)).status == 607
        link.to_asterisk.clear()
        assert (await caller.call(caller=LISTED, called=CALLED)).answered
        records = await door.recorded(2)
        link.mend()
    assert [outcome for _, outcome in records] == ["applied", "late"]


@pytest.mark.parametrize("rest", ["http", "websocket"])
async def test_after_a_cut_the_door_is_back_and_the_calls_left_waiting_are_screened(
    lab: Lab, rest: str
) -> None:
    async with (
        Link(lab) as link,
        opened(lab, url=link.url, rest=rest, heartbeat=60) as door,
        lab.caller("patient") as caller,
    ):
        link.to_door.clear()  # Asterisk tells of a call, and the door never hears it
        waiting = asyncio.create_task(caller.call(caller=LISTED, called=CALLED))
        await until(lambda: "Stasis" in lab.rx("core show channels"))
        link.cut()
        link.mend()
        assert (await waiting).status == 607
        assert (await caller.call(caller=LISTED, called=CALLED)).status == 607
        records = await door.recorded(2)
    assert [outcome for _, outcome in records] == ["applied", "applied"]


async def test_an_intercept_goes_on_over_a_cut_to_its_rejection(lab: Lab) -> None:
    async with Link(lab) as link, opened(lab, url=link.url) as door, lab.caller() as caller:
        call = asyncio.create_task(caller.call(caller=GATEWAY, called=CALLED))
        await until(lambda: a_prompt_is_heard(lab))
        link.cut()
        assert (await call).status == 603
        assert (await door.recorded())[0][1] == "applied"


async def test_a_half_open_connection_is_noticed_and_replaced(lab: Lab) -> None:
    async with Link(lab) as link, opened(lab, url=link.url, heartbeat=0.4) as door:
        before = link.connections
        link.to_door.clear()
        await until(lambda: not door.door.is_connected)
        link.mend()
        await until(lambda: door.door.is_connected and link.connections > before)
        async with lab.caller() as caller:
            assert (await caller.call(caller=LISTED, called=CALLED)).status == 607


async def test_a_door_that_closes_answers_who_waits_and_holds_up_nobody_after(lab: Lab) -> None:
    async with opened(lab) as door, lab.caller() as caller:
        prompt = asyncio.create_task(caller.call(caller=GATEWAY, called=CALLED))
        await until(lambda: a_prompt_is_heard(lab))
        await door.door.drain(1.0)
        assert (await prompt).status == 603
        [(_, outcome)] = await door.recorded()
        assert outcome == "applied"
        result = await caller.call(caller=LISTED, called=CALLED)
        assert result.answered
        assert result.setup_ms < DEADLINE * 1000


@pytest.mark.parametrize("rest", ["http", "websocket"])
async def test_two_workers_share_the_calls_and_each_call_is_screened_once(
    lab: Lab, rest: str
) -> None:
    async with (
        opened(lab, rest=rest) as first,
        opened(lab, rest=rest, worker=2) as second,
        lab.caller("shared") as caller,
    ):
        for _ in range(12):
            assert (await caller.call(caller=LISTED, called=CALLED)).status == 607
        await until(lambda: len(first.records) + len(second.records) >= 12)
    assert len(first.records) + len(second.records) == 12
    assert {outcome for _, outcome in first.records + second.records} == {"applied"}


WORKER = """
import asyncio, sys
from ari_app import AriDoor, AriSettings
from ringfence.rules import compile_rules, decode_rule
from ringfence.screening import Screener
from ringfence.world import World

async def main():
    url, username, password, worker, rule = sys.argv[1:]
    settings = AriSettings(
        url=url, username=username, password=password, worker=int(worker), prompt_limit=1
    )
    world = World(compile_rules([decode_rule("only", rule)]), {}, {})
    door = AriDoor(Screener(lambda: world), lambda screened, outcome: None, settings)
    await door.start()
    while not door.is_connected:
        await asyncio.sleep(0.01)
    print("screening", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def worker_process(
    lab: Lab, rule: str, worker: int = 1
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A door in a process of its own, to be stopped or killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER,
        lab.ari_url, lab.ari_username, lab.ari_password, str(worker), rule,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readuntil(b"screening\n"), 10)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_stopped_worker_costs_no_call_its_screening(lab: Lab) -> None:
    async with worker_process(lab, RULES["listed"], worker=2) as stopped:
        stopped.send_signal(signal.SIGSTOP)
        async with opened(lab), lab.caller("shared") as caller:
            for _ in range(5):
                result = await caller.call(caller=LISTED, called=CALLED)
                assert result.status == 607
                assert result.setup_ms < DEADLINE * 1000 + 50


async def test_a_door_killed_in_an_intercept_leaves_a_call_that_is_still_rejected(
    lab: Lab,
) -> None:
    async with worker_process(lab, RULES["gateway"]) as killed, lab.caller() as caller:
        call = asyncio.create_task(caller.call(caller=GATEWAY, called=CALLED))
        await until(lambda: a_prompt_is_heard(lab))
        killed.kill()
        result = await call
        assert (result.status, result.answered) == (603, False)


async def test_a_wrong_password_is_told_in_one_line(lab: Lab) -> None:
    door = Door(settings_of(lab, password="wrong"))
    await door.door.start()
    await until(lambda: door.door.trouble != "")
    assert "refuses the login" in door.door.trouble
    await door.door.drain(0.5)


async def test_an_address_without_ari_is_told_in_one_line(lab: Lab) -> None:
    door = Door(settings_of(lab, url=f"http://{lab.asterisk_address}:8088/elsewhere"))
    await door.door.start()
    await until(lambda: door.door.trouble != "")
    assert "http.conf" in door.door.trouble
    await door.door.drain(0.5)


async def test_a_second_door_under_the_same_name_is_told_in_one_line(lab: Lab) -> None:
    async with opened(lab) as first, opened(lab):
        await until(lambda: first.door.trouble != "")
        assert "another process" in first.door.trouble
