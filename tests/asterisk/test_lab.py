"""The lab itself: what every end-to-end test stands on."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab, LabError, Trunk, run_at_rate
from lab.root import STAMP, ensure_root, in_use, is_built, recipe_stamp

pytestmark = pytest.mark.asterisk

DOCKER = Path(__file__).parents[2] / "docker"
CONTEXTS = """
[refusing]
exten => _[+0-9].,1,PJSIPHangup(603)

[announcing]
exten => _[+0-9].,1,Progress()
 same => n,Playback(vm-goodbye,noanswer)
 same => n,PJSIPHangup(607)

[telling]
exten => _[+0-9].,1,Set(LONG=${LEN(${PJSIP_HEADER(read,X-Long)})})
 same => n,Set(GLOBAL(SEEN)=${CALLERID(num)}/${LONG}/${COLOUR}/${URIENCODE(${CALLERID(name)})})
 same => n,PJSIPHangup(603)
"""
OWNER = """
import signal, sys
from pathlib import Path
from lab import Lab
# who is started in the background by a shell ignores it
signal.signal(signal.SIGINT, signal.default_int_handler)
with Lab(Path(sys.argv[1])) as lab:
    print(lab.slot.number, lab.asterisk.pid, lab.callee.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(
        extra_dialplan=CONTEXTS,
        extra_trunks=[
            Trunk("refused", 20, "refusing"),
            Trunk("announced", 21, "announcing"),
            Trunk("told", 22, "telling", trusted=True),
        ],
        set_var={"told": {"COLOUR": "red"}},
    ) as running:
        print(f"Asterisk answered after {running.start_seconds:.2f} s")
        yield running


@pytest.fixture(autouse=True)
def _asterisk_log(lab: Lab) -> Iterator[None]:
    yield
    print(lab.log_tail())  # pytest shows it when the test failed


def test_asterisk_starts_without_a_warning(lab: Lab) -> None:
    with Lab(lab.root) as fresh:
        assert fresh.warnings() == []


async def test_a_call_is_answered_and_talks_both_ways(lab: Lab) -> None:
    async with lab.caller("carrier-a") as caller:
        result = await caller.call(caller="+12025550100", called="+12025550199", talk=0.4)
    assert result.status == 200
    assert result.answered
    assert result.provisionals == (100, 180)
    assert result.rtp_packets >= 15
    assert lab.received()[-1].called == "+12025550199"


@pytest.mark.parametrize("called", ["911", "0012025550199", "2025550199", "+442079460000"])
@pytest.mark.parametrize("trunk", ["gateway-b", "customer"])
async def test_every_trunk_reaches_the_callee_by_any_number(
    lab: Lab, trunk: str, called: str
) -> None:
    async with lab.caller(trunk) as caller:
        result = await caller.call(caller="+12025550100", called=called, talk=0)
    assert result.answered
    assert lab.received()[-1].called == called


def test_sipp_is_an_independent_caller(lab: Lab) -> None:
    result = lab.sipp(trunk="customer", caller="+12025550100", called="+12025550199", calls=3)
    assert result.ok, result.errors
    assert result.successful == 3


async def test_a_refusal_is_final_and_acknowledged(lab: Lab) -> None:
    async with lab.caller("refused") as caller:
        result = await caller.call(caller="+12025550100", called="+12025550199")
    assert (result.status, result.phrase, result.answered) == (603, "Decline", False)
    assert result.reason == "Q.850;cause=0"
    assert 0 < result.setup_ms < 500
    assert "0 active channels" in lab.rx("core show channels")


async def test_an_announcement_is_heard_as_early_media(lab: Lab) -> None:
    async with lab.caller("announced") as caller:
        result = await caller.call(caller="+12025550100", called="+12025550199")
    assert result.status == 607
    assert 183 in result.provisionals
    assert result.early_media
    assert result.early_rtp_packets > 20


async def test_a_caller_who_hangs_up_while_it_rings_ends_with_487(lab: Lab) -> None:
    async with lab.caller() as caller:
        result = await caller.call(
            caller="+12025550100",
            called="+12025550199",
            headers=[("X-Lab-Ring", "5")],
            hang_up_after=0.2,
        )
    assert result.status == 487
    assert result.setup_ms < 1000


async def test_strangers_headers_arrive_as_they_were_sent(lab: Lab) -> None:
    async with lab.caller("told") as caller:
        result = await caller.call(
            caller="+12025550100",
            called="+12025550199",
            caller_name='Smith, "Jo"',
            headers=[("X-Long", "x" * 3500)],
        )
    assert result.status == 603
    # Asterisk keeps the backslashes that SIP wants in front of quotes
    assert "SEEN=+12025550100/3500/red/Smith%2C%20%5C%22Jo%5C%22" in lab.rx("dialplan show globals")


async def test_a_trusted_trunk_names_the_caller_in_its_own_header(lab: Lab) -> None:
    asserted = ("P-Asserted-Identity", '"Ann" <sip:+12025550177@carrier.example>')
    async with lab.caller("told") as caller:
        await caller.call(caller="anonymous", called="911", headers=[asserted])
    assert "SEEN=+12025550177/0/red/Ann" in lab.rx("dialplan show globals")


async def test_bytes_that_are_no_utf8_are_sent_untouched(lab: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((lab.address(99), 0))
        async with lab.caller() as caller:
            caller.asterisk = peer.getsockname()
            await caller.call(
                caller="1",
                called="2",
                caller_name=b"\xff",
                headers=[("X-Raw", b"M\xfcller,\r\n folded"), ("X-Long", "y" * 20000)],
                timeout=0.1,
            )
        sent = peer.recv(65535)
    assert b"\r\nX-Raw: M\xfcller,\r\n folded\r\n" in sent
    assert b'\r\nFrom: "\xff" <sip:1@' in sent
    assert b"y" * 20000 in sent


async def test_a_silent_asterisk_gives_a_result_and_not_an_exception(lab: Lab) -> None:
    async with lab.caller() as caller:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((lab.address(99), 0))
            caller.asterisk = silent.getsockname()
            result = await caller.call(caller="+12025550100", called="911", timeout=0.7)
    assert result.status == 0
    assert result.invites_sent == 2  # once more after T1


async def test_a_call_given_up_is_cancelled_once_asterisk_speaks(lab: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((lab.address(99), 0))
        peer.setblocking(False)
        async with lab.caller() as caller:
            caller.asterisk = peer.getsockname()
            result = await caller.call(caller="1", called="2", timeout=0.05)
            assert result.status == 0
            invite = peer.recv(65535)
            _, *rest = invite.split(b"\r\n\r\n")[0].split(b"\r\n")
            kept = [line for line in rest if line.split(b":")[0] in (b"Call-ID", b"CSeq", b"Via")]
            trying = b"\r\n".join([b"SIP/2.0 100 Trying", *kept, b"", b""])
            peer.sendto(trying, (caller.address, caller.port))
            loop = asyncio.get_running_loop()
            cancel = await asyncio.wait_for(loop.sock_recv(peer, 65535), 2)
            assert cancel.startswith(b"CANCEL ")
            with pytest.raises(TimeoutError):  # it is not repeated, as nobody waits for it
                await asyncio.wait_for(loop.sock_recv(peer, 65535), 0.8)


async def test_many_calls_share_one_socket_without_loss(lab: Lab) -> None:
    async with lab.caller("refused") as caller:
        results = await run_at_rate(
            100, 2, lambda n: caller.call(caller=f"+1202555{n:04}", called="+12025550199")
        )
    assert [result.status for result in results] == [603] * 200


def test_two_labs_run_side_by_side(lab: Lab) -> None:
    with Lab(lab.root) as other:
        assert other.slot != lab.slot
        assert other.sipp(caller="+12025550100", called="911").ok
        assert lab.sipp(caller="+12025550100", called="911").ok


async def test_globals_change_with_a_reload(lab: Lab) -> None:
    lab.reload_dialplan(globals={"RINGFENCE_AGI": "agi://127.0.0.1:4573/screen;x"})
    assert "RINGFENCE_AGI=agi://127.0.0.1:4573/screen;x" in lab.rx("dialplan show globals")
    lab.reload_dialplan(globals={})
    assert "RINGFENCE_AGI" not in lab.rx("dialplan show globals")


def test_the_dialplan_under_test_screens_calls(lab: Lab, tmp_path: Path) -> None:
    dialplan = tmp_path / "ringfence.conf"
    dialplan.write_text(
        "[ringfence]\nexten => screen,1,Set(GLOBAL(ASKED)=${ARG1}/${RINGFENCE_DOOR})\n"
        " same => n,Return()\n"
    )

    async def place(running: Lab) -> None:
        async with running.caller() as caller:
            headers = [("X-Lab-Door", "ari")]
            result = await caller.call(caller="1", called="911", talk=0, headers=headers)
            assert result.answered, running.log_tail()

    with Lab(lab.root, dialplan=dialplan, globals={"RINGFENCE_DOOR": "agi"}) as screened:
        asyncio.run(place(screened))
        assert "ASKED=911/ari" in screened.rx("dialplan show globals")
        assert screened.warnings() == []


def test_a_killed_owner_leaves_no_asterisk_and_its_slot_is_reclaimed(lab: Lab) -> None:
    with _owner(lab.root) as owner:
        number, *children = _first_line(owner)
        watches = [os.pidfd_open(pid) for pid in children]
        owner.kill()
        for watch in watches:
            ended, _, _ = select.select([watch], [], [], 5)
            os.close(watch)
            assert ended, "a child outlived its killed owner"
    left = lab.root / "lab" / str(number) / "log" / "full.log"
    assert left.exists()
    with Lab(lab.root, slot=number) as reclaimed:
        assert reclaimed.rx("core show version").startswith("Asterisk 22")
        assert left.read_text().count("Asterisk Ready") == 1
    assert not left.parents[1].exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_owner_leaves_nothing_behind(lab: Lab, number: signal.Signals) -> None:
    with _owner(lab.root) as owner:
        slot, asterisk, callee = _first_line(owner)
        owner.send_signal(number)
        owner.wait(10)
    for pid in (asterisk, callee):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not (lab.root / "lab" / str(slot)).exists()


def test_a_slot_that_is_taken_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="is taken"), Lab(lab.root, slot=lab.slot.number):
        pass


def test_a_broken_configuration_shows_asterisks_own_words(lab: Lab) -> None:
    broken = Lab(lab.root, files={"modules.conf": "[modules]\nrequire = lost.so\n"})
    with pytest.raises(LabError, match=r"lost\.so"), broken:
        pass


def test_the_root_folder_is_built_once(lab: Lab) -> None:
    assert ensure_root() == lab.root


def test_a_root_folder_of_another_recipe_is_not_taken_for_finished(tmp_path: Path) -> None:
    assert not is_built(tmp_path)
    (tmp_path / STAMP).write_text("an older recipe\n")
    assert not is_built(tmp_path)
    (tmp_path / STAMP).write_text(recipe_stamp() + "\n")
    assert is_built(tmp_path)


def test_a_root_folder_in_use_is_not_replaced(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_LAB_CACHE", str(tmp_path))
    (tmp_path / "root").mkdir()
    with in_use(tmp_path / "root"), pytest.raises(LabError, match="a lab still runs"):
        ensure_root()
    assert (tmp_path / "root").exists()


def _owner(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(DOCKER)},
    )


def _first_line(owner: subprocess.Popen[str]) -> list[int]:
    assert owner.stdout is not None
    return [int(word) for word in owner.stdout.readline().split()]
