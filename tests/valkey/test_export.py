"""`ringfence export` and `ringfence import`: everything out, back in, and nothing by surprise."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ringfence.store.keys import Keys
from ringfence.store.reader import Reader
from ringfence.store.writing.writer import BATCH, Writer

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
async def filled(ringfence: Run, writer: Writer) -> Run:
    """Two rules, a trunk, a callee and a list with all that an entry can be."""
    scam = {"action": "block", "when": {"caller": "@scammers"}, "note": "17", "added_by": "bob"}
    doubt = {"action": "flag", "when": {"attestation": "C"}, "expires_at": "2100-01-01T00:00:00Z"}
    await writer.set_rule("scam", json.dumps(scam))
    await writer.set_rule("doubt", json.dumps({**doubt, "added_by": "bob"}))
    await writer.set_trunk("carrier-a", '{"fail": "closed"}')
    await writer.set_callee("+12025550123", '{"allow": ["@friends"], "analytics": false}')
    await writer.add_to_list("scammers", ["+12025550100", "+12025550110-+12025550119", "+1900*"])
    await writer.add_to_list("scammers", ["+12025550101"], int(time.time()) + 86_400)
    return ringfence


async def state(redis: Redis, keys: Keys) -> dict[str, Any]:
    """All that admins keep, without who wrote it and when."""
    reader = Reader(redis, keys)
    rules = {name: json.loads(text) for name, text in (await reader.rules()).items()}
    for rule in rules.values():
        rule.pop("added_by", None)
        rule.pop("added_at", None)
    lists = {n: {e: t async for e, t in reader.list_entries(n)} for n in await reader.list_names()}
    hashes = {"trunks": await reader.trunks(), "callees": await reader.callees()}
    return {"rules": rules, **hashes, "lists": lists}


async def empty(redis: Redis, keys: Keys) -> None:
    async for key in redis.scan_iter(match=keys.prefix + "*"):
        await redis.delete(key)


async def test_what_was_exported_comes_back_as_it_was(
    filled: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    file, before = tmp_path / "backup.json", await state(redis, keys)
    filled("export", str(file))
    await empty(redis, keys)
    filled("import", str(file))
    assert await state(redis, keys) == before
    # as a new rule comes from elsewhere, who added it there stays
    assert filled("export").stdout == file.read_text()


async def test_the_file_is_for_its_owner_alone_and_replaced_as_a_whole(
    filled: Run, tmp_path: Path
) -> None:
    file = tmp_path / "backup.json"
    said = filled("export", str(file)).stdout
    assert "2 rules, 1 trunk, 1 callee, 1 list with 4 entries" in said
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    counts = json.loads(filled("export", str(file), "--only", "lists", "--json").stdout)
    assert counts["lists"] == {"scammers": 4}
    assert set(json.loads(file.read_text())) == {"ringfence_export", "lists"}
    assert file.stat().st_mode & 0o777 == 0o640
    assert not list(tmp_path.glob(".export*"))
    assert "No such file" in filled("export", str(tmp_path / "no" / "x"), code=1).stderr


async def test_what_is_refused_is_left_out_of_an_export_and_named(
    filled: Run, redis: Redis, keys: Keys
) -> None:
    await redis.hset(keys.rules, "broken", "{")
    await redis.hset(keys.trunks, "t", '{"country": "Atlantis"}')
    await redis.zadd(keys.list("scammers"), {"nobody": math.inf})
    done = filled("export", code=1)
    for wanted in ("rule broken", "trunk t", "'nobody'"):
        assert wanted in done.stderr
    document = json.loads(done.stdout)
    assert sorted(document["rules"]) == ["doubt", "scam"]
    assert len(document["lists"]["scammers"]) == 4


async def test_a_dry_run_shows_the_difference_and_writes_nothing(
    filled: Run, redis: Redis, keys: Keys, writer: Writer, tmp_path: Path
) -> None:
    file = tmp_path / "backup.json"
    filled("export", str(file))
    rule = {"action": "intercept", "when": {"caller": ["@scammers"]}, "respond": {"sip": 607}}
    await writer.set_rule("scam", json.dumps(rule))
    await writer.remove_rule("doubt")
    await writer.add_to_list("scammers", ["+1800*"])
    await writer.remove_from_list("scammers", ["+1900*"])
    await writer.add_to_list("scammers", ["+12025550100"], 4_102_444_800.0)
    before = await state(redis, keys)
    said = filled("import", str(file), "--dry-run", "--prune").stdout
    for wanted in (
        "rules: 1 new, 1 changed, 0 removed, 0 as they are",
        "+ doubt: flag attestation C",
        '~ scam: action "intercept" → "block", note (default) → "17", respond.sip 607 → (default)',
        "trunks: 0 new, 0 changed, 0 removed, 1 as they are",
        "list scammers: 1 new, 1 changed, 1 removed, 2 as they are",
        "+ +1900*",
        "~ +12025550100 until 2100-01-01T00:00:00Z → for good",
        "- +1800*",
        "nothing is written",
    ):
        assert wanted in said, said
    assert await state(redis, keys) == before
    told = json.loads(filled("import", str(file), "--dry-run", "--json").stdout)
    assert (told["dry_run"], told["written"]) == (True, False)
    assert told["rules"]["changed"]["scam"]["action"] == ["intercept", "block"]
    assert told["lists"]["scammers"]["kept"] == 1


async def test_without_prune_nothing_goes_and_with_it_redis_is_like_the_file(
    filled: Run, redis: Redis, keys: Keys, writer: Writer, tmp_path: Path
) -> None:
    file, before = tmp_path / "backup.json", await state(redis, keys)
    filled("export", str(file))
    await writer.set_rule("extra", '{"action": "block"}')
    await writer.set_trunk("carrier-b", '{"fail": "open"}')
    await writer.add_to_list("other", ["+1800*"])
    await writer.add_to_list("scammers", ["+1876*"])
    more = await state(redis, keys)
    said = filled("import", str(file)).stdout
    assert said.count("not in the file, kept: 1 (--prune removes)") == 4
    assert "nothing to change" in said
    assert await state(redis, keys) == more
    said = filled("import", str(file), "--prune").stdout
    assert "list other: removed, with 1 entry" in said
    assert await state(redis, keys) == before
    assert "nothing to change" in filled("import", str(file), "--prune").stdout


async def test_only_the_sections_that_are_named_or_there_are_touched(
    filled: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    text, before = filled("export").stdout, await state(redis, keys)
    await writer.remove_rule("scam")
    await writer.remove_trunk("carrier-a")
    filled("import", "-", "--only", "trunks", stdin=text)
    now = await state(redis, keys)
    assert (now["trunks"], list(now["rules"])) == (before["trunks"], ["doubt"])
    filled("import", "-", "--prune", stdin='{"ringfence_export": 1, "rules": {}}')
    now = await state(redis, keys)
    assert (now["rules"], now["lists"]) == ({}, before["lists"])
    assert "--only" in filled("import", "-", "--only", "all", code=2).stderr


async def test_a_file_that_is_not_in_order_writes_nothing_at_all(
    filled: Run, redis: Redis, keys: Keys
) -> None:
    before = await state(redis, keys)
    text = (
        '{"ringfence_export": 1, "lists": {"new": ["+1900*"]},\n'
        '"rules": {"good": {"action": "block", "when": {"caller": "@new"}},\n'
        '"bad": {"action": "explode"}}}'
    )
    done = filled("import", "-", code=1, stdin=text)
    assert "-:3: rule bad: action" in done.stderr
    assert "nothing is taken from" in done.stderr
    assert await state(redis, keys) == before
    filled("import", "-", code=1, stdin=text[:60])
    filled("import", "-", code=1, stdin="numbers\n")
    filled("import", "/nowhere.json", code=1)
    assert await state(redis, keys) == before


async def test_a_changed_rule_is_signed_by_who_imports_it(
    filled: Run, redis: Redis, keys: Keys
) -> None:
    rule = {"action": "block", "when": {"caller": "+1900*"}, "added_by": "bob"}
    scam = {**rule, "note": "changed"}
    text = json.dumps({"ringfence_export": 1, "rules": {"new": rule, "scam": scam, "mine": {
        "action": "block", "when": {"trunk": "x"}}}})  # fmt: skip
    filled("import", "-", stdin=text)
    rules = {name: json.loads(text) for name, text in (await Reader(redis, keys).rules()).items()}
    assert {name: rule["added_by"] for name, rule in rules.items()} == {
        "new": "bob", "scam": "alice", "mine": "alice", "doubt": "bob",
    }  # fmt: skip


async def test_a_refused_rule_is_mended_by_an_import(
    filled: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    file = tmp_path / "backup.json"
    filled("export", str(file))
    await redis.hset(keys.rules, "scam", '{"action": "smash"}')
    await redis.hset(keys.rejected, "scam", "why")
    assert "~ scam: was refused" in filled("import", str(file)).stdout
    assert json.loads(filled("rule", "show", "scam", "--json").stdout)["action"] == "block"
    assert not await redis.hexists(keys.rejected, "scam")


@pytest.mark.parametrize("dated", [False, True])
async def test_a_long_list_goes_out_and_in_and_changes_in_place(
    ringfence: Run, redis: Redis, keys: Keys, tmp_path: Path, dated: bool
) -> None:
    many = BATCH + 5_000
    numbers = [f"+1202{n:07}" for n in range(many)]
    entries: list[object] = list(numbers)
    if dated:
        entries[::2] = [{"entry": n, "expires": f"2100-01-01T00:00:{i % 60:02}Z"}
                        for i, n in enumerate(numbers[::2])]  # fmt: skip
    file = tmp_path / "lists.json"
    file.write_text(json.dumps({"ringfence_export": 1, "lists": {"long": entries}}))
    ringfence("import", str(file))
    assert await Reader(redis, keys).list_size("long") == many
    assert await redis.type(keys.list("long")) == (b"zset" if dated else b"set")
    ringfence("export", str(file))
    assert f"{many} as they are" in ringfence("import", str(file), "--prune").stdout

    # a small difference is a small change, a large one puts the list there anew
    for added, gone in ((1, 1), (0, many - 10)):
        document = json.loads(file.read_text())
        document["lists"]["long"] = document["lists"]["long"][gone:] + ["+1900*"] * added
        file.write_text(json.dumps(document))
        assert f"{added} new, 0 changed, {gone} removed" in (
            ringfence("import", str(file), "--prune").stdout
        )
        assert await Reader(redis, keys).list_size("long") == len(document["lists"]["long"])
        assert await redis.xlen(keys.changes) < 10
