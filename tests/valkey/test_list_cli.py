"""`ringfence list` with sources, as admins and scripts run it, on a real Valkey."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ringfence.store.keys import Keys

Run = Callable[..., subprocess.CompletedProcess[str]]
Until = Callable[..., Awaitable[None]]
ONE, TWO, THREE = "+12025550101", "+12025550102", "+12025550103"


def started(environ: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ringfence.cli", *arguments]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)


def entries(ringfence: Run) -> dict[str, float | None]:
    shown = json.loads(ringfence("list", "show", "l", "--limit", "100000", "--json").stdout)
    return {each["entry"]: each["expires"] for each in shown["entries"]}


async def test_an_import_has_a_source_and_a_note_and_goes_by_it(
    ringfence: Run, tmp_path: Path
) -> None:
    file = tmp_path / "ftc.csv"
    file.write_text(f"Company_Phone_Number,Created_Date\n{ONE},2026-03-05\n{TWO},2026-03-05\n")
    ringfence("list", "add", "l", TWO)
    done = ringfence("list", "import", "l", str(file), "--source", "ftc", "--note", "ticket 17")
    assert "column 1 (Company_Phone_Number)" in done.stdout
    ringfence("list", "import", "l", "-", "--source", "fcc", stdin=f"{THREE}\n")
    ftc, hand = (
        next(each for each in json.loads(ringfence("list", "sources", "l", "--json").stdout)
             if each["source"] == name) for name in ("ftc", None)
    )  # fmt: skip
    assert (ftc["who"], ftc["file"], ftc["note"]) == ("alice", "ftc.csv", "ticket 17")
    assert (ftc["read"], ftc["brought"], ftc["left"], len(ftc["imports"])) == (2, 2, 2, 1)
    assert hand["brought"] == 1
    assert ftc["at"].endswith("+00:00")
    said = ringfence("list", "sources", "l").stdout
    assert "ticket 17" in said
    assert "(none)" in said
    assert "3 in all" in ringfence("list", "import", "l", str(file), "--source", "ftc").stdout
    (names,) = json.loads(ringfence("list", "names", "--json").stdout)
    assert (names["size"], names["sources"]) == (3, 2)
    removed = json.loads(ringfence("list", "remove", "l", "--source", "ftc", "--json").stdout)
    assert (removed["removed"], removed["size"]) == (1, 2)
    assert entries(ringfence).keys() == {TWO, THREE}
    again = ringfence("list", "remove", "l", "--source", "ftc", code=1)
    assert "no source ftc: `ringfence list sources l`" in again.stderr


async def test_show_tells_who_brought_a_number_and_why(ringfence: Run) -> None:
    ringfence("list", "import", "l", "-", "--source", "ftc", "--note", "ticket 17", "--for", "7d",
              stdin=f"{ONE}\n+12025550110-+12025550119\n+1900*\n")  # fmt: skip
    for number in (ONE, "+12025550115", "+19005550100"):
        shown = ringfence("list", "show", "l", number).stdout
        assert "ftc" in shown
        assert "ticket 17" in shown
        found = json.loads(ringfence("list", "show", "l", number, "--json").stdout)
        assert [(each["source"], each["note"]) for each in found["sources"]] == [
            ("ftc", "ticket 17")
        ]
        assert 6.9 < (found["expires"] - time.time()) / 86_400 < 7.1


async def test_replacing_by_source_leaves_the_rest(ringfence: Run) -> None:
    ringfence("list", "add", "l", THREE)
    ringfence("list", "import", "l", "-", "--source", "ftc", stdin=f"{ONE}\n")
    ringfence("list", "import", "l", "-", "--source", "ftc", "--replace", stdin=f"{TWO}\n")
    assert entries(ringfence).keys() == {TWO, THREE}
    ringfence("list", "import", "l", "-", "--replace", stdin=f"{ONE}\n")
    assert entries(ringfence).keys() == {ONE}
    assert [
        e["source"] for e in json.loads(ringfence("list", "sources", "l", "--json").stdout)
    ] == [None]


async def test_each_line_may_have_its_expiry(ringfence: Run) -> None:
    text = f"number,until\n{ONE},2099-01-31\n{TWO},\n{THREE},2020-01-01\n"
    hint = ringfence("list", "import", "x", "-", stdin=text)
    assert "--expires-column until" in hint.stderr
    done = ringfence("list", "import", "l", "-", "--expires-column", "until", "--json", stdin=text)
    document = json.loads(done.stdout)
    assert (document["read"], document["run_out"], document["size"]) == (2, 1, 2)
    assert entries(ringfence) == {ONE: 4_073_500_800.0, TWO: None}
    bad = ringfence("list", "import", "l", "-", "--expires-column", "2", code=1,
                    stdin=f"{ONE},soon\n")  # fmt: skip
    assert "-:1: 'soon' is no expiry" in bad.stderr


async def test_refused_lines_are_reported_all_of_them(ringfence: Run, tmp_path: Path) -> None:
    report = tmp_path / "refused.txt"
    lines = "\n".join([ONE, *("x" for _ in range(30))])
    done = ringfence("list", "import", "l", "-", "--refused", str(report), code=1, stdin=lines)
    assert "10 lines more" in done.stderr
    assert [line.split(":")[0] for line in report.read_text().splitlines()] == [
        str(n) for n in range(2, 32)
    ]
    nowhere = str(tmp_path / "no" / "such")
    assert "no/such" in ringfence("list", "import", "l", "-", "--refused", nowhere, code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("import", "l", "-", "--source", "a b"), 1, "source"),
        (("import", "l", "-", "--for", "7d", "--expires", "2099-01-01"), 2, "not both"),
        (("import", "l", "-", "--expires", "2020-01-01"), 2, "in the past"),
        (("import", "l", "-", "--column", "phone"), 1, "no headings"),
        (("import", "l", "/no/such/file"), 1, "No such file"),
        (("remove", "l", ONE, "--source", "ftc"), 2, "--source"),
        (("remove", "l"), 2, "--all"),
        (("sources", "l"), 1, "no list l"),
        (("sources", "a b"), 1, "list name"),
    ],
)
async def test_what_cannot_be_done_is_said_in_one_line(
    ringfence: Run, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = ringfence("list", *arguments, code=code, stdin=f"{ONE}\n")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [(), ("--source", "a"), ("--source", "a", "--replace"),
                                     ("--replace",)])  # fmt: skip
async def test_an_import_that_is_killed_leaves_the_list_as_it_was(
    ringfence: Run, redis: Redis, keys: Keys, tmp_path: Path, url: str, until: Until,
    options: tuple[str, ...],
) -> None:  # fmt: skip
    before = {f"+1202{n:07}" for n in range(20_000)}
    (tmp_path / "before.txt").write_text("\n".join(before))
    (tmp_path / "new.txt").write_text("\n".join(f"+1303{n:07}" for n in range(200_000)))
    ringfence("list", "import", "l", str(tmp_path / "before.txt"), "--source", "a")
    environ = {
        "PATH": os.environ["PATH"], "RINGFENCE_REDIS_URL": url,
        "RINGFENCE_REDIS_PREFIX": keys.prefix, "RINGFENCE_CONFIG": str(tmp_path / "none.toml"),
    }  # fmt: skip
    importing = started(environ, "list", "import", "l", str(tmp_path / "new.txt"), *options)

    async def something_is_staged() -> bool:
        return bool([k async for k in redis.scan_iter(match=keys.prefix + "staging:*", count=1000)])

    await until(something_is_staged, within=30)
    importing.send_signal(signal.SIGKILL)
    assert importing.wait(10) == -signal.SIGKILL
    assert {m.decode() async for m in redis.sscan_iter(keys.list("l"), count=10_000)} == before
    async for key in redis.scan_iter(match=keys.prefix + "staging:*", count=1000):
        assert 0 < await redis.ttl(key) <= 3_600
    document = json.loads(ringfence("list", "sources", "l", "--json").stdout)
    assert [(each["source"], each["brought"]) for each in document] == [("a", 20_000)]
