"""Reports over call records on a real Valkey, as an admin asks for them."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ringfence.archive.day import day_and_ms
from ringfence.archive.writing import DayFiles, Entry
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord, encode_record, utc_text
from ringfence.store.keys import Keys
from ringfence.verdict import Action, Noted

Run = Callable[..., subprocess.CompletedProcess[str]]
OWN = "+12025550123"


async def call(redis: Redis, keys: Keys, number: int, ago: float = 60.0, **fields: Any) -> None:
    at = time.time() - ago
    usual = {
        "id": f"{int(at * 1000):012x}{number:010x}", "time": utc_text(at), "outcome": "applied",
        "trunk": "carrier-a", "caller": f"+1301555{number:04}", "caller_e164":
        f"+1301555{number:04}", "called": OWN, "called_e164": OWN, "action": "block",
        "reason": "rule", "rule": "premium", "basis": "analytics", "sip": 603,
    }  # fmt: skip
    record = CallRecord(**{**usual, **fields})
    await redis.xadd(keys.calls, {"record": encode_record(record)}, id=f"{int(at * 1000)}-*")


@pytest.fixture
async def calls(redis: Redis, keys: Keys) -> None:
    day = 86_400.0
    await call(redis, keys, 100, 29 * day)
    await call(redis, keys, 101, 27 * day, rule="dno", basis="dno-invalid", sip=403)
    await call(redis, keys, 102, 3_000, action="intercept", caller_name="=1+1")
    await call(redis, keys, 103, 2_000, action="challenge", outcome="failed", challenge="failed")
    await call(redis, keys, 104, 1_900, action="divert", basis="policy", sip=0)
    await call(redis, keys, 105, 1_800, called="+12025550124", called_e164="+12025550124")
    await call(redis, keys, 106, 1_700, outcome="late")
    watch = (Noted("watch", Action.BLOCK, True),)
    await call(redis, keys, 107, 1_600, action="allow", reason="no-rule", rule="", basis="",
               sip=0, noted=watch, trunk="carrier-b", attestation="A",
               verification="passed")  # fmt: skip


@pytest.mark.usefixtures("calls")
async def test_a_subscriber_gets_the_calls_that_were_kept_away_in_28_days(
    ringfence: Run, tmp_path: Path
) -> None:
    table, page = tmp_path / "blocked.csv", tmp_path / "blocked.html"
    done = ringfence(
        "report", "blocked", "--called", "(202) 555-0123", "--json", "--csv", str(table),
        "--html", str(page),
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert [(c["caller"][-3:], c["means"], c["sip"]) for c in report["calls"]] == [
        ("104", "diverted away", 0),
        ("103", "challenged, not passed", 603),
        ("102", "intercepted", 603),
        ("101", "blocked", 403),
    ]
    assert report["by_basis"] == {"analytics": 2, "dno-invalid": 1, "policy": 1}
    assert (report["kept_away"], report["went_on_all_the_same"]) == (4, 1)
    assert "1 calls were to be kept away and went on" in done.stderr
    with table.open(newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading[:5] == ["time", "caller", "what", "basis", "rule"]
    assert len(rows) == 4
    text = page.read_text()
    for wanted in ("Blocked calls to +12025550123", "+13015550101", "dno-invalid", "intercepted"):
        assert wanted in text
    analytics = ringfence("report", "blocked", "--called", OWN, "--basis", "analytics").stdout
    assert analytics.count("analytics") == 3
    assert "dno-invalid" not in analytics


async def test_calls_that_are_in_the_archive_alone_are_reported_too(
    ringfence: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    await call(redis, keys, 100)
    old = datetime.now(UTC) - timedelta(days=20)
    record = CallRecord(
        id=f"{int(old.timestamp() * 1000):022x}", time=utc_text(old.timestamp()), trunk="carrier-c",
        called=OWN, called_e164=OWN, action="block", reason="rule", rule="old", basis="analytics",
    )  # fmt: skip
    day, ms = day_and_ms(old)
    files = DayFiles(tmp_path / "archive")
    files.progress()
    files.write([Entry(day, ms, record, encode_record(record))], StreamId(1, 0), 1)
    files.close()
    report = json.loads(ringfence("report", "blocked", "--called", OWN, "--json").stdout)
    assert [each["rule"] for each in report["calls"]] == ["premium", "old"]
    assert report["notes"][0].startswith("the call log begins at ")


@pytest.mark.usefixtures("calls")
async def test_a_number_that_nothing_was_kept_from_has_an_answer_too(
    ringfence: Run, tmp_path: Path
) -> None:
    page = tmp_path / "none.html"
    done = ringfence(
        "report", "blocked", "--called", "+12025550199", "--html", str(page), code=1
    )  # fmt: skip
    assert "none of 0 calls to +12025550199 was kept away" in done.stderr
    assert "did not get through</dt><dd>0" in page.read_text()


@pytest.mark.usefixtures("calls")
async def test_trunks_and_rules_say_what_came_and_what_became_of_it(
    ringfence: Run, tmp_path: Path
) -> None:
    table = tmp_path / "trunks.csv"
    done = ringfence("report", "trunks", "--json", "--csv", str(table))
    report = json.loads(done.stdout)
    assert report["not_recorded"] == ["answered share", "average duration", "share of short calls"]
    assert "not known, and so not here: answered share" in done.stderr
    assert "(ami.host)" in done.stderr
    first, second = report["trunks"]
    assert (first["trunk"], first["attempts"], first["let_through"]) == ("carrier-a", 5, 1)
    assert (second["trunk"], second["attestation"]["A"]) == ("carrier-b", 1)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["trunk"], rows[0]["kept away"], rows[0]["callers"]) == ("carrier-a", "4", "5")
    shown = ringfence("report", "trunks").stdout
    assert "4 (80 %)" in shown
    providers = json.loads(ringfence("report", "providers", "--json").stdout)["providers"]
    assert [each["provider"] for each in providers] == ["(no provider)"]
    rules = json.loads(ringfence("report", "rules", "--since", "28d", "--json").stdout)["rules"]
    assert {each["rule"]: each["calls"] for each in rules} == {
        "premium": 5, "dno": 1, "watch": 1, "(no-rule)": 1,
    }  # fmt: skip


@pytest.mark.usefixtures("calls")
async def test_a_report_says_how_far_back_the_call_log_goes(ringfence: Run) -> None:
    assert "begins" not in ringfence("report", "rules", "--since", "28d").stderr
    assert "the call log begins at 20" in ringfence("report", "rules", "--since", "60d").stderr


async def test_what_cannot_be_is_refused_in_one_line(ringfence: Run, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none" / "a.csv")
    for arguments, code, said in (
        (("blocked",), 2, "--called"),
        (("blocked", "--called", "Ann"), 1, "is no number"),
        (("blocked", "--called", OWN, "--timezone", "Nowhere"), 2, "is no time zone"),
        (("blocked", "--called", OWN, "--basis", "guess"), 2, "--basis"),
        (("trunks", "--since", "2d", "--until", "3d"), 2, "--until lies before --since"),
        (("rules", "--csv", nowhere), 1, "there is no folder"),
        (("rules",), 1, "no calls from"),
    ):
        refused = ringfence("report", *arguments, code=code).stderr
        assert said in refused
        assert refused.count("\n") == 1


@pytest.mark.usefixtures("calls")
async def test_a_plot_is_drawn_or_says_what_it_needs(ringfence: Run, tmp_path: Path) -> None:
    picture = tmp_path / "trunks.svg"
    if importlib.util.find_spec("matplotlib") is None:
        refused = ringfence("report", "trunks", "--plot", str(picture), code=1).stderr
        assert "ringfence[bench]" in refused
        return
    ringfence("report", "trunks", "--plot", str(picture))
    assert "<svg" in picture.read_text()
    refused = ringfence("report", "rules", "--plot", str(tmp_path / "a.doc"), code=1).stderr
    assert "a plot is a .png" in refused
