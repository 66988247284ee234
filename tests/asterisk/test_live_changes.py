"""Rules and lists change while calls run; Redis hangs, dies, or is given nonsense. Calls go on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from demo.ringfence import frozen
from demo.stage import Stage

pytestmark = pytest.mark.asterisk

Place = Callable[..., Any]
Number = Callable[[], str]
RULES = "ringfence:rules"


async def test_a_rule_by_the_command_line_is_in_force_on_the_next_call(
    stage: Stage, place: Place, number: Number, rule: Callable[..., None]
) -> None:
    caller = number()
    before = await place(caller=caller, talk=0.0)
    with stage.ringfence.in_force("live"):
        rule("live", "--caller", caller, "--action", "block")
    after = await place(caller=caller, talk=0.0)
    assert (before.status, after.status) == (200, 403)


async def test_a_rule_by_redis_cli_is_in_force_and_its_removal_too(
    stage: Stage, place: Place, number: Number
) -> None:
    caller = number()
    text = json.dumps({"action": "block", "when": {"caller": caller}})
    with stage.ringfence.in_force("hand", seconds=2.0):
        stage.ringfence.redis_cli("HSET", RULES, "hand", text)
    assert (await place(caller=caller, talk=0.0)).status == 403
    with stage.ringfence.in_force("hand", seconds=2.0):
        stage.ringfence.redis_cli("HDEL", RULES, "hand")
    assert (await place(caller=caller, talk=0.0)).status == 200


async def test_list_entries_by_redis_cli_come_and_go(
    stage: Stage, place: Place, number: Number, rule: Callable[..., None]
) -> None:
    caller, until = number(), number()
    with stage.ringfence.in_force("on-list"):
        rule("on-list", "--caller", "@hand-made", "--caller", "@hand-timed", "--action", "block")
    for name, words, away in (
        ("hand-made", ("SADD", caller), ("SREM", caller)),
        ("hand-timed", ("ZADD", "+inf", until), ("ZREM", until)),
    ):
        key, who = f"ringfence:list:{name}", words[-1]
        with stage.ringfence.in_force(name, seconds=2.0):
            stage.ringfence.redis_cli(words[0], key, *words[1:])
        assert (await place(caller=who, talk=0.0)).status == 403
        with stage.ringfence.in_force(name, seconds=2.0):
            stage.ringfence.redis_cli(away[0], key, *away[1:])
        assert (await place(caller=who, talk=0.0)).status == 200


async def test_while_redis_hangs_no_call_waits_and_the_last_rules_stay_in_force(
    stage: Stage, place: Place, number: Number, rule: Callable[..., None]
) -> None:
    caller, other = number(), number()
    with stage.ringfence.in_force("hang"):
        rule("hang", "--caller", caller, "--action", "block")
    usual = await place(caller=other, talk=0.0)
    during = []
    with frozen(stage.ringfence.valkey_pid):
        for door in ("agi", "ari") * 5:
            blocked = await place(door=door, caller=caller)
            passed = await place(door=door, caller=other, talk=0.0)
            during += [blocked, passed]
            assert (blocked.status, passed.status) == (403, 200)
    # Nothing near Redis's time-outs of seconds: within what a busy machine's calls differ.
    assert max(result.setup_ms for result in during) < usual.setup_ms + 1000
    for result in during:
        assert stage.ringfence.record(result.call_id)["outcome"] == "applied"


async def test_no_record_is_lost_or_doubled_when_redis_is_killed(
    stage: Stage, place: Place, number: Number
) -> None:
    placed = [await place(caller=number(), talk=0.0) for _ in range(3)]
    os.kill(stage.ringfence.valkey_pid, signal.SIGKILL)
    placed += [await place(caller=number(), talk=0.0) for _ in range(5)]
    for result in placed:
        stage.ringfence.record(result.call_id)
    records = stage.ringfence.cli_json("calls", "--limit", "500")
    ids = [record["sip_call_id"] for record in records]
    assert [ids.count(result.call_id) for result in placed] == [1] * len(placed)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '{"action": "explode"}',
        '{"action": "block", "when": {"calller": "+1900*"}}',
        '{"action": "block", "when": {"caller": "~(a+"}}',
        '{"action": "block", "when": {"caller": "+1900*"}, "respond": {"prompt": "x,y&z"}}',
        '{"action": "flag", "respond": {"label": "a,RINGFENCE_ACTION=block"}}',
        '{"action": "block", "priority": 1e99}',
        '{"action": "block", "expires_at": "tomorrow"}',
        '{"action": "block", "note": "' + "x" * 100_000 + '"}',
        "[" * 60_000,
    ],
    ids=lambda text: text[:50],
)
async def test_a_bad_rule_is_refused_by_name_and_its_last_good_version_stays(
    stage: Stage, place: Place, number: Number, text: str
) -> None:
    caller = number()
    good = json.dumps({"action": "block", "when": {"caller": caller}})
    with stage.ringfence.in_force("bad-one"):
        stage.ringfence.redis_cli("HSET", RULES, "bad-one", good)
    try:
        stage.ringfence.redis_cli("HSET", RULES, "bad-one", text)
        stage.ringfence.wait_until(
            lambda: "bad-one" in stage.ringfence.redis_cli("HKEYS", "ringfence:rejected"),
            "the refusal",
        )
        reason = stage.ringfence.redis_cli("HGET", "ringfence:rejected", "bad-one")
        assert "last good version stays in force" in reason
        assert "\n" not in reason
        assert len(reason) <= 600
        assert (await place(caller=caller, talk=0.0)).status == 403
    finally:
        with stage.ringfence.in_force("bad-one"):
            stage.ringfence.redis_cli("HDEL", RULES, "bad-one")
    stage.ringfence.wait_until(
        lambda: "bad-one" not in stage.ringfence.redis_cli("HKEYS", "ringfence:rejected"),
        "the refusal gone",
    )


async def test_rules_survive_a_restart_while_redis_is_away(
    stage: Stage, place: Place, number: Number, rule: Callable[..., None]
) -> None:
    """With Redis elsewhere and out of reach, the snapshot on disk has the rules."""
    caller = number()
    with stage.ringfence.in_force("kept"):
        rule("kept", "--caller", caller, "--action", "block")
    ours = stage.ringfence
    ours.stop()
    ours.environment["RINGFENCE_REDIS_URL"] = "redis://127.0.0.1:1/0"
    try:
        ours.start(in_step=False)
        for door in ("agi", "ari"):
            assert (await place(door=door, caller=caller, talk=0.0)).status == 403
    finally:
        del ours.environment["RINGFENCE_REDIS_URL"]
        ours.stop()
        ours.start()
