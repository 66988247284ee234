"""What the command line says of hits and of one call's trail, on a real Valkey."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess

import pytest
from redis.asyncio import Redis

from ringfence.calllog.record import CallRecord, encode_record, utc_text
from ringfence.store.counting.hits import HitCounter
from ringfence.store.keys import Keys
from ringfence.verdict import Action, Noted, Reason, Verdict

pytestmark = pytest.mark.valkey

Run = Callable[..., CompletedProcess[str]]

DAY = 86_400.0


async def hit(redis: Redis, keys: Keys, rule: str, at: float, *, began: float = 0.0) -> None:
    """One call that `rule` ended and `rule`-watch would have."""
    counter = HitCounter(redis, keys, clock=lambda: began or at)
    noted = (Noted(f"{rule}-watch", Action.BLOCK, True),)
    counter.put(Verdict(action=Action.BLOCK, reason=Reason.RULE, rule=rule, noted=noted), at)
    await counter.close(5.0)


async def test_hits_and_the_last_hit_stand_beside_each_rule(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    for rule in ("a", "a-watch", "never"):
        ringfence("rule", "add", rule, "--caller", "anonymous", "--action", "block")
    await hit(redis, keys, "a", 1_700_000_000.4)
    await hit(redis, keys, "a", 1_700_000_060.0)
    listed = {rule["id"]: rule for rule in json.loads(ringfence("rule", "list", "--json").stdout)}
    names = ("hits", "would_hits", "last_hit", "last_would_hit")
    assert [[listed[rule][name] for name in names] for rule in ("a", "a-watch", "never")] == [
        [2, 0, "2023-11-14T22:14:20Z", None],
        [0, 2, None, "2023-11-14T22:14:20Z"],
        [0, 0, None, None],
    ]
    lines = [line.split("\t") for line in ringfence("rule", "list").stdout.splitlines()]
    at = lines[0].index("hits")
    assert [line[at : at + 2] for line in lines] == [
        ["hits", "last hit"],
        ["2", "2023-11-14 22:14Z"],
        ["would 2", "2023-11-14 22:14Z"],
        ["0", "never"],
    ]
    shown = ringfence("rule", "show", "a", "--json").stdout
    assert json.loads(shown)["hits"] == 2
    ringfence("rule", "set", "a", "-", stdin=shown)
    assert "hits\t2, last 2023-11-14 22:14Z" in ringfence("rule", "show", "a").stdout
    watch = ringfence("rule", "show", "a-watch").stdout
    assert "hits\tnone" in watch
    assert "would have hit\t2, last 2023-11-14 22:14Z (in monitor mode)" in watch


async def test_rules_that_no_call_met_can_be_found(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    assert "nothing was counted yet" in ringfence("rule", "list", "--unused").stderr
    old = (datetime.now(UTC) - timedelta(days=90)).isoformat(timespec="seconds")
    rule = json.dumps({"action": "block", "added_at": old})
    for name in ("stale", "stale-watch", "busy", "busy-watch", "dead"):
        await redis.hset(keys.rules, name, rule)
    ringfence("rule", "add", "new", "--caller", "anonymous", "--action", "block")
    now = time.time()
    await hit(redis, keys, "stale", now - 40 * DAY)
    await hit(redis, keys, "busy", now - DAY)

    def unused(*since: str) -> list[str]:
        found = ringfence("rule", "list", "--unused", *since, "--json").stdout
        return [each["id"] for each in json.loads(found)]

    assert unused() == ["dead", "new"]
    assert unused("--since", "30d") == ["dead", "stale", "stale-watch"]
    assert unused("--since", "60d") == ["dead"]
    said = ringfence("rule", "list", "--unused", "--since", "60d").stderr
    assert "hits are counted since" in said
    assert "--unused" in ringfence("rule", "list", "--since", "30d", code=2).stderr


async def test_what_decided_and_is_no_rule_is_counted_besides(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    ringfence("rule", "add", "r", "--caller", "anonymous", "--action", "block")
    counter = HitCounter(redis, keys)
    counter.put(Verdict(action=Action.ALLOW, reason=Reason.EMERGENCY), 1.0)
    await counter.close(5.0)
    listed = ringfence("rule", "list")
    assert "(emergency) 1" in listed.stderr
    assert "(emergency)" not in listed.stdout


async def test_a_removed_rule_that_comes_back_has_its_hits(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    add = ("rule", "add", "r", "--caller", "anonymous", "--action", "block")
    ringfence(*add)
    await hit(redis, keys, "r", 1_700_000_000.0)
    ringfence("rule", "remove", "r")
    ringfence(*add)
    assert "hits\t1," in ringfence("rule", "show", "r").stdout


async def test_one_call_shows_its_trail_and_who_is_behind_its_rule(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    ringfence("rule", "add", "premium", "--caller", "+1900*", "--action", "block",
              "--note", "ticket 17")  # fmt: skip
    record = CallRecord(
        id="CALL1", time=utc_text(time.time() + 60), caller="19005550100",
        caller_e164="+19005550100", action="block", reason="rule", rule="premium", sip=403,
        matched=("caller +1900* (+19005550100)",), callee="acme", score=20,
        noted=(Noted("points", Action.SCORE, False, "trunk carrier-a", 20),),
    )  # fmt: skip
    await redis.xadd(keys.calls, {"record": encode_record(record)})
    said = ringfence("calls", "--id", "CALL1").stdout
    for wanted in ("added by alice", "ticket 17", "ringfence rule disable premium", "points +20",
                   "(+19005550100)", "rule points\tthere is no such rule"):  # fmt: skip
        assert wanted in said
    (shown,) = json.loads(ringfence("calls", "--id", "CALL1", "--json").stdout)
    assert shown["noted"][0]["why"] == "trunk carrier-a"
    ringfence("calls", "--callee", "acme")
    ringfence("calls", "--callee", "other", code=1)


async def test_a_rule_that_is_gone_is_told_as_it_was_when_the_call_came(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    ringfence("rule", "add", "r", "--caller", "+1900*", "--action", "block", "--note", "ticket 17")
    record = CallRecord(id="CALL1", time=utc_text(time.time()), action="block", rule="r")
    await redis.xadd(keys.calls, {"record": encode_record(record)})
    ringfence("rule", "set", "r", "--caller", "+1876*", "--action", "block", "--note", "other")
    ringfence("rule", "remove", "r")
    said = ringfence("calls", "--id", "CALL1").stdout
    for wanted in ("added by alice", "ticket 17", "meets caller +1900*", "REMOVED since, by alice"):
        assert wanted in said
    assert "undo" not in said


async def test_calls_that_no_rule_decided_are_found_by_what_did(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    for reason in ("score", "callee", "no-rule"):
        record = CallRecord(id=reason, time=utc_text(time.time()), action="block", reason=reason)
        await redis.xadd(keys.calls, {"record": encode_record(record)})
    found = json.loads(ringfence("calls", "--rule", "(score)", "--json").stdout)
    assert [each["id"] for each in found] == ["score"]
