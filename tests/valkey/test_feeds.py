"""Feeds on a real Valkey: what they bring, what stays where a file is refused, what goes again."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ringfence.feeds.area_codes import HEADER
from ringfence.feeds.importing import Importer
from ringfence.feeds.kinds import KINDS
from ringfence.feeds.model import Options, decode_state
from ringfence.store.feeds import FeedReader
from ringfence.store.keys import Keys

Run = Callable[..., subprocess.CompletedProcess[str]]
FILES = Path(__file__).parents[1] / "data" / "feeds"
FTC = "DNC_Complaint_Numbers_2026-03-05.csv"
FEW = "--accept-fewer"


@pytest.fixture
def dated(tmp_path: Path) -> Callable[[str], str]:
    """A file of tests/data as if it were of yesterday."""

    def make(name: str) -> str:
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
        text = (FILES / name).read_text().replace("2026-03-05", day)
        path = tmp_path / name.replace("2026-03-05", day)
        path.write_text(text)
        return str(path)

    return make


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., str]:
    """NANPA's report with these area codes in service."""

    def make(*assigned: str) -> str:
        lines = [f"File Date,{time.strftime('%m/%d/%Y', time.gmtime())}", ",".join(HEADER)]
        for code in map(str, range(200, 1000)):
            there = code in assigned
            row = dict.fromkeys(HEADER, "") | {
                "NPA_ID": code, "ASSIGNED": "Yes" if there else "No",
                "IN_SERVICE": "Y" if there else "N",
            }  # fmt: skip
            lines.append(",".join(row.values()))
        path = tmp_path / "npa_report.csv"
        path.write_text("\r\n".join(lines) + "\r\n")
        return str(path)

    return make


async def entries(redis: Redis, keys: Keys, name: str) -> dict[str, float]:
    key = keys.list(name)
    if await redis.type(key) == b"zset":
        return {m.decode(): float(s) async for m, s in redis.zscan_iter(key)}
    return {m.decode(): math.inf async for m in redis.sscan_iter(key)}


def status(ringfence: Run, name: str, code: int = 0) -> dict[str, object]:
    (found,) = json.loads(ringfence("feed", "status", name, "--json", code=code).stdout)
    assert isinstance(found, dict)
    return found


async def test_complaints_fill_lists_that_run_out_and_the_same_file_changes_nothing(
    ringfence: Run, redis: Redis, keys: Keys, dated: Callable[[str], str]
) -> None:
    file = dated(FTC)
    done = json.loads(ringfence("feed", "import", "ftc", file, "--json").stdout)["files"][0]
    assert done["lists"]["complaints-ftc-1"] == {"entries": 2, "changed": 2}
    found = await entries(redis, keys, "complaints-ftc-1")
    assert found.keys() == {"+12025550101", "+12025550102"}
    assert all(88 * 86_400 < until - time.time() < 90 * 86_400 for until in found.values())
    again = json.loads(ringfence("feed", "import", "ftc", file, "--json").stdout)["files"][0]
    assert {each["changed"] for each in again["lists"].values()} == {0}
    assert await entries(redis, keys, "complaints-ftc-1") == found
    state = status(ringfence, "ftc")
    assert (state["state"], state["rows"], state["left_out"]) == ("ok", 5, 2)
    gone = json.loads(ringfence("feed", "remove", "ftc", "--json").stdout)
    assert gone["removed"]["complaints-ftc-1"] == 2
    assert not await redis.exists(keys.list("complaints-ftc-1"), keys.feed_parts("ftc"))
    ringfence("feed", "status", "ftc", code=1)
    assert "no feed ftc" in ringfence("feed", "remove", "ftc", code=1).stderr


async def test_a_dry_run_writes_nothing(
    ringfence: Run, redis: Redis, keys: Keys, dated: Callable[[str], str]
) -> None:
    said = ringfence("feed", "import", "ftc", dated(FTC), "--dry-run")
    assert "2 in list complaints-ftc-1" in said.stdout
    ringfence("feed", "import", "ftc", str(FILES / "rmd.csv"), "--dry-run", code=1)
    assert [key async for key in redis.scan_iter(match=keys.prefix + "*")] == []


async def test_a_refused_file_leaves_what_was_there_and_is_told_in_one_line(
    ringfence: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    good = tmp_path / "numbers.txt"
    good.write_text("".join(f"+1202555{n:04}\n" for n in range(100)))
    ringfence("feed", "import", "dno", str(good))
    before = await entries(redis, keys, "dno")
    assert len(before) == 100
    bad = tmp_path / "bad.txt"
    for text, said in (
        ("<!DOCTYPE html>", "expected a file of numbers, found a web page"),
        ("", "found an empty file"),
        ("# nothing\n", "found no row"),
        ("+12025550001\n", "expected about 100 rows as before, found 1"),
        (good.read_text() + "+1202", "line 101"),
    ):
        bad.write_text(text)
        refused = ringfence("feed", "import", "dno", str(bad), code=1)
        assert said in refused.stderr
        assert "nothing was imported" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert await entries(redis, keys, "dno") == before
    state = status(ringfence, "dno", code=1)
    assert (state["state"], state["failures"], state["rows"]) == ("FAIL", 5, 100)
    shown = ringfence("feed", "status", code=1)
    assert "5 times: bad.txt: line 101" in shown.stderr
    bad.write_text("+12025550001\n")
    ringfence("feed", "import", "dno", str(bad), FEW)
    assert await entries(redis, keys, "dno") == {"+12025550001": math.inf}
    assert status(ringfence, "dno")["failures"] == 0


async def test_what_others_brought_to_the_same_list_stays(
    ringfence: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    ringfence("list", "add", "dno", "+12025550199", "+12025550130")
    ringfence("feed", "import", "dno", str(FILES / "dno.csv"))
    ringfence("feed", "import", "dno", str(FILES / "numbers.txt"), "--name", "second")
    assert len(await entries(redis, keys, "dno")) == 7
    sources = json.loads(ringfence("list", "sources", "dno", "--json").stdout)
    assert {each["source"] for each in sources} == {"dno", "second", None}
    ringfence("feed", "remove", "dno")
    assert "+12025550130" in await entries(redis, keys, "dno")
    assert "+18005550150" not in await entries(redis, keys, "dno")
    ringfence("feed", "import", "dno", str(FILES / "numbers.txt"), "--name", "second",
              "--list", "other")  # fmt: skip
    assert (await entries(redis, keys, "dno")).keys() == {"+12025550199", "+12025550130"}
    assert len(await entries(redis, keys, "other")) == 3


@pytest.mark.parametrize("again", [False, True], ids=["before", "between"])
async def test_what_an_admin_imported_under_a_feeds_name_is_never_taken_over(
    ringfence: Run, redis: Redis, keys: Keys, tmp_path: Path, again: bool
) -> None:
    mine, numbers = tmp_path / "mine.txt", str(FILES / "numbers.txt")
    mine.write_text("+12025550177\n")
    if again:
        ringfence("feed", "import", "dno", numbers)
    ringfence("list", "import", "dno", str(mine), "--source", "dno")
    before = await entries(redis, keys, "dno")
    for dry in ((), ("--dry-run",)):
        refused = ringfence("feed", "import", "dno", numbers, *dry, code=1).stderr
        assert "list dno has entries of a source dno that no feed brought (mine.txt)" in refused
        assert "--name" in refused
    assert await entries(redis, keys, "dno") == before
    ringfence("feed", "import", "dno", numbers, "--name", "registry")
    assert "+12025550177" in await entries(redis, keys, "dno")


async def test_a_list_that_another_kind_fills_is_no_plain_lists_name(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    for name in ("phoneblock", "nanp-area-codes", "complaints-ftc-1"):
        done = ringfence("feed", "import", "list", str(FILES / "numbers.txt"), "--name", name,
                         code=1)  # fmt: skip
        assert "filled by a feed of another kind" in done.stderr
        assert not await redis.exists(keys.list(name))


async def test_area_codes_and_office_codes_decide_what_is_invalid_and_unallocated(
    ringfence: Run, report: Callable[..., str]
) -> None:
    for line in ringfence("feed", "rules").stdout.splitlines():
        if line.startswith("ringfence rule add ") and "mode monitor" in line and "@" not in line:
            ringfence(*line.split()[1:-2])

    def verdict(number: str) -> str:
        called = ("--called", "+12025550199")
        found = json.loads(ringfence("check", "--caller", number, *called, "--json").stdout)
        return str(found["verdict"]["rule"] if "verdict" in found else found["rule"])

    assert verdict("+12125550123") == ""
    ringfence("feed", "import", "npa", report("202", "222", "800"), FEW)
    assert verdict("+12125550123") == "invalid"
    assert verdict("+12225550123") == ""
    assert verdict("+12029990123") == ""
    ringfence("feed", "import", "nxx", str(FILES / "office_codes.txt"), FEW)
    assert verdict("+12029990123") == "unallocated"
    assert verdict("+18005550123") == ""
    refused = ringfence("feed", "import", "nxx", str(FILES / "office_codes.txt"), code=1)
    assert "expected 100000 rows or more, found 4" in refused.stderr
    ringfence("feed", "remove", "npa")
    assert verdict("+12125550123") == ""


async def test_the_database_alarms_and_blocks_direct_peers_and_takes_it_back(
    ringfence: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    register = {
        "voice": {"name": "Example Voice", "trunks": ["voice-1"], "frn": "0012345678"},
        "gateway": {"role": "gateway", "trunks": ["gw-1"], "addresses": ["192.0.2.0/24"],
                    "rmd": "RMD0000002"},
        "stranger": {"addresses": ["198.51.100.7"], "frn": "0000000009"},
        "nothing-known": {"trunks": ["x-1"]},
        "customer": {"role": "customer", "trunks": ["pbx-1"]},
        "indirect": {"frn": "0000000008"},
    }  # fmt: skip
    await redis.hset(keys.providers, mapping={n: json.dumps(p) for n, p in register.items()})
    told = ringfence("feed", "import", "rmd", str(FILES / "rmd.csv"), FEW).stderr.splitlines()
    assert len(told) == 2
    assert "nothing-known is unknown" in told[0]
    assert "stranger is missing" in told[1]
    assert "FRN 0000000009" in told[1]
    assert await redis.hlen(keys.rules) == 0
    assert "RMD: stranger is missing" in ringfence("feed", "status", code=1).stderr

    less = tmp_path / "rmd.csv"
    less.write_bytes(b"".join((FILES / "rmd.csv").read_bytes().splitlines(keepends=True)[:2]))
    done = ringfence("feed", "import", "rmd", str(less), "--block-missing", FEW, "--json")
    (file,) = json.loads(done.stdout)["files"]
    assert any("gateway is removed" in alarm for alarm in file["alarms"])
    rules = {r["id"]: r for r in json.loads(ringfence("rule", "list", "--json").stdout)}
    assert rules.keys() == {"rmd-gateway-trunks", "rmd-gateway-addresses",
                            "rmd-stranger-addresses"}  # fmt: skip
    assert {rule["basis"] for rule in rules.values()} == {"rmd"}
    ringfence("rule", "disable", "rmd-stranger-addresses")
    ringfence("feed", "import", "rmd", str(less), "--block-missing", FEW)
    assert json.loads(ringfence("rule", "show", "rmd-stranger-addresses", "--json").stdout)[
        "enabled"
    ] is False  # fmt: skip
    ringfence("feed", "import", "rmd", str(FILES / "rmd.csv"), "--block-missing", FEW)
    assert [r["id"] for r in json.loads(ringfence("rule", "list", "--json").stdout)] == [
        "rmd-stranger-addresses"
    ]
    ringfence("feed", "remove", "rmd")
    assert not await redis.exists(keys.rmd, keys.rules)


async def test_files_that_are_imported_at_the_same_moment_all_count(
    redis: Redis, keys: Keys
) -> None:
    days = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]
    now = datetime(2026, 3, 6, tzinfo=UTC).timestamp()

    async def bring(day: str) -> None:
        importer = Importer(redis, keys, "alice", clock=lambda: now)
        with (tmp / day).open("rb") as file:
            await importer.bring("ftc", KINDS["ftc"], file, day, Options())

    with tempfile.TemporaryDirectory() as folder:
        tmp = Path(folder)
        for day in days:
            text = (FILES / FTC).read_text().replace("2026-03-05", day)
            (tmp / day).write_text(text.replace("2025550102", "2025550101"))
        await asyncio.gather(*map(bring, days))
    assert set(await FeedReader(redis, keys).parts("ftc")) == set(days)
    # three complaints a day
    assert (await entries(redis, keys, "complaints-ftc-5")).keys() == {"+12025550101"}
    state = decode_state(await FeedReader(redis, keys).state("ftc"))
    assert state.lists["complaints-ftc-5"] == 1


async def test_an_import_by_hand_goes_by_the_options_of_the_schedule(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    url = "https://files.example.net/dno.csv"
    ringfence("feed", "schedule", "dno", url, "--list", "dno-subscriber", "--column", "TN")
    ringfence("feed", "import", "dno", str(FILES / "dno.csv"))
    assert await redis.scard(keys.list("dno-subscriber")) == 3
    assert not await redis.exists(keys.list("dno"))


async def test_a_name_is_one_kinds_and_a_lonely_kind_has_its_own(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    ringfence("feed", "import", "dno", str(FILES / "dno.csv"), "--name", "mine")
    refused = ringfence("feed", "import", "list", str(FILES / "dno.csv"), "--name", "mine", code=1)
    assert "feed mine is of kind dno" in refused.stderr
    assert status(ringfence, "mine")["failures"] == 0
    refused = ringfence("feed", "import", "rmd", "x.csv", "--name", "other", code=1)
    assert "x.csv: No such file" in refused.stderr
    refused = ringfence("feed", "import", "rmd", str(FILES / "rmd.csv"), "--name", "o", code=1)
    assert "there is one feed of kind rmd" in refused.stderr
    refused = ringfence("feed", "import", "ftc", str(FILES / FTC), "--list", "dno", code=1)
    assert "--list means nothing for a feed of kind ftc" in refused.stderr


async def test_schedules_are_kept_with_a_history_and_shown(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    url = "https://files.example.net/npa_report.csv?key=geheim"
    ringfence("feed", "schedule", "npa", url, "--every", "7d", "--why", "ticket 17")
    shown = ringfence("feed", "status").stdout
    assert "waiting" in shown
    assert "every 7d, due" in shown
    assert "geheim" not in shown
    ((_, change),) = await redis.xrange(keys.history)
    assert (change[b"kind"], change[b"op"], change[b"id"]) == (b"feed", b"add", b"npa")
    assert change[b"why"] == b"ticket 17"
    assert "is refreshed no more" in ringfence("feed", "unschedule", "npa").stdout
    told = [line.split("\t") for line in ringfence("feed", "history").stdout.splitlines()[1:]]
    assert [(line[2], line[4], line[6]) for line in told] == [
        ("npa", "remove", ""), ("npa", "add", "ticket 17")
    ]  # fmt: skip
    assert "no schedule" in ringfence("feed", "refresh", "npa", code=1).stderr
