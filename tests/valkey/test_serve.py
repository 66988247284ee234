"""`ringfence serve` as a process: start, restart, shutdown, and what survives what."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ringfence.doctor.agi import examine_agi
from ringfence.doctor.finding import State
from ringfence.settings import Address
from ringfence.store.connection import connect_redis

from .conftest import Until

FACTS = "caller=19005550100&called=12025550199&trunk=carrier-a"


class Serve:
    """One `ringfence serve`, seen from outside."""

    def __init__(self, folder: Path, **environ: str) -> None:
        config = folder / "none.toml"
        config.touch()
        self.state = folder / "state"
        self.at = Address("127.0.0.1", _free_port())
        self.log_path = folder / f"log-{self.at.port}"
        self.environ = {
            "PATH": os.environ["PATH"],
            "RINGFENCE_CONFIG": str(config),
            "RINGFENCE_STATE_DIR": str(self.state),
            "RINGFENCE_AGI_BIND": str(self.at),
            "RINGFENCE_LOG_FORMAT": "json",
            **environ,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ringfence.cli", "serve", *arguments],
                env=self.environ, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self.process

    def cli(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "ringfence.cli", *arguments], env=self.environ,
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    def events(self, event: str) -> list[dict[str, Any]]:
        lines = self.log_path.read_text().splitlines() if self.log_path.exists() else []
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    async def verdict(self) -> str:
        reader, writer = await asyncio.open_connection(*self.at)
        try:
            writer.write(
                b"agi_network: yes\nagi_network_script: screen\nagi_channel: PJSIP/carrier-a-1\n"
                b"agi_uniqueid: 1.1\nagi_arg_1: " + FACTS.encode() + b"\n\n"
            )
            line = (await asyncio.wait_for(reader.readline(), 2)).decode()
            writer.write(b"200 result=0\n")
            await asyncio.wait_for(reader.read(), 2)
            return line.partition("RINGFENCE_ACTION=")[2].partition(",")[0]
        finally:
            writer.close()

    async def is_open(self) -> bool:
        return (await examine_agi(self.at)).state is State.OK


ServeIn = Callable[..., Serve]


@pytest.fixture
def serve_in(short_dir: Path) -> Iterator[ServeIn]:
    started: list[Serve] = []

    def make(**environ: str) -> Serve:
        started.append(Serve(short_dir, **environ))
        return started[-1]

    yield make
    for each in started:
        if each.process and each.process.poll() is None:
            each.process.terminate()
            each.process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


def _valkeys(state: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(state / "valkey.sock") in line:
                found.append(int(entry.name))
    return found


async def test_who_calls_too_often_is_blocked_and_caught_on_all_workers(
    serve_in: ServeIn, until: Until
) -> None:
    serve = serve_in()
    serve.start("--workers", "2")
    await until(lambda: len(serve.events("in step with Redis")) == 2, within=30)
    redis = connect_redis(f"unix://{serve.state / 'valkey.sock'}")
    often = {
        "action": "block",
        "when": {"rate": {"per": "caller", "over": "60s", "at_least": 20}},
        "also": {"list": "caught", "for": "1h"},
    }
    await redis.hset("ringfence:rules", "too-often", json.dumps(often))
    await until(lambda: len(serve.events("rules in force")) == 2, within=30)

    async def count_to(action: str) -> int:
        calls = 1
        while await serve.verdict() != action:
            calls += 1
            assert calls < 200
        return calls

    assert await count_to("block") == 20
    caught = "ringfence:list:caught"
    await until(lambda: redis.zscore(caught, "+19005550100"))
    listed = {"action": "intercept", "priority": 1, "when": {"caller": "@caught"}}
    await redis.hset("ringfence:rules", "caught", json.dumps(listed))
    await until(lambda: len(serve.events("rules in force")) == 4, within=30)
    assert {await serve.verdict() for _ in range(20)} == {"intercept"}
    await redis.aclose()


async def test_a_rule_is_in_force_and_its_call_is_logged_after_a_clean_shutdown(
    serve_in: ServeIn, until: Until
) -> None:
    serve = serve_in()
    process = serve.start()
    await until(serve.is_open)
    await until(lambda: serve.events("in step with Redis"))
    serve.cli("rule", "add", "premium", "--caller", "+1900*", "--action", "block")

    async def blocked() -> bool:
        return await serve.verdict() == "block"

    await until(blocked)
    process.terminate()
    assert process.wait(15) == 0
    assert _valkeys(serve.state) == []
    calls = json.loads(serve.cli("calls", "--json"))
    assert calls[-1]["rule"] == "premium"
    (rule,) = json.loads(serve.cli("rule", "list", "--json"))
    assert rule["hits"] == sum(call.get("rule") == "premium" for call in calls)


async def test_after_a_start_without_redis_the_snapshot_screens_at_once(
    serve_in: ServeIn, until: Until
) -> None:
    serve = serve_in()
    serve.cli("rule", "add", "premium", "--caller", "+1900*", "--action", "block")
    process = serve.start()
    await until(serve.is_open)
    await until(lambda: serve.events("in step with Redis"))
    process.terminate()
    process.wait(15)
    serve.environ["RINGFENCE_REDIS_URL"] = f"redis://127.0.0.1:{_free_port()}/0"
    serve.start()
    await until(serve.is_open)
    assert await serve.verdict() == "block"


async def test_a_port_in_use_is_one_line_that_names_it(serve_in: ServeIn) -> None:
    serve = serve_in()
    with socket.socket() as taken:
        taken.bind(serve.at)
        taken.listen()
        for arguments in ((), ("--workers", "2")):
            process = serve.start(*arguments)
            assert process.wait(20) == 1
    said = [line for line in serve.log_path.read_text().splitlines() if line.startswith("ringf")]
    assert len(said) == 2
    assert all(f"port {serve.at.port} on 127.0.0.1 is in use" in line for line in said)
    assert _valkeys(serve.state) == []


async def test_a_second_service_on_the_same_state_takes_over_the_embedded_server(
    serve_in: ServeIn, until: Until
) -> None:
    first, second = serve_in(), serve_in()
    process = first.start()
    await until(lambda: first.events("in step with Redis"), 20)
    second.start()
    await until(second.is_open, 20)
    (valkey,) = _valkeys(first.state)
    process.terminate()
    process.wait(20)
    await until(lambda: valkey not in _valkeys(first.state) and _valkeys(first.state), 20)
    second.cli("rule", "add", "premium", "--caller", "+1900*", "--action", "block")

    async def blocked() -> bool:
        return await second.verdict() == "block"

    await until(blocked)


async def test_workers_share_the_port_and_a_dead_one_is_started_again(
    serve_in: ServeIn, until: Until
) -> None:
    serve = serve_in()
    process = serve.start("--workers", "2")
    await until(lambda: serve.events("all workers ready"), 20)
    pids = {line["worker"]: line["pid"] for line in serve.events("ready")}
    assert set(pids) == {1, 2}
    os.kill(pids[1], signal.SIGKILL)
    await until(lambda: len(serve.events("ready")) == 3, 20)
    await until(serve.is_open)
    process.terminate()
    assert process.wait(20) == 0
    assert not any(_alive(line["pid"]) for line in serve.events("ready"))


async def test_a_killed_parent_leaves_no_worker_and_no_valkey_behind(
    serve_in: ServeIn, until: Until
) -> None:
    serve = serve_in()
    process = serve.start("--workers", "2")
    await until(lambda: serve.events("all workers ready"), 20)
    pids = [line["pid"] for line in serve.events("ready")] + _valkeys(serve.state)
    assert len(pids) == 3
    process.kill()
    process.wait(5)
    await until(lambda: not any(map(_alive, pids)), 15)


async def test_a_killed_service_leaves_no_valkey_behind(serve_in: ServeIn, until: Until) -> None:
    serve = serve_in()
    process = serve.start()
    await until(lambda: serve.events("in step with Redis"), 20)
    (valkey,) = _valkeys(serve.state)
    process.kill()
    process.wait(5)
    await until(lambda: not _alive(valkey), 15)


async def test_readiness_and_the_end_are_told_to_systemd(
    serve_in: ServeIn, short_dir: Path, until: Until
) -> None:
    path = short_dir / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.setblocking(False)
        told: list[bytes] = []

        def heard(state: bytes) -> bool:
            with contextlib.suppress(BlockingIOError):
                told.append(systemd.recv(1024))
            return state in told

        process = serve_in(NOTIFY_SOCKET=str(path)).start("--workers", "2")
        await until(lambda: heard(b"READY=1"), 20)
        process.terminate()
        await until(lambda: heard(b"STOPPING=1"))
        process.wait(20)
        assert told.count(b"READY=1") == 1


async def test_a_wrong_setting_ends_the_start_with_exit_code_2(
    serve_in: ServeIn, short_dir: Path
) -> None:
    for environ in (
        {"RINGFENCE_REDIS_PREFIX": "no colon"},
        {"RINGFENCE_REDIS_URL": "http://nowhere"},
        {"RINGFENCE_STATE_DIR": "/proc/nothing"},
        {"RINGFENCE_STATE_DIR": f"{short_dir}/{'deep' * 30}"},
        {"RINGFENCE_ARI_URL": "http://h h/ari", "RINGFENCE_ARI_PASSWORD": "x"},
    ):
        serve = serve_in(**environ)
        assert serve.start().wait(20) == 2, serve.log_path.read_text()
        (line,) = [line for line in serve.log_path.read_text().splitlines() if line[0] != "{"]
        assert line.startswith("ringfence: ")
