"""`ringfence calls` over stream and archive, and its exports, as admins run them."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ringfence.archive import Archiver
from ringfence.archive.lease import read_status
from ringfence.archive.place import DayFolder
from ringfence.archive.reading import ArchiveReader
from ringfence.calllog.filter import EVERYTHING
from ringfence.calllog.record import CallRecord, decode_record, encode_record
from ringfence.store.keys import Keys
from tests.unit.archive.parts import NOON, record

Run = Callable[..., Any]
Until = Callable[..., Awaitable[None]]

CALLS = [
    record(0),
    record(1, action="block", rule="gateway", reason="rule", provider="acme",
           sip_call_id="x@192.0.2.1", signer="1234", headers={"user-agent": "a, b"}),
    record(2, caller_name='=HYPERLINK("https://example.net")', anonymous=True, ms=0.5, sip=603),
    record(3, trunk="carrier-b"),
]  # fmt: skip


@pytest.fixture
async def archived(redis: Redis, keys: Keys, tmp_path: Path, until: Until) -> list[CallRecord]:
    """Four calls: two are archived and gone from Redis, one is in both, one only in Redis."""
    for each in CALLS[:3]:
        await redis.xadd(keys.calls, {"record": encode_record(each)})
    archiver = Archiver(redis, keys, DayFolder(tmp_path / "archive"), every=0.01)
    running = asyncio.create_task(archiver.run())
    await until(lambda: archiver.archived == 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await redis.xtrim(keys.calls, maxlen=1, approximate=False)
    await redis.xadd(keys.calls, {"record": encode_record(CALLS[3])})
    return CALLS


async def test_calls_are_listed_from_redis_and_the_archive_as_one(
    ringfence: Run, archived: list[CallRecord]
) -> None:
    def found(*asked: str, code: int = 0) -> list[int]:
        listed = json.loads(ringfence("calls", "--json", *asked, code=code).stdout)
        return [[each.id for each in CALLS].index(row["id"]) for row in listed]

    assert found() == [0, 1, 2, 3]
    assert found("--limit", "2") == [2, 3]
    assert found("--provider", "acme") == [1]
    assert found("--signer", "1234") == [1]
    assert found("--verdict", "block") == [1]
    assert found("--sip-call-id", "x@192.0.2.1") == [1]
    assert found("--until", f"{NOON:%Y-%m-%dT%H:%M}:01Z") == [0, 1]
    assert found("--since", f"{NOON:%Y-%m-%dT%H:%M}:02Z", "--trunk", "carrier-*") == [2, 3]
    assert found("--since", "1m", code=1) == []
    shown = ringfence("calls", "--id", CALLS[1].id).stdout
    assert "x@192.0.2.1" in shown


async def test_an_export_has_every_call_newest_first(
    ringfence: Run, archived: list[CallRecord], tmp_path: Path
) -> None:
    lines = tmp_path / "calls.jsonl"
    assert "4 calls" in ringfence("calls", "--export", str(lines)).stdout
    assert [decode_record(line) for line in lines.read_bytes().splitlines()] == CALLS[::-1]
    assert lines.stat().st_mode & 0o077 == 0

    table = tmp_path / "calls.csv"
    ringfence("calls", "--export", str(table), "--caller", "3015550199")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [each.id for each in CALLS[::-1]]
    assert rows[2]["headers"] == '{"user-agent": "a, b"}'
    assert rows[2]["caller_e164"] == "+13015550199"
    assert (rows[1]["sip"], rows[1]["ms"], rows[1]["anonymous"]) == ("603", "0.5", "yes")
    # no formula where people open it
    assert rows[1]["caller_name"].startswith("'=")


async def test_an_export_that_cannot_be_is_one_line_and_leaves_the_old_file(
    ringfence: Run, archived: list[CallRecord], tmp_path: Path
) -> None:
    assert ".parquet" in ringfence("calls", "--export", "calls.xls", code=2).stderr
    nowhere = ringfence("calls", "--export", str(tmp_path / "no" / "calls.csv"), code=1)
    assert nowhere.stderr.count("\n") == 1
    both = ringfence("calls", "--export", "calls.csv", "--follow", code=2)
    assert "not both" in both.stderr
    if importlib.util.find_spec("pyarrow") is None:
        old = tmp_path / "calls.parquet"
        old.write_bytes(b"old")
        refused = ringfence("calls", "--export", str(old), code=1)
        assert "pip install 'ringfence[parquet]'" in refused.stderr
        assert old.read_bytes() == b"old"


async def test_parquet_has_the_same_calls_with_types(
    ringfence: Run, archived: list[CallRecord], tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    ringfence("calls", "--export", str(tmp_path / "calls.parquet"))
    rows = parquet.read_table(tmp_path / "calls.parquet").to_pylist()
    assert [row["id"] for row in rows] == [each.id for each in CALLS[::-1]]
    assert (rows[1]["sip"], rows[1]["ms"], rows[1]["anonymous"]) == (603, 0.5, True)
    assert json.loads(rows[2]["headers"]) == {"user-agent": "a, b"}


async def test_a_day_that_cannot_be_read_is_said_and_the_rest_is_shown(
    ringfence: Run, archived: list[CallRecord], tmp_path: Path
) -> None:
    (tmp_path / "archive" / "2026-11-19.sqlite").write_bytes(b"broken" * 500)
    done = ringfence("calls", "--json")
    assert len(json.loads(done.stdout)) == 4
    assert "the archive of 2026-11-19 cannot be read" in done.stderr


async def test_the_archive_tells_its_days_how_far_it_is_and_what_is_wrong(
    ringfence: Run, archived: list[CallRecord], tmp_path: Path
) -> None:
    told = json.loads(ringfence("archive", "--json").stdout)
    assert (told["days"], told["first"], told["records"], told["holder"]) == (
        1,
        "2026-11-20",
        3,
        "",
    )
    assert told["behind"] > 0
    assert "3 records, up to" in ringfence("archive").stdout
    (tmp_path / "archive" / "2026-11-19.damaged-1").touch()
    assert "2026-11-19.damaged-1" in ringfence("archive", code=1).stdout


async def test_without_an_archive_that_is_said(ringfence: Run) -> None:
    assert "is `ringfence serve` running?" in ringfence("archive", code=1).stdout


async def test_serve_archives_on_one_of_its_workers_and_gives_the_lease_back(
    redis: Redis, keys: Keys, url: str, tmp_path: Path, until: Until
) -> None:
    (tmp_path / "none.toml").touch()
    environ = {
        "PATH": os.environ["PATH"],
        "RINGFENCE_CONFIG": str(tmp_path / "none.toml"),
        "RINGFENCE_REDIS_URL": url,
        "RINGFENCE_REDIS_PREFIX": keys.prefix,
        "RINGFENCE_STATE_DIR": str(tmp_path / "state"),
        "RINGFENCE_AGI_BIND": f"127.0.0.1:{free_port()}",
    }
    for each in CALLS:
        await redis.xadd(keys.calls, {"record": encode_record(each)})
    serve = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringfence.cli", "serve", "--workers", "2"),
        env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        reader = ArchiveReader(tmp_path / "state" / "archive")
        await until(lambda: list(reader.newest(EVERYTHING)) == CALLS[::-1], within=40.0)
        assert (await read_status(redis, keys)).holder
    finally:
        serve.terminate()
        assert await asyncio.wait_for(serve.wait(), 30) == 0
    assert not (await read_status(redis, keys)).holder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
