"""The commands that look into the call log find it on a server as they do in files."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ringfence.archive import Archiver
from ringfence.archive.postgresql.place import PostgresqlPlace
from ringfence.calllog.filter import EVERYTHING
from ringfence.calllog.record import encode_record
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from tests.postgresql.server import PASSWORD, PostgresqlServer
from tests.unit.archive.parts import record
from tests.valkey.calllog_parts import ValkeyProcess
from tests.valkey.conftest import Until

KEYS = Keys("ringfence:")
Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture
def ringfence(valkey: ValkeyProcess, url: str, tmp_path: Path) -> Run:
    config = tmp_path / "none.toml"
    config.touch()
    environ = {
        "PATH": os.environ["PATH"],
        "RINGFENCE_CONFIG": str(config),
        "RINGFENCE_REDIS_URL": valkey.url,
        "RINGFENCE_STATE_DIR": str(tmp_path),
        "RINGFENCE_CALLLOG_ARCHIVE": url,
    }

    def run(*arguments: str, code: int = 0, **more: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "ringfence.cli", *arguments],
            env=environ | more, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
async def archived(valkey: ValkeyProcess, url: str, until: Until) -> None:
    """Five calls, which are on the server alone."""
    redis = connect_redis(valkey.url)
    for n in range(5):
        await redis.xadd(KEYS.calls, {"record": encode_record(record(n))})
    archiver = Archiver(redis, KEYS, PostgresqlPlace(url), every=0.01)
    running = asyncio.create_task(archiver.run())
    await until(lambda: archiver.archived == 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await redis.delete(KEYS.calls)
    await redis.aclose()


@pytest.mark.usefixtures("archived")
async def test_calls_export_and_traceback_answer_from_the_server(
    ringfence: Run, tmp_path: Path
) -> None:
    found = json.loads(ringfence("calls", "--json", "--since", "2026-11-01").stdout)
    assert [each["id"] for each in found] == [record(n).id for n in range(5)]
    ringfence("calls", "--since", "2026-11-01", "--export", str(tmp_path / "calls.jsonl"))
    assert (tmp_path / "calls.jsonl").read_text().count("\n") == 5
    asked = ("traceback", "--called", "2025550123", "--caller", "3015550199", "--json")
    answer = json.loads(ringfence(*asked, "--at", "2026-11-20T12:00Z").stdout)
    assert len(answer["matches"]) == 5
    report = ringfence("report", "blocked", "--called", "2025550123", code=1)
    assert "could not be read" not in report.stderr


@pytest.mark.usefixtures("archived")
async def test_the_archive_command_shows_the_server_without_its_password(ringfence: Run) -> None:
    told = json.loads(ringfence("archive", "--json").stdout)
    assert told["server"].startswith("postgresql://ringfence@/")
    assert (told["days"], told["calls"], told["first"]) == (1, 5, "2026-11-20")
    assert told["bytes"] > 0
    assert "server" in ringfence("archive").stdout


@pytest.mark.usefixtures("archived")
async def test_without_the_server_commands_say_so_in_one_line(
    ringfence: Run, server: PostgresqlServer
) -> None:
    server.stop()
    told = ringfence("calls", "--since", "2026-11-01", code=1)
    assert "does not answer" in told.stderr
    assert told.stderr.count("\n") <= 2
    ringfence("provider", "add", "acme", "--name", "Acme")
    assert "does not answer" in ringfence("provider", "show", "acme").stderr
    report = ringfence("report", "blocked", "--called", "2025550123", code=1)
    assert "does not answer" in report.stderr + report.stdout
    problem = ringfence("archive", code=1)
    assert "does not answer" in problem.stdout
    # not found would be a wrong answer
    asked = ("traceback", "--called", "2025550123", "--caller", "3015550199")
    refused = ringfence(*asked, "--at", "2026-11-20T12:00Z", code=1)
    assert "does not answer" in refused.stderr
    assert not refused.stdout


async def test_a_setting_that_is_no_url_stops_the_start(ringfence: Run) -> None:
    for command, wrong in (("calls", "mysql://u:s3@h/x"), ("serve", "postgresql://u:s3/x@h/x")):
        refused = ringfence(command, code=2, RINGFENCE_CALLLOG_ARCHIVE=wrong)
        assert "postgresql://USER@HOST/DATABASE" in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert "s3" not in refused.stderr


async def test_without_psycopg_the_extra_is_named(ringfence: Run, tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('as if it were not installed')")
    for command in ("calls", "serve"):
        refused = ringfence(command, code=2, PYTHONPATH=str(tmp_path))
        assert "pip install 'ringfence[postgresql]'" in refused.stderr
        assert refused.stderr.count("\n") == 1


async def test_serve_archives_to_the_server_and_goes_on_when_it_comes_late(
    valkey: ValkeyProcess, server: PostgresqlServer, url: str, tmp_path: Path, until: Until
) -> None:
    server.stop()
    redis = connect_redis(valkey.url)
    await redis.xadd(KEYS.calls, {"record": encode_record(record(1))})
    serving = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringfence.cli", "serve"),
        env={
            "PATH": os.environ["PATH"],
            "RINGFENCE_AGI_BIND": "127.0.0.1:0",
            "RINGFENCE_REDIS_URL": valkey.url,
            "RINGFENCE_STATE_DIR": str(tmp_path),
            "RINGFENCE_CALLLOG_ARCHIVE": url,
        },
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert serving.stdout
        told = b""
        async with asyncio.timeout(30):
            while b"wait in Redis" not in told:
                line = await serving.stdout.readline()
                assert line, told.decode()
                told += line
        await asyncio.to_thread(server.start)
        await until(lambda: record(1).id in _found(url), within=30)
    finally:
        serving.terminate()
        rest, _ = await serving.communicate()
        await redis.aclose()
    assert PASSWORD.encode() not in told + rest
    assert b"does not answer" in told


def _found(url: str) -> list[str]:
    return [each.id for each in PostgresqlPlace(url).source().newest(EVERYTHING)]
