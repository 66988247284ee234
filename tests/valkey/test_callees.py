"""A customer's choices count from the moment they are written, by command or by hand."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from redis.asyncio import Redis

from ringfence.call import CallAttempt
from ringfence.screening import Screened, Screener
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.writer import FieldChange, Writer
from ringfence.verdict import Action, Reason, Verdict

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]
Run = Callable[..., CompletedProcess[str]]

OWN, FRIEND = "+12025550123", "+13035550100"


def verdict(mirror: Mirror, caller: str, called: str = OWN) -> Verdict:
    screened = Screener(mirror.world).screen(CallAttempt(caller=caller, called=called), "agi")
    assert isinstance(screened, Screened)
    return screened.verdict


async def test_what_a_customer_allows_goes_before_rules_but_not_before_a_duty(
    writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.set_rule("guess", '{"action": "block", "basis": "analytics"}')
    await until(lambda: verdict(mirror, FRIEND).action is Action.BLOCK)
    await writer.add_to_list("friends", [FRIEND])
    await writer.set_callee(OWN, '{"allow": ["@friends"]}')
    await until(lambda: verdict(mirror, FRIEND).action is Action.ALLOW)
    assert verdict(mirror, FRIEND).reason is Reason.CALLEE
    assert verdict(mirror, FRIEND, "+12025550124").action is Action.BLOCK
    await writer.set_rule("duty", '{"action": "block", "basis": "dno-invalid"}')
    await until(lambda: verdict(mirror, FRIEND).rule == "duty")
    assert verdict(mirror, "911").action is Action.BLOCK
    assert verdict(mirror, FRIEND, "911").action is Action.ALLOW


async def test_what_a_customer_blocks_is_blocked_with_607_and_gone_with_the_choice(
    writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.set_callee("acme", json.dumps({"numbers": ["+1202555*"], "block": "anonymous"}))
    await until(lambda: verdict(mirror, "anonymous").action is Action.BLOCK)
    blocked = verdict(mirror, "anonymous")
    assert (blocked.sip, blocked.reason, blocked.callee) == (607, Reason.CALLEE, "acme")
    assert await writer.remove_callee("acme")
    await until(lambda: verdict(mirror, "anonymous").action is Action.ALLOW)


async def test_who_opted_out_meets_no_analytics(
    redis: Redis, keys: Keys, writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.set_rule("guess", '{"action": "block", "basis": "analytics"}')
    await until(lambda: verdict(mirror, FRIEND).action is Action.BLOCK)
    await redis.hset(keys.callees, OWN, '{"analytics": false}')
    await until(lambda: verdict(mirror, FRIEND).action is Action.ALLOW)
    assert verdict(mirror, FRIEND, "+12025550124").action is Action.BLOCK
    await redis.hdel(keys.callees, OWN)
    await until(lambda: verdict(mirror, FRIEND).action is Action.BLOCK)


async def test_a_refused_callee_is_named_and_its_last_good_version_stays(
    redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    await redis.hset(keys.callees, OWN, '{"block": ["anonymous"]}')
    await until(lambda: verdict(mirror, "anonymous").action is Action.BLOCK)
    await redis.hset(keys.callees, mapping={OWN: '{"block": ["rubbish"]}', "acme": "{}"})
    await until(lambda: redis.hexists(keys.rejected, f"callee:{OWN}"))
    await until(lambda: redis.hexists(keys.rejected, "callee:acme"))
    assert verdict(mirror, "anonymous").action is Action.BLOCK
    assert mirror.status().callees == 1
    assert b"rubbish" in (await redis.hget(keys.rejected, f"callee:{OWN}") or b"")


async def test_rules_trunks_and_callees_of_one_import_are_in_force(
    writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.apply([
        FieldChange("rule", "guess", None, b'{"action": "block", "basis": "analytics"}'),
        FieldChange("trunk", "carrier-a", None, b'{"fail": "closed"}'),
        FieldChange("callee", OWN, None, b'{"allow": ["+1303*"]}'),
    ])  # fmt: skip
    await until(lambda: mirror.status().callees == 1 and "carrier-a" in mirror.world().trunks)
    await until(lambda: verdict(mirror, "+12125550100").rule == "guess")
    assert verdict(mirror, FRIEND).action is Action.ALLOW


async def test_a_restart_without_redis_has_the_last_choices(
    writer: Writer, mirror_of: MirrorOf, url: str, tmp_path: Path, until: Until
) -> None:
    await writer.set_callee(OWN, '{"block": ["anonymous"]}')
    running = await mirror_of(url, tmp_path)
    assert verdict(running, "anonymous").action is Action.BLOCK
    await until(lambda: (tmp_path / "mirror.snapshot").exists())
    restored = await mirror_of("unix:///nonexistent/ringfence.sock", tmp_path, wait=False)
    assert verdict(restored, "anonymous").action is Action.BLOCK


def test_choices_are_made_added_to_and_taken_back_by_command(ringfence: Run) -> None:
    assert "no callee" in ringfence("callee", "show", OWN, code=1).stderr
    done = ringfence("callee", "allow", OWN, "13035550100", "@friends", FRIEND)
    assert "there is no list friends yet" in done.stderr
    assert done.stdout.startswith(f"callee {OWN} added, version ")
    assert done.stdout.endswith(f": allow {FRIEND} @friends\n")
    ringfence("callee", "block", OWN, "anonymous", "+1900*")
    ringfence("callee", "set", OWN, "--analytics", "off", "--note", "17")
    shown = json.loads(ringfence("callee", "show", OWN, "--json").stdout)
    version, added_at = shown.pop("version"), shown.pop("added_at")
    assert added_at
    assert shown == {
        "callee": OWN, "numbers": [], "allow": [FRIEND, "@friends"],
        "block": ["anonymous", "+1900*"], "analytics": False, "note": "17", "added_by": "alice",
    }  # fmt: skip
    assert "same" in ringfence("callee", "set", OWN, "--note", "17").stdout
    moved = ringfence("callee", "set", OWN, "--note", "x", "--expect", "0" * 12, code=1).stderr
    assert version in moved
    ringfence("callee", "allow", OWN, "@friends", "--remove")
    assert (
        "none of these" in ringfence("callee", "allow", OWN, "@friends", "--remove", code=1).stderr
    )
    assert json.loads(ringfence("callee", "list", "--json").stdout)[0]["allow"] == [FRIEND]
    assert "undone" in ringfence("callee", "undo", OWN).stdout
    assert "@friends" in ringfence("callee", "show", OWN).stdout
    ringfence("callee", "remove", OWN)
    assert "no callee" in ringfence("callee", "remove", OWN, code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["set", "acme", "--note", "x"], "callee acme has no numbers", 1),
        (["block", OWN, "rubbish"], "block: 'rubbish' is not known", 1),
        (["set", OWN], "nothing to set", 2),
        (["set", OWN, "--analytics", "maybe"], "--analytics", 2),
        (["allow", "a b", FRIEND], "a callee's id", 1),
    ],
)
def test_a_wrong_choice_is_refused_in_one_line(
    ringfence: Run, arguments: list[str], said: str, code: int
) -> None:
    stderr = ringfence("callee", *arguments, code=code).stderr
    assert said in stderr
    assert len(stderr.strip().splitlines()) == (1 if code == 1 else len(stderr.splitlines()))


async def test_check_shows_the_order_of_guard_choice_and_rules(
    ringfence: Run, writer: Writer
) -> None:
    await writer.set_rule("guess", '{"action": "block", "basis": "analytics"}')
    await writer.set_callee(OWN, json.dumps({"allow": [FRIEND], "block": ["anonymous"]}))

    def steps(caller: str, called: str = OWN) -> list[tuple[str, str, str]]:
        done = ringfence("check", "--caller", caller, "--called", called, "--json")
        found = json.loads(done.stdout)["steps"]
        return [(step["rule"], step["action"], step["outcome"]) for step in found]

    assert steps(FRIEND) == [("(callee)", "allow", "matched"), ("guess", "block", "left out")]
    assert steps("anonymous") == [
        ("(callee)", "block", "matched"), ("guess", "block", "not reached"),
    ]  # fmt: skip
    assert steps(FRIEND, "911") == [
        ("(emergency)", "allow", "matched"), ("guess", "block", "not reached"),
    ]  # fmt: skip


async def test_a_table_of_verdicts_expects_what_a_customer_chose(
    ringfence: Run, writer: Writer, tmp_path: Path
) -> None:
    await writer.set_callee("acme", json.dumps({"numbers": [OWN], "block": ["anonymous"]}))
    table = tmp_path / "verdicts.csv"
    table.write_text(
        "caller,called,action,reason,callee,sip\n"
        f"anonymous,{OWN},block,callee,acme,607\n{FRIEND},{OWN},allow,no-rule,,-\n"
    )
    ringfence("rule", "test", str(table))
    export = tmp_path / "backup.json"
    ringfence("export", str(export))
    ringfence("callee", "remove", "acme")
    assert "expected" in ringfence("rule", "test", str(table), code=1).stdout
    ringfence("rule", "test", str(table), "--rules", str(export))
    ringfence("import", str(export))
    ringfence("rule", "test", str(table))


async def test_the_list_of_callees_names_those_that_claim_the_same_number(
    ringfence: Run, writer: Writer
) -> None:
    for id in ("b", "a"):
        await writer.set_callee(id, '{"numbers": ["+12025550100", "+1303*"], "block": "anonymous"}')
    done = ringfence("callee", "list")
    for number in ("+12025550100", "+1303*"):
        assert f"note: {number} is claimed by callees a and b: the first has it" in done.stderr
