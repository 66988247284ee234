"""`ringfence traceback`: every answer that can be asked for, from Redis and from the archive."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ringfence.archive import Archiver
from ringfence.archive.place import DayFolder
from ringfence.calllog.record import encode_record
from ringfence.store.keys import Keys
from tests.unit.archive.parts import NOON, record

Run = Callable[..., Any]
Until = Callable[..., Awaitable[None]]

AT = "2026-11-20T12:00:00Z"
ASKED = ("traceback", "--called", "(202) 555-0123", "--caller", "301-555-0199", "--at", AT)
REGISTER = {
    "acme": {
        "name": "Acme Telecom <LLC>",
        "role": "gateway",
        "contacts": [
            {"name": "Front desk", "telephone": "+12025550100"},
            {"role": "traceback", "email": "traceback@acme.example"},
        ],
    },
    "shop": {"name": "The Shop", "role": "customer", "trunks": ["lan-shop"]},
}


@pytest.fixture(autouse=True)
async def register(redis: Redis, keys: Keys) -> None:
    for id, provider in REGISTER.items():
        await redis.hset(keys.providers, id, json.dumps(provider))


@pytest.fixture
def screen(redis: Redis, keys: Keys, tmp_path: Path, until: Until) -> Callable[..., Any]:
    """Calls that were archived and are in Redis no more."""

    async def put(*records: Any) -> None:
        for each in records:
            await redis.xadd(keys.calls, {"record": encode_record(each)})
        archiver = Archiver(redis, keys, DayFolder(tmp_path / "archive"), every=0.01)
        running = asyncio.create_task(archiver.run())
        await until(lambda: archiver.archived == len(records))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await redis.xtrim(keys.calls, maxlen=0, approximate=False)

    return put


async def test_a_call_from_a_provider_names_it_and_whom_to_ask_there(
    ringfence: Run, screen: Any, tmp_path: Path
) -> None:
    await screen(
        record(3, provider="acme", source="192.0.2.7:5060", sip_call_id="x@192.0.2.7",
               caller_name="<b>Bank</b>"),
        record(200, provider="acme"),
        record(4_000, provider="acme"),
        record(5, called_e164="+12025550124", called="12025550124"),
        record(6, caller_e164="+13015550111", caller="3015550111"),
    )  # fmt: skip
    page, table = tmp_path / "answer.html", tmp_path / "answer.csv"
    said = ringfence(*ASKED, "--csv", str(table), "--html", str(page)).stdout
    assert "answer\tcall received from Acme Telecom <LLC> (acme), gateway" in said
    contacts = [line for line in said.splitlines() if line.startswith("contact")]
    assert contacts[0] == "contact\ttraceback, traceback@acme.example"
    assert "trunk carrier-a, address 192.0.2.7:5060" in said
    assert "4 calls in that time, 1 to this number from others" in said
    assert "near\t2026-11-20T12:00:06.000Z +13015550111" in said

    answer = json.loads(ringfence(*ASKED, "--json").stdout)
    assert answer["result"] == "received-from"
    assert [match["apart"] for match in answer["matches"]] == [3.0, 200.0]
    assert answer["searched"]["days"] == ["2026-11-20"]
    assert len(json.loads(ringfence(*ASKED, "--window", "1m", "--json").stdout)["matches"]) == 1

    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["result"], row["provider"], row["sip_call_id"]) for row in rows] == [
        ("received-from", "acme", "x@192.0.2.7"),
        ("received-from", "acme", ""),
    ]
    shown = page.read_text()
    assert "Acme Telecom &lt;LLC&gt;" in shown
    assert "<b>" not in shown
    assert "http" not in shown


async def test_a_call_from_a_customer_says_that_this_hop_is_the_origin(
    ringfence: Run, screen: Any
) -> None:
    # as the register knows the trunk now; at the call nothing was known
    await screen(record(1, trunk="lan-shop"))
    said = ringfence(*ASKED).stdout
    assert "answer\tthis hop is the origin: customer The Shop (shop)" in said
    assert "that of the trunk today" in said


async def test_a_call_from_an_unknown_provider_says_what_is_known_and_what_to_do(
    ringfence: Run, screen: Any
) -> None:
    await screen(record(1, trunk="carrier-z", source="198.51.100.4:5060"))
    said = ringfence(*ASKED).stdout
    assert "not in the register: trunk carrier-z, address 198.51.100.4:5060" in said
    assert "ringfence provider add ID --trunk carrier-z" in said


async def test_a_call_that_is_not_found_says_what_was_looked_at(
    ringfence: Run, screen: Any, tmp_path: Path
) -> None:
    await screen(record(301), record(10, called="911", called_e164=""))
    table = tmp_path / "answer.csv"
    done = ringfence(*ASKED, "--csv", str(table), code=1)
    assert "answer\tcall not found" in done.stdout
    assert "2026-11-20 11:55:00Z to 2026-11-20 12:05:00Z; 1 calls in that time" in done.stdout
    assert "archive of 2026-11-20" in done.stdout
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["result"], row["id"]) == ("not-found", "")

    older = f"{NOON - timedelta(days=9):%Y-%m-%d}T12:00Z"
    said = ringfence(*ASKED[:-1], older, code=1).stdout
    assert "no archive of 2026-11-11 (it begins on 2026-11-20)" in said


async def test_a_withheld_caller_can_be_asked_for(ringfence: Run, screen: Any) -> None:
    await screen(record(1, provider="acme", anonymous=True, caller="anonymous", caller_e164=""))
    asked = ("traceback", "--called", "2025550123", "--caller", "anonymous", "--at", AT)
    assert "Acme Telecom" in ringfence(*asked).stdout


async def test_a_request_is_recorded_as_a_notice_with_its_clock(
    ringfence: Run, screen: Any
) -> None:
    await screen(record(3, provider="acme"))
    recording = ("--record", "itg-1", "--received", "2026-11-20T20:00Z")
    assert "--timezone" in ringfence(*ASKED, *recording, code=2).stderr
    done = ringfence(*ASKED, *recording, "--timezone", "America/New_York")
    # Friday 15:00 to Monday 15:00, as in the rule
    assert "notice itg-1 added, due 2026-11-23 20:00" in done.stderr
    notice = json.loads(ringfence("notice", "show", "itg-1", "--json").stdout)
    assert (notice["kind"], notice["provider"]) == ("traceback", "acme")
    assert "looked up: call received from Acme Telecom" in json.dumps(notice["steps"])
    # an id is given once
    again = ringfence(*ASKED, *recording, "--timezone", "America/New_York", code=1)
    assert again.stderr.count("\n") == 1


async def test_wrong_use_is_one_line(ringfence: Run) -> None:
    assert "2027-01-31" in ringfence(*ASKED[:-1], "yesterday", code=2).stderr
    assert "90m" in ringfence(*ASKED, "--window", "long", code=2).stderr
    assert "--record" in ringfence(*ASKED, "--received", "2h", code=2).stderr
