"""`ringfence rule test`: the verdicts that an admin expects, held against rules in force or not."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ringfence.store.keys import Keys
from ringfence.store.writing.writer import Writer

Run = Callable[..., subprocess.CompletedProcess[str]]

TABLE = """\
caller,called,trunk,verification,action,rule,sip,label,noted,note
202-555-0142,+12025550100,gw,,block,scam,603,,,by range
+12025550150,+12025550100,gw,,block,scam,603,,,until some day
+19005550100,+12025550100,,,block,scam,603,,,by prefix
+13035550100,+12025550100,gw,failed,flag,doubt,,SPAM?,,
,+12025550100,gw,,allow,-,-,-,anon,anonymous only noted
+12025550142,911,gw,,allow,-,-,-,,emergency
+12025550142,+13035550111,gw,,allow,ours,-,-,,our customer's choice
"""


@pytest.fixture
async def filled(ringfence: Run, writer: Writer) -> Run:
    """A rule on a list, a flag, a rule that only notes, and one ahead of all."""
    await writer.add_to_list("scammers", ["+12025550140-+12025550149", "+1900*"])
    await writer.add_to_list("scammers", ["+12025550150"], time.time() + 86_400)
    await writer.add_to_list("trusting", ["+13035550111"])
    for name, rule in {
        "scam": {"action": "block", "when": {"caller": "@scammers"}, "basis": "analytics"},
        "doubt": {"action": "flag", "when": {"verification": "failed"}},
        "anon": {"action": "block", "when": {"caller": "anonymous"}, "mode": "monitor"},
        "ours": {"action": "allow", "when": {"called": "@trusting"}, "priority": 1},
    }.items():
        await writer.set_rule(name, json.dumps(rule))
    return ringfence


async def test_a_table_that_is_as_expected_says_so(filled: Run) -> None:
    said = filled("rule", "test", "-", stdin=TABLE).stdout
    assert said == "7 of 7 calls get the verdict that is expected\n"


async def test_a_failure_says_what_came_instead_and_why_rule_by_rule(filled: Run) -> None:
    table = TABLE + "+12125550100,+12025550100,gw,,block,scam,603,,,on purpose\n"
    done = filled("rule", "test", "-", stdin=table, code=1)
    for wanted in (
        "line 9: +12125550100 to +12025550100 from gw (on purpose)",
        "action: expected block, got allow",
        "sip: expected 603, got none",
        "scam\tblock\tno match\tcaller",
        "7 of 8 calls",
    ):
        assert wanted in done.stdout, done.stdout
    told = json.loads(filled("rule", "test", "-", "--json", stdin=table, code=1).stdout)
    assert (told["tested"], told["failed"]) == (8, 1)
    (failure,) = told["failures"]
    assert (failure["line"], failure["expected"]["rule"], failure["got"]["rule"]) == (9, "scam", "")
    assert [step["outcome"] for step in failure["steps"]] == ["no match"] * 4


async def test_a_rule_that_does_not_exist_is_named(filled: Run) -> None:
    table = "caller,rule\n+19005550100,scram\n"
    assert "there is no rule scram" in filled("rule", "test", "-", stdin=table, code=1).stderr


async def test_rules_are_tried_before_they_are_loaded(
    filled: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    file = tmp_path / "next.json"
    document = json.loads(filled("export").stdout)
    document["rules"]["scam"]["action"] = "intercept"
    document["lists"]["scammers"].remove("+1900*")
    file.write_text(json.dumps(document))
    table = tmp_path / "table.csv"
    table.write_text("caller,action\n+12025550142,intercept\n+12025550150,intercept\n"
                     "+19005550100,allow\n")  # fmt: skip
    filled("rule", "test", str(table), code=1)
    said = filled("rule", "test", str(table), "--rules", str(file)).stdout
    assert "3 of 3" in said
    assert json.loads(await redis.hget(keys.rules, "scam"))["action"] == "block"


async def test_a_call_is_tried_at_the_time_that_the_table_names(filled: Run) -> None:
    filled("rule", "add", "brief", "--called", "+14155550100", "--action", "block",
           "--expires", "2100-01-01")  # fmt: skip
    table = [
        {"called": "+14155550100", "at": "2099-12-31T23:59:59Z", "rule": "brief"},
        {"called": "+14155550100", "at": "2100-01-01T00:00:01Z", "rule": "-"},
        {"caller": "+12025550150", "at": "2100-01-01", "rule": "-"},
    ]
    filled("rule", "test", "-", stdin=json.dumps(table))


async def test_headers_count_as_far_as_the_trunk_is_trusted(filled: Run) -> None:
    table = "trunk,caller,header:X-Twilio-VerStat,action\ngw,+13035550100,TN-Validation-Failed,"
    filled("rule", "test", "-", stdin=table + "allow\n")
    filled("trunk", "set", "gw", "--attestation", "headers")
    filled("rule", "test", "-", stdin=table + "flag\n")


async def test_what_is_not_in_order_with_the_rules_is_a_note(
    filled: Run, redis: Redis, keys: Keys
) -> None:
    await redis.hset(keys.rules, "broken", "{")
    filled("rule", "add", "r", "--caller", "@nobody", "--action", "block")
    noted = filled("rule", "test", "-", stdin=TABLE).stderr
    assert "rule broken" in noted
    assert "there is no list nobody" in noted


async def test_rates_and_spreads_are_tried_by_what_the_table_says_of_them(filled: Run) -> None:
    filled("rule", "add", "fast", "--rate", "10 in 60s per caller", "--action", "block")
    filled("rule", "add", "wide", "--spread", "20 called in 60s per caller", "--action",
           "intercept", "--priority", "200")  # fmt: skip
    table = (
        "caller,called,rate,spread,rule\n+13035550100,+12025550100,10,,fast\n"
        "+13035550100,+12025550100,9,20,wide\n+13035550100,+12025550100,fast=9,wide=19,-\n"
        "+13035550100,+12025550100,wide=10,99999,wide\n"
    )
    done = filled("rule", "test", "-", stdin=table)
    assert "4 of 4" in done.stdout
    assert "no rule wide counts a rate" in done.stderr
    assert "not counted, by calls: rate of rule fast (1)" in done.stderr
    table = "caller,called,rule\n+13035550100,+12025550100,fast\n"
    done = filled("rule", "test", "-", stdin=table, code=1)
    assert "fast\tblock\tno match\trate not counted, of 10 in 1m per caller" in done.stdout
    # `check` tries the same, and counts where nothing is said
    facts = ("check", "--caller", "+13035550100", "--called", "+12025550100", "--json")
    said = json.loads(filled(*facts, "--rate", "fast=10").stdout)
    assert said["verdict"]["rule"] == "fast"
    assert json.loads(filled(*facts).stdout)["verdict"]["rule"] == ""
    assert "--rate 'x'" in filled(*facts, "--rate", "x", code=2).stderr


async def test_a_caller_whom_a_dispute_released_is_let_through_as_calls_would_be(
    filled: Run, writer: Writer
) -> None:
    await writer.add_to_list("redress", ["+12025550142"])
    table = "caller,called,rule,reason\n+12025550142,+12025550100,-,redress\n"
    filled("rule", "test", "-", stdin=table)
    facts = ("check", "--caller", "+12025550142", "--called", "+12025550100", "--json")
    assert json.loads(filled(*facts).stdout)["verdict"]["reason"] == "redress"


async def test_who_sent_a_call_on_is_tried(filled: Run) -> None:
    filled("rule", "add", "sent", "--diverter", "818H", "--action", "block")
    table = "caller,called,diverter,rule\n+13035550100,+12025550100,9 818h,sent\n"
    filled("rule", "test", "-", stdin=table)
    facts = ("check", "--caller", "+13035550100", "--called", "+12025550100")
    assert "sent on by\t9, 818H" in filled(*facts, "--diverter", "9", "--diverter", "818H").stdout
    refused = filled(*facts, "--diverter", "9", "--reason", "stale", code=2).stderr
    assert "leave out --diverter 9" in refused


@pytest.mark.parametrize("bad", ["caler,action\n1,block\n", "caller,action\n1,blok\n", "{", ""])
async def test_a_table_that_is_not_in_order_is_wrong_use_and_tests_nothing(
    filled: Run, bad: str
) -> None:
    done = filled("rule", "test", "-", stdin=bad, code=2)
    assert "-:" in done.stderr
    assert done.stdout == ""


async def test_an_export_that_is_not_in_order_is_wrong_use(filled: Run, tmp_path: Path) -> None:
    file = tmp_path / "next.json"
    file.write_text('{"ringfence_export": 1, "rules": {"a": {}}}')
    for name in (str(file), "/nowhere.json"):
        filled("rule", "test", "-", "--rules", name, stdin=TABLE, code=2)
