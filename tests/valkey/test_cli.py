"""The `ringfence` command as admins and scripts run it, on a real Valkey."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from redis.asyncio import Redis

from ringfence.calllog.record import CallRecord, encode_record, utc_text
from ringfence.store.keys import Keys

Run = Callable[..., subprocess.CompletedProcess[str]]


async def test_a_rule_tells_why_since_when_who_and_how_to_undo_it(ringfence: Run) -> None:
    ringfence("rule", "add", "premium", "--caller", "+1900*", "--action", "block",
              "--note", "ticket 17", "--expires", "7d")  # fmt: skip
    shown = ringfence("rule", "show", "premium").stdout
    for wanted in ("ticket 17", "alice", "caller +1900*", "SIP 403", "ringfence rule remove premi"):
        assert wanted in shown
    (listed,) = json.loads(ringfence("rule", "list", "--json").stdout)
    assert listed["added_by"] == "alice"
    assert listed["note"] == "ticket 17"
    assert listed["expires_at"] > listed["added_at"]
    assert "alice" in ringfence("rule", "list").stdout


async def test_add_refuses_an_existing_id_and_set_replaces_it(ringfence: Run) -> None:
    ringfence("rule", "add", "r", "--caller", "anonymous", "--action", "block")
    refused = ringfence("rule", "add", "r", "--caller", "+1900*", "--action", "allow", code=1)
    assert "rule r exists" in refused.stderr
    ringfence("rule", "set", "r", "-", stdin='{"action": "allow", "when": {"trunk": "a"}}')
    shown = json.loads(ringfence("rule", "show", "r", "--json").stdout)
    assert (shown["action"], shown["when"]) == ("allow", {"trunk": ["a"]}) or shown["when"] == {
        "trunk": "a"
    }


async def test_a_shown_rule_can_be_set_again(ringfence: Run) -> None:
    ringfence("rule", "add", "r", "--called", "911", "--action", "intercept", "--sip", "607")
    document = ringfence("rule", "show", "r", "--json").stdout
    ringfence("rule", "set", "copy", "-", code=1, stdin=document)  # its id says r
    ringfence("rule", "set", "r", "-", stdin=document)
    again = json.loads(ringfence("rule", "show", "r", "--json").stdout)
    assert again["respond"] == json.loads(document)["respond"]


async def test_a_rule_is_switched_off_and_on_and_removed(ringfence: Run) -> None:
    ringfence("rule", "add", "r", "--every-call", "--action", "block")
    ringfence("rule", "disable", "r")
    verdict = json.loads(ringfence("check", "--called", "+12025550100", "--json").stdout)["verdict"]
    assert verdict["action"] == "allow"
    ringfence("rule", "enable", "r")
    assert "block" in ringfence("check", "--called", "+12025550100").stdout
    ringfence("rule", "remove", "r")
    assert "no rule r" in ringfence("rule", "remove", "r", code=1).stderr
    ringfence("rule", "show", "r", code=1)
    ringfence("rule", "enable", "r", code=1)


async def test_a_rule_that_does_not_parse_is_refused_and_writes_nothing(ringfence: Run) -> None:
    for text in ("{", '{"action": "block", "when": {"callr": "x"}}', "\0\xff", "[" * 100_000):
        done = ringfence("rule", "set", "r", "-", code=1, stdin=text)
        assert done.stderr.startswith("ringfence: rule r: ")
        assert done.stderr.count("\n") == 1
    assert json.loads(ringfence("rule", "list", "--json").stdout) == []


async def test_a_refused_rule_is_listed_first_with_its_reason(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    await redis.hset(keys.rules, "bad", '{"action": "smash"}')
    ringfence("rule", "add", "good", "--caller", "anonymous", "--action", "block")
    lines = ringfence("rule", "list").stdout.splitlines()
    assert lines[1].startswith("bad\t")
    assert "REFUSED" in lines[1]
    assert "smash" in ringfence("rule", "show", "bad").stdout


async def test_a_rule_that_names_a_missing_list_is_added_with_a_note(ringfence: Run) -> None:
    done = ringfence("rule", "add", "r", "--caller", "@nobody", "--action", "block")
    assert "there is no list nobody" in done.stderr


async def test_a_list_answers_by_number_prefix_and_range(ringfence: Run) -> None:
    ringfence("list", "add", "l", "202-555-0100", "+1900*", "+12025550110-+12025550119")
    for number, entry in (
        ("12025550100", "+12025550100"),
        ("+19005550100", "+1900*"),
        ("+12025550115", "+12025550110-+12025550119"),
    ):
        found = json.loads(ringfence("list", "show", "l", number, "--json").stdout)
        assert found["entry"] == entry
    assert "is not in list l" in ringfence("list", "show", "l", "+12025550120", code=1).stdout
    ringfence("list", "remove", "l", "2025550100")
    ringfence("list", "remove", "l", "2025550100", code=1)
    ringfence("list", "remove", "l", "--all")
    assert "no list l" in ringfence("list", "show", "l", code=1).stderr


async def test_an_entry_for_a_while_says_until_when_and_counts_no_longer(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    ringfence("list", "add", "l", "+12025550100", "--for", "7d")
    found = json.loads(ringfence("list", "show", "l", "+12025550100", "--json").stdout)
    assert 6.9 < (found["expires"] - time.time()) / 86_400 < 7.1
    await redis.zadd(keys.list("l"), {"+12025550100": time.time() - 1})
    ringfence("list", "show", "l", "+12025550100", code=1)
    ringfence("list", "add", "l", "+12025550100", "--until", "2020-01-01", code=1)


async def test_an_import_with_a_bad_line_imports_nothing(ringfence: Run, tmp_path: Path) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text("+12025550100\nfoo\n+12025550101\n")
    refused = ringfence("list", "import", "l", str(file), code=1)
    assert f"{file}:2: 'foo'" in refused.stderr
    assert "nothing is imported" in refused.stderr
    ringfence("list", "show", "l", code=1)
    ringfence("list", "import", "l", str(file), "--skip-bad")
    assert json.loads(ringfence("list", "show", "l", "--json").stdout)["size"] == 2


async def test_an_import_adds_or_replaces(ringfence: Run) -> None:
    ringfence("list", "add", "l", "+12025550100")
    ringfence("list", "import", "l", "-", stdin="+12025550101\n")
    assert json.loads(ringfence("list", "show", "l", "--json").stdout)["size"] == 2
    ringfence("list", "import", "l", "-", "--replace", stdin="+12025550102\n")
    entries = json.loads(ringfence("list", "show", "l", "--json").stdout)["entries"]
    assert entries == [{"entry": "+12025550102", "expires": None}]
    assert "holds no numbers" in ringfence("list", "import", "l", "-", code=1).stderr


async def test_list_names_shows_sizes_and_who_names_them(ringfence: Run) -> None:
    ringfence("list", "add", "l", "+12025550100")
    ringfence("rule", "add", "r", "--caller", "@l", "--called", "@missing", "--action", "block",
              "--also", "caught:1h")  # fmt: skip
    ringfence("callee", "set", "2025550123", "--number", "202-555-0123", "--allow", "@l")
    names = json.loads(ringfence("list", "names", "--json").stdout)
    assert names == [
        {"list": "caught", "size": 0, "sources": 0, "rules": ["r"], "callees": []},
        {"list": "l", "size": 1, "sources": 0, "rules": ["r"], "callees": ["2025550123"]},
        {"list": "missing", "size": 0, "sources": 0, "rules": ["r"], "callees": []},
    ]


async def test_a_trunks_setting_is_changed_and_the_others_stay(ringfence: Run) -> None:
    ringfence("trunk", "set", "carrier-a", "--fail", "closed", "--attestation", "headers")
    ringfence("trunk", "set", "carrier-a", "--country", "GB")
    shown = json.loads(ringfence("trunk", "show", "carrier-a", "--json").stdout)
    assert (shown["fail"], shown["attestation"], shown["country"]) == ("closed", ["headers"], "GB")
    assert "country" in ringfence("trunk", "set", "carrier-a", "--country", "USA", code=1).stderr
    ringfence("trunk", "set", "carrier-a", "--block-at", "70", "--flag-at", "30")
    ringfence("trunk", "set", "carrier-a", "--flag-at", "0")
    shown = json.loads(ringfence("trunk", "show", "carrier-a", "--json").stdout)
    assert shown["score"] == {"flag_at": None, "challenge_at": None, "block_at": 70}
    ringfence("trunk", "set", "carrier-a", "--score-default", "--block-at", "1", code=2)
    ringfence("trunk", "set", "carrier-a", "--score-default")
    assert not json.loads(ringfence("trunk", "show", "carrier-a", "--json").stdout)["score"]
    ringfence("trunk", "remove", "carrier-a")
    ringfence("trunk", "show", "carrier-a", code=1)


async def test_check_says_the_verdict_first_and_then_why(ringfence: Run) -> None:
    ringfence("list", "add", "scammers", "+12025550100-+12025550199")
    ringfence("rule", "add", "scam", "--caller", "@scammers", "--trunk", "gw*", "--action", "block",
              "--basis", "analytics")  # fmt: skip
    ringfence("rule", "add", "c", "--attestation", "C", "--action", "flag", "--priority", "1")
    call = ("check", "--caller", "2025550142", "--called", "12025550199")
    said = ringfence(*call, "--trunk", "gw-1", "--attestation", "C").stdout
    assert said.startswith("verdict\tblock\n")
    assert "@scammers (+12025550100-+12025550199)" in said
    steps = json.loads(ringfence(*call, "--trunk", "other", "--json").stdout)["steps"]
    assert [(s["rule"], s["outcome"], s["why"]) for s in steps] == [
        ("c", "no match", "attestation"), ("scam", "no match", "trunk"),
    ]  # fmt: skip
    emergency = json.loads(ringfence("check", "--called", "911", "--json").stdout)
    assert emergency["verdict"]["reason"] == "emergency"


async def test_check_says_where_a_call_would_go_and_what_it_would_hear(ringfence: Run) -> None:
    ringfence("rule", "add", "r", "--called", "+12025550100", "--action",
              "intercept", "--prompt", "custom/a", "--language", "es", "--then", "divert",
              "--context", "menu", "--extension", "s", "--also", "caught:1h")  # fmt: skip
    said = ringfence("check", "--caller", "+13035550100", "--called", "+12025550100").stdout
    for wanted in ("custom/a", "language\tes", "then\tdivert", "to\ts@menu", "caught for 1h"):
        assert wanted in said


async def test_check_reads_a_trunks_headers_as_far_as_it_is_trusted(ringfence: Run) -> None:
    ringfence("rule", "add", "f", "--verification", "failed", "--action", "block")
    call = ("check", "--caller", "+12025550100", "--trunk", "t",
            "--header", "X-Twilio-VerStat: TN-Validation-Failed-C", "--json")  # fmt: skip
    assert json.loads(ringfence(*call).stdout)["verdict"]["action"] == "allow"
    ringfence("trunk", "set", "t", "--attestation", "headers")
    assert json.loads(ringfence(*call).stdout)["verdict"]["action"] == "block"


async def test_check_tries_a_call_at_another_time_and_with_a_user_agent(ringfence: Run) -> None:
    ringfence("rule", "add", "office", "--schedule", "mon-fri 08:00-17:30 America/New_York",
              "--user-agent", "~(?i)scanner", "--action", "block")  # fmt: skip
    call = ("check", "--caller", "2025550142", "--user-agent", "friendly-scanner")
    friday, saturday = "2026-11-20T09:00:00-05:00", "2026-11-21T09:00:00-05:00"
    said = ringfence(*call, "--at", friday).stdout
    assert said.startswith("verdict\tblock\n")
    assert "schedule mon-fri 08:00-17:30 America/New_York (fri 09:00)" in said
    steps = json.loads(ringfence(*call, "--at", saturday, "--json").stdout)["steps"]
    assert [(s["outcome"], s["why"]) for s in steps] == [("no match", "schedule")]
    assert "soon" in ringfence(*call, "--at", "soon", code=2).stderr


async def test_calls_are_listed_filtered_and_shown(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    for number, action in enumerate(("allow", "block", "flag")):
        record = CallRecord(
            id=f"CALL{number}", time=utc_text(time.time() + number), caller="12025550100",
            caller_e164=f"+1202555010{number}", called_e164="+12025550199", trunk="carrier-a",
            action=action, rule="r", caller_name="\x1b[2J", ms=0.02,
        )  # fmt: skip
        await redis.xadd(keys.calls, {"record": encode_record(record)})
    assert [r["id"] for r in json.loads(ringfence("calls", "--json").stdout)] == [
        "CALL0", "CALL1", "CALL2",
    ]  # fmt: skip
    assert "CALL1" in ringfence("calls", "--action", "block", "--since", "1h").stdout
    shown = ringfence("calls", "--id", "CALL1").stdout
    assert "\x1b" not in shown
    assert "ringfence rule history r" in shown
    assert json.loads(ringfence("calls", "--caller", "5105550000", "--json", code=1).stdout) == []
    assert "no such calls" in ringfence("calls", "--rule", "x", code=1).stderr


async def test_without_a_url_a_command_starts_the_embedded_server_for_itself(
    short_dir: Path, tmp_path: Path
) -> None:
    config = tmp_path / "none.toml"
    config.touch()
    environ = {"PATH": os.environ["PATH"], "RINGFENCE_STATE_DIR": str(short_dir / "state"),
               "RINGFENCE_CONFIG": str(config)}  # fmt: skip

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "ringfence.cli", *arguments], env=environ,
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    run("rule", "add", "r", "--caller", "anonymous", "--action", "block")
    assert [rule["id"] for rule in json.loads(run("rule", "list", "--json"))] == ["r"]
    assert not (short_dir / "state" / "valkey.sock").exists()


async def test_check_says_how_often_a_caller_has_called_and_counts_nothing(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    ringfence("rule", "add", "fast", "--rate", "3 in 60s per caller", "--action", "block")
    counter, call = f"{keys.count_prefix}fast:rate:+12025550142", ("check", "--caller",
                                                                  "+12025550142")  # fmt: skip
    await redis.zadd(counter, {"one": time.time()})
    for _ in range(2):
        assert "rate 2 of 3 in 1m per caller" in ringfence(*call, "--all").stdout
    await redis.zadd(counter, {"two": time.time()})
    assert "because rate 3 in 1m per caller" in " ".join(ringfence(*call).stdout.split())
    assert await redis.zcard(counter) == 2
