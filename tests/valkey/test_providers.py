"""The register of providers: by command and by hand, and what it means for rules."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from redis.asyncio import Redis

from ringfence.call import CallAttempt
from ringfence.calllog.record import CallRecord, encode_record, utc_text
from ringfence.screening import Screened, Screener
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.writer import Writer
from ringfence.verdict import Verdict

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]
Run = Callable[..., CompletedProcess[str]]

BLOCK_GATEWAY = '{"action": "block", "when": {"provider": "gateway"}}'


def verdict(mirror: Mirror, trunk: str) -> Verdict:
    attempt = CallAttempt(caller="+13035550100", called="+12025550123", trunk=trunk)
    screened = Screener(mirror.world).screen(attempt, "agi")
    assert isinstance(screened, Screened)
    return screened.verdict


async def log_calls(redis: Redis, keys: Keys, *calls: dict[str, str]) -> None:
    """Write call records of now."""
    for call in calls:
        at = utc_text(datetime.now(UTC).timestamp())
        given = {
            "id": secrets.token_hex(8),
            "time": at,
            "action": "allow",
            "reason": "no-rule",
            **call,
        }
        await redis.xadd(keys.calls, {"record": encode_record(CallRecord(**given))})  # type: ignore[arg-type]


async def test_a_rule_for_a_provider_meets_the_trunks_that_the_register_lists(
    redis: Redis, keys: Keys, writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.set_rule("cut", BLOCK_GATEWAY)
    await writer.set_trunk("gateway-c", '{"country": "GB"}')
    await redis.hset(keys.providers, "gateway", '{"trunks": ["gateway-c", "gateway-d"]}')
    await until(lambda: verdict(mirror, "gateway-d").rule == "cut")
    assert verdict(mirror, "gateway-c").rule == "cut"
    assert mirror.world().trunks["gateway-c"].country == "GB"
    assert mirror.status().providers == 1
    await writer.set_trunk("gateway-c", '{"provider": "acme"}')
    await until(lambda: verdict(mirror, "gateway-c").rule == "")
    assert verdict(mirror, "gateway-d").rule == "cut"
    await writer.remove_trunk("gateway-c")
    await until(lambda: verdict(mirror, "gateway-c").rule == "cut")
    assert await writer.remove_provider("gateway")
    await until(lambda: verdict(mirror, "gateway-d").rule == "")


async def test_a_refused_provider_is_named_and_its_last_good_version_stays(
    redis: Redis, keys: Keys, writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.set_rule("cut", BLOCK_GATEWAY)
    await redis.hset(keys.providers, "gateway", '{"trunks": ["gateway-d"]}')
    await until(lambda: verdict(mirror, "gateway-d").rule == "cut")
    await redis.hset(keys.providers, "gateway", '{"trunks": "gateway-d"}')
    await until(lambda: redis.hexists(keys.rejected, "provider:gateway"))
    assert verdict(mirror, "gateway-d").rule == "cut"


async def test_a_restart_without_redis_knows_whose_a_trunk_is(
    writer: Writer, redis: Redis, keys: Keys, mirror_of: MirrorOf, url: str, tmp_path: Path,
    until: Until,
) -> None:  # fmt: skip
    await writer.set_rule("cut", BLOCK_GATEWAY)
    await redis.hset(keys.providers, "gateway", '{"trunks": ["gateway-d"]}')
    await mirror_of(url, tmp_path)
    await until(lambda: (tmp_path / "mirror.snapshot").exists())
    restored = await mirror_of("unix:///nonexistent/ringfence.sock", tmp_path, wait=False)
    assert verdict(restored, "gateway-d").rule == "cut"


ADD = (
    "provider", "add", "gateway", "--name", "Example Gateway, Inc.", "--alias", "EG", "--role",
    "gateway", "--trunk", "gateway-c", "--address", "192.0.2.0/24", "--signer", "818H", "--rmd",
    "RMD0001234", "--contact", "name=Ann Lee; role=traceback; email=noc@example.com",
    "--document", "title=Contract; where=shelf 3",
)  # fmt: skip


def test_a_provider_is_added_changed_shown_and_removed_by_command(ringfence: Run) -> None:
    assert ringfence(*ADD).stdout.startswith("provider gateway added, version ")
    assert "exists" in ringfence(*ADD, code=1).stderr
    ringfence("provider", "set", "gateway", "--status", "suspended", "--clear", "aliases")
    shown = json.loads(ringfence("provider", "show", "gateway", "--json").stdout)
    assert shown["contacts"] == [
        {"name": "Ann Lee", "role": "traceback", "email": "noc@example.com"}
    ]
    assert (shown["status"], shown["aliases"], shown["added_by"]) == ("suspended", [], "alice")
    text = ringfence("provider", "show", "gateway").stdout
    for wanted in ("Example Gateway, Inc.", "no direct calls", "RMD0001234, standing unknown",
                   "Ann Lee (traceback), noc@example.com", "Contract, shelf 3"):  # fmt: skip
        assert wanted in text
    assert "gateway-c" in ringfence("provider", "list").stdout
    moved = ringfence("provider", "set", "gateway", "--frn", "0012345678", "--expect", "0" * 12,
                      code=1).stderr  # fmt: skip
    assert shown["version"] in moved
    assert "undone" in ringfence("provider", "undo", "gateway").stdout
    assert "add" in ringfence("provider", "history", "gateway").stdout
    ringfence("provider", "remove", "gateway")
    assert "no provider gateway" in ringfence("provider", "remove", "gateway", code=1).stderr
    assert "no provider gateway" in ringfence("provider", "show", "gateway", code=1).stderr


async def test_a_provider_at_a_glance_has_its_rules_its_calls_and_what_is_disputed(
    ringfence: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    await writer.set_trunk("gateway-d", '{"provider": "acme"}')
    added = ringfence(*ADD, "--trunk", "gateway-d")
    assert "gateway-d: its own settings say provider acme" in added.stderr
    await writer.set_rule("by-name", '{"action": "block", "when": {"provider": "gate*"}}')
    await writer.set_rule("by-trunk", '{"action": "block", "when": {"trunk": "gateway-*"}}')
    await writer.set_rule("by-net", '{"action": "block", "when": {"source_ip": "192.0.2.9"}}')
    await writer.set_rule("by-spc", '{"action": "block", "when": {"signer": "818h"}}')
    await writer.set_rule("other", '{"action": "block", "when": {"trunk": "other"}}')
    await log_calls(
        redis, keys,
        {"trunk": "gateway-c", "attestation": "C", "action": "block"},
        {"trunk": "gateway-c"},
        {"trunk": "other", "signer": "818H", "verification": "passed", "attestation": "A"},
        {"trunk": "other"},
    )  # fmt: skip
    shown = json.loads(ringfence("provider", "show", "gateway", "--json").stdout)
    assert shown["rules"] == ["by-name", "by-net", "by-spc", "by-trunk"]
    assert shown["all_trunks"] == ["gateway-c"]
    assert shown["disputed_trunks"] == {"gateway-d": "acme"}
    assert shown["last_day"] == {
        "direct": {"attempts": 2, "blocked": 1, "attestation": {"C": 1, "none": 1}},
        "signed": {"attempts": 1, "blocked": 0, "attestation": {"A": 1}},
    }
    text = ringfence("provider", "show", "gateway").stdout
    assert "2 direct calls, 1 blocked; attestation C 50 %, none 50 %" in text


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["add", "x"], "nothing to set", 2),
        (["add", "x", "--frn", "12"], "provider x: frn is", 1),
        (["add", "a b", "--name", "x"], "provider's id", 1),
        (["add", "x", "--contact", "Ann Lee"], "--contact 'Ann Lee': write 'name=…", 2),
        (["add", "x", "--document", "where=here"], "has no title", 2),
        (["set", "nobody", "--name", "x"], "no provider nobody", 1),
        (["add", "x", "--role", "friend"], "--role", 2),
    ],
)
def test_a_wrong_provider_is_refused_in_one_line(
    ringfence: Run, arguments: list[str], said: str, code: int
) -> None:
    stderr = ringfence("provider", *arguments, code=code).stderr
    assert said in stderr
    assert len(stderr.strip().splitlines()) == 1


async def test_who_lists_a_trunk_that_another_has_hears_of_it(ringfence: Run) -> None:
    ringfence("provider", "add", "a-gateway", "--trunk", "gateway-c")
    added = ringfence("provider", "add", "gateway", "--trunk", "gateway-c", "--trunk", "gateway-d")
    said = "trunk gateway-c: a-gateway lists it too, and the first by id counts"
    assert said in added.stderr
    assert "gateway-c: a-gateway lists it too" in ringfence("provider", "show", "gateway").stdout
    notice = ringfence("notice", "add", "n", "--kind", "final-order", "--provider", "gateway")
    assert f"note: {said}" in notice.stderr
