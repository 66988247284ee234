"""Accountable changes as admins see them: `history`, `undo`, `--expect`, `--why` and `--as`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ringfence.store.keys import Keys

Run = Callable[..., subprocess.CompletedProcess[str]]


def told(run: Run, *arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


async def test_the_history_says_who_did_what_and_why(ringfence: Run) -> None:
    ringfence("rule", "add", "premium", "--caller", "+1900*", "--action", "block",
              "--why", "ticket 17")  # fmt: skip
    ringfence("rule", "set", "premium", "--caller", "+1900*", "--action", "block",
              "--priority", "10", "--as", "boris")  # fmt: skip
    ringfence("rule", "disable", "premium")
    heading, *lines = ringfence("rule", "history", "premium").stdout.splitlines()
    assert heading == "change\twhen\twho\tdid\twhat\twhy"
    disabled, changed, added = (line.split("\t") for line in lines)
    assert added[2:] == ["alice", "add", "block caller +1900*", "ticket 17"]
    assert changed[2:] == ["boris", "set", "priority (default) → 10", ""]
    assert disabled[2:] == ["alice", "disable", "enabled (default) → false", ""]
    newest = told(ringfence, "rule", "history", "premium", "--limit", "1")
    assert [(each["op"], each["change"]) for each in newest] == [("disable", disabled[0])]
    assert newest[0]["version"] == told(ringfence, "rule", "show", "premium")["version"]
    assert newest[0]["fields"] == {"enabled": [None, False]}
    assert (
        "no change of rule nobody is known" in ringfence("rule", "history", "nobody", code=1).stderr
    )


async def test_a_change_by_hand_between_and_after_is_marked(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    def by_hand(*arguments: str) -> list[bool]:
        return [each["by_hand"] for each in told(ringfence, "rule", "history", *arguments)]

    ringfence("rule", "add", "r", "--caller", "anonymous", "--action", "block")
    assert by_hand("r") == [False]
    await redis.hset(keys.rules, "r", '{"action": "flag"}')  # type: ignore[misc]
    said = ringfence("rule", "history", "r")
    assert '(by hand)\tchanged by hand\taction "block" → "flag"' in said.stdout
    assert "ringfence rule undo r --by-hand" in said.stderr
    ringfence("rule", "set", "r", "--caller", "anonymous", "--action", "allow")
    assert by_hand("r") == by_hand() == [False, True, False]
    # what is before the oldest that is shown counts as well
    assert by_hand("r", "--limit", "1") == by_hand("--limit", "1") == [False, True]
    await redis.hset(keys.rules, "r", "{")  # type: ignore[misc]
    assert "is no rule: " in ringfence("rule", "history", "r").stdout
    await redis.hdel(keys.rules, "r")  # type: ignore[misc]
    newest = told(ringfence, "rule", "history", "r")[0]
    assert (newest["by_hand"], newest["after"], newest["version"]) == (True, None, None)
    ringfence("rule", "undo", "r", "--by-hand")
    assert by_hand("r") == [False, True, False, True, False]


async def test_undo_goes_back_change_by_change(ringfence: Run) -> None:
    ringfence("rule", "add", "r", "--caller", "anonymous", "--action", "block")
    shown = told(ringfence, "rule", "show", "r")
    ringfence("rule", "remove", "r", "--why", "a mistake")
    said = ringfence("rule", "undo", "r", "--why", "it was right").stdout
    assert f"undone, version {shown['version']}: block caller anonymous" in said
    assert told(ringfence, "rule", "show", "r") == shown
    undone = told(ringfence, "rule", "undo", "r")
    assert (undone["version"], undone["what"]) == (None, "was block caller anonymous")
    ringfence("rule", "show", "r", code=1)
    assert "are undone" in ringfence("rule", "undo", "r", code=1).stderr
    newest, before, *_ = told(ringfence, "rule", "history", "r")
    assert (before["why"], before["op"]) == ("it was right", "undo")
    ringfence("rule", "undo", "r", "--change", newest["change"])
    assert told(ringfence, "rule", "show", "r") == shown


async def test_undo_does_not_overwrite_what_came_after(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    ringfence("rule", "add", "r", "--caller", "anonymous", "--action", "block")
    await redis.hset(keys.rules, "r", '{"action": "flag"}')  # type: ignore[misc]
    refused = ringfence("rule", "undo", "r", code=1).stderr
    assert "rule r was changed by hand since alice's change" in refused
    assert refused.count("\n") == 1
    ringfence("rule", "undo", "r", "--force")
    ringfence("rule", "show", "r", code=1)
    ringfence("rule", "undo", "r", "--by-hand", "--force", code=2)


async def test_two_admins_do_not_overwrite_each_other(ringfence: Run) -> None:
    added = told(ringfence, "rule", "add", "r", "--caller", "anonymous", "--action", "block")
    (listed,) = told(ringfence, "rule", "list")
    seen = added["version"]
    assert seen == listed["version"] == told(ringfence, "rule", "show", "r")["version"]
    assert seen in ringfence("rule", "show", "r").stdout
    now = told(ringfence, "rule", "disable", "r", "--expect", seen, "--as", "boris")["version"]
    document = ringfence("rule", "show", "r", "--json").stdout
    for command in (("set", "r", "-"), ("remove", "r"), ("enable", "r"), ("disable", "r")):
        refused = ringfence("rule", *command, "--expect", seen, code=1, stdin=document).stderr
        assert refused.startswith(f"ringfence: rule r is at version {now}, not at {seen}: ")
        assert "changed by boris at 20" in refused
        assert "`ringfence rule history r`" in refused
        assert refused.count("\n") == 1
    assert "12 hex digits" in ringfence("rule", "remove", "r", "--expect", "x", code=2).stderr
    ringfence("rule", "remove", "r", "s", "--expect", now, code=2)


async def test_trunks_and_imports_are_accountable_too(ringfence: Run, tmp_path: Path) -> None:
    ringfence("trunk", "set", "carrier-a", "--fail", "closed", "--why", "audit")
    ringfence("trunk", "set", "carrier-a", "--country", "GB")
    ringfence("rule", "add", "r", "--caller", "anonymous", "--action", "block")
    ringfence("list", "add", "l", "+12025550100")
    backup = tmp_path / "backup.json"
    ringfence("export", str(backup))
    ringfence("rule", "remove", "r")
    ringfence("list", "remove", "l", "--all")
    ringfence("import", str(backup), "--why", "back again", "--as", "boris")
    newest = told(ringfence, "rule", "history", "r")[0]
    assert (newest["op"], newest["who"], newest["why"]) == ("import", "boris", "back again")
    assert ringfence("trunk", "history", "carrier-a").stdout.count("carrier-a") == 0
    trunks = told(ringfence, "trunk", "history")
    assert [each["fields"] for each in trunks] == [
        {"country": [None, "GB"]}, {"fail": [None, "closed"]},
    ]  # fmt: skip
    ringfence("trunk", "undo", "carrier-a")
    assert told(ringfence, "trunk", "show", "carrier-a")["country"] == "US"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"USER": "root", "SUDO_USER": "alice"}, "alice"),
        ({"USER": "root", "DOAS_USER": "alice"}, "alice"),
        ({"USER": "bob"}, "bob"),
        ({"USER": "root", "SUDO_USER": "alice", "RINGFENCE_WHO": "deploy bot"}, "deploy bot"),
    ],
)
async def test_who_it_was_is_right_behind_sudo_and_can_be_set(
    url: str, redis: Redis, keys: Keys, tmp_path: Path, environ: dict[str, str], expected: str
) -> None:
    (tmp_path / "none.toml").touch()
    environ = {
        "PATH": os.environ["PATH"], "RINGFENCE_CONFIG": str(tmp_path / "none.toml"),
        "RINGFENCE_REDIS_URL": url, "RINGFENCE_REDIS_PREFIX": keys.prefix, **environ,
    }  # fmt: skip
    command = ("rule", "add", "r", "--every-call", "--action", "flag")
    done = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-m", "ringfence.cli", *command], env=environ, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(await redis.hget(keys.rules, "r"))["added_by"] == expected  # type: ignore[misc]
    ((_, fields),) = await redis.xrange(keys.history)
    assert fields[b"who"].decode() == expected
