"""Every change through Ringfence leaves who, when, before and after; and can be undone."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ringfence.rules import RuleRefused
from ringfence.store.connection import connect_redis
from ringfence.store.embedded import EmbeddedValkey
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing import scripting
from ringfence.store.writing.history import Change, History, version_of
from ringfence.store.writing.undo import BY_HAND, Undoing
from ringfence.store.writing.writer import FieldChange, Moved, Origin, Writer, WriteRefused

Until = Callable[..., Awaitable[None]]

DOC = Path(__file__).parents[2] / "docs" / "redis.md"
BLOCK, ALLOW = b'{"action":"block"}', b'{"action":"allow"}'
A_BLOCK, A_ALLOW = b'{"action":"block","id":"a"}', b'{"action":"allow","id":"a"}'
ONE, TWO = "+12025550101", "+12025550102"


@pytest.fixture
def history(redis: Redis, keys: Keys) -> History:
    return History(redis, keys)


@pytest.fixture
def undoing(writer: Writer, history: History) -> Undoing:
    return Undoing(writer, history)


async def changes_of(history: History, kind: str = "", name: str = "") -> list[Change]:
    return [change async for change in history.changes(kind, [name] if name else ())]


async def rule(redis: Redis, keys: Keys, id: str = "a") -> bytes | None:
    found: bytes | None = await redis.hget(keys.rules, id)  # type: ignore[misc]
    return found


async def test_a_change_says_who_when_why_before_and_after(
    redis: Redis, keys: Keys, history: History
) -> None:
    writer = Writer(redis, keys, "alice", lambda: 1_764_000_000.25, why="ticket 17")
    await writer.set_rule("a", BLOCK)
    await writer.set_rule("a", ALLOW)
    await writer.enable_rule("a", False)
    await writer.signed("boris").remove_rule("a")
    removed, disabled, changed, added = await changes_of(history)
    assert (added.op, added.before, added.after) == ("add", None, A_BLOCK)
    assert (changed.op, changed.before, changed.after) == ("set", A_BLOCK, A_ALLOW)
    assert (disabled.op, disabled.before) == ("disable", A_ALLOW)
    assert (removed.op, removed.before, removed.after) == ("remove", disabled.after, None)
    assert (added.who, added.why, added.at) == ("alice", "ticket 17", 1_764_000_000.25)
    assert (removed.who, removed.why) == ("boris", "")
    assert {(each.kind, each.name) for each in (added, changed, removed)} == {("rule", "a")}


async def test_what_changes_nothing_leaves_nothing(writer: Writer, history: History) -> None:
    await writer.set_rule("a", BLOCK)
    await writer.set_rule("a", BLOCK)
    await writer.remove_rule("b")
    with pytest.raises(WriteRefused):
        await writer.set_rule("a", ALLOW, only_new=True)
    await writer.remove_from_list("l", [ONE])
    await writer.add_to_list("l", [ONE])
    await writer.add_to_list("l", [ONE])
    assert [each.op for each in await changes_of(history)] == ["add", "add"]


async def test_before_is_what_really_was_in_redis(
    redis: Redis, keys: Keys, writer: Writer, history: History
) -> None:
    await writer.set_rule("a", BLOCK)
    by_hand = b'{ "action": "smash" }'
    await redis.hset(keys.rules, "a", by_hand)  # type: ignore[misc]
    await writer.set_rule("a", ALLOW)
    assert (await changes_of(history))[0].before == by_hand


async def test_trunks_callees_and_an_import_are_in_the_history(
    writer: Writer, history: History
) -> None:
    await writer.set_trunk("t", '{"fail": "closed"}')
    await writer.set_callee("+12025550123", '{"analytics": false}')
    await writer.apply([
        FieldChange("rule", "a", None, BLOCK),
        FieldChange("trunk", "t", b'{"fail":"closed"}', None),
        FieldChange("callee", "+12025550123", b'{"analytics":false}', b'{"note":"n"}'),
    ])  # fmt: skip
    await writer.remove_callee("+12025550123")
    found = [(each.kind, each.name, each.op) for each in await changes_of(history)]
    assert found == [
        ("callee", "+12025550123", "remove"),
        ("callee", "+12025550123", "import"),
        ("trunk", "t", "import"),
        ("rule", "a", "import"),
        ("callee", "+12025550123", "add"),
        ("trunk", "t", "add"),
    ]
    assert len(await changes_of(history, "callee", "+12025550123")) == 3


async def test_a_list_change_names_some_entries_and_counts_the_others(
    redis: Redis, keys: Keys, writer: Writer, history: History
) -> None:
    numbers = [f"+1202{n:07}" for n in range(25_000)]
    await writer.add_to_list("l", numbers, origin=Origin("fcc", "week 47"))
    await writer.remove_from_list("l", numbers[:2])
    await writer.replace_list("l", [ONE, TWO])
    await writer.remove_list("l")
    gone, replaced, removed, added = await changes_of(history, "list", "l")
    assert (added.op, added.changed, added.size, len(added.entries)) == ("add", 25_000, 25_000, 50)
    assert (added.source, added.note, added.entries[0]) == ("fcc", "week 47", numbers[0])
    assert (removed.op, removed.changed, removed.entries) == ("remove", 2, tuple(numbers[:2]))
    assert (replaced.op, replaced.changed, replaced.size) == ("replace", 24_998, 2)
    assert replaced.entries == (ONE, TWO)
    assert (gone.op, gone.changed, gone.size) == ("remove-all", 2, 0)
    assert await redis.memory_usage(keys.history) < 10_000


async def test_the_batches_of_one_import_are_one_change_until_another_comes_between(
    writer: Writer, history: History
) -> None:
    origin = Origin(change="7")
    await writer.add_to_list("l", [ONE], origin=origin)
    await writer.add_to_list("l", [TWO], origin=origin)
    await writer.set_rule("a", BLOCK)
    await writer.add_to_list("l", ["+12025550103"], origin=origin)
    found = await changes_of(history, "list")
    assert [(each.changed, each.size) for each in found] == [(1, 3), (2, 2)]


async def test_what_rules_put_on_lists_is_left_out(
    redis: Redis, keys: Keys, writer: Writer, history: History, mirror: Mirror, until: Until
) -> None:
    await writer.signed("rule:burst").add_to_list("caught", [ONE], origin=None)
    await until(lambda: "caught" in mirror.world().lists)
    assert await changes_of(history) == []
    assert (await redis.xrange(keys.changes))[0][1][b"who"] == b"rule:burst"


async def test_the_history_is_bounded_in_bytes_and_the_newest_stay(
    redis: Redis, keys: Keys, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripting, "HISTORY_BYTES", 100_000)
    writer = Writer(redis, keys)
    for n in range(40):
        await writer.set_rule("a", b'{"action":"block","note":"%d%s"}' % (n, b"x" * 3_900))
    found = await changes_of(history)
    assert 10 <= len(found) < 20
    assert b'"note":"39' in (found[0].after or b"")
    await writer.apply([FieldChange("rule", f"r{n}", None, BLOCK) for n in range(1_000)])
    assert all(each.op == "import" for each in await changes_of(history))
    assert await redis.memory_usage(keys.history) < 200_000


async def test_a_monster_written_by_hand_is_not_kept_twice(
    redis: Redis, keys: Keys, writer: Writer, history: History, undoing: Undoing
) -> None:
    await redis.hset(keys.rules, "a", b"x" * 5_000_000)  # type: ignore[misc]
    await writer.set_rule("a", BLOCK)
    assert (await changes_of(history))[0].too_long
    assert await redis.memory_usage(keys.history) < 10_000
    with pytest.raises(WriteRefused, match="longer than a rule may be"):
        await undoing.undo("rule", "a")


async def test_rubbish_in_the_history_stops_no_change(
    redis: Redis, keys: Keys, writer: Writer, history: History
) -> None:
    for fields in ({"written": "x"}, {"at": "soon", "id": "a", "kind": "rule", "changed": "nan"},
                   {"written": "9" * 30}, {b"\xff": b"\xff"}):  # fmt: skip
        await redis.xadd(keys.history, fields)  # type: ignore[arg-type]
        await writer.set_rule("a", BLOCK)
        await writer.remove_rule("a")
    found = await changes_of(history, "rule", "a")
    assert len(found) == 9
    assert min(each.at for each in found) > 1e9


async def test_a_history_of_a_wrong_type_is_named_before_anything_is_written(
    redis: Redis, keys: Keys, writer: Writer, history: History
) -> None:
    await redis.set(keys.history, "oops")
    for write in (writer.set_rule("a", BLOCK), writer.add_to_list("l", [ONE]),
                  writer.apply([FieldChange("rule", "a", None, BLOCK)])):  # fmt: skip
        with pytest.raises(WriteRefused, match="history has a wrong type"):
            await write
    assert not await redis.exists(keys.rules, keys.changes, keys.list("l"))
    with pytest.raises(WriteRefused, match="history has a wrong type"):
        await changes_of(history)


async def test_an_old_change_is_found_behind_thousands_of_others(
    writer: Writer, history: History
) -> None:
    await writer.set_rule("old", BLOCK)
    await writer.apply([FieldChange("rule", f"r{n}", None, BLOCK) for n in range(3_000)])
    (found,) = await changes_of(history, "rule", "old")
    assert found.op == "add"
    last = await history.last("rule", "old")
    assert last == found
    assert await history.last("rule", "nobody") is None


async def test_looking_behind_large_changes_goes_in_steps_of_a_megabyte(
    writer: Writer, history: History, redis: Redis
) -> None:
    await writer.set_rule("old", '{"action": "block"}')
    caller = [f"+12025550{n:03}" for n in range(1_000)] * 3
    for n in range(80):
        note = f"{n} {'n' * 3_900}"
        rule = {"action": "block", "note": note, "when": {"caller": caller[n : n + 1_000]}}
        await writer.set_rule("large", json.dumps(rule))
    assert [change.name for change in await changes_of(history, "rule", "old")] == ["old"]
    before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    await changes_of(history, "rule", "old")
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before >= 3


async def test_a_version_that_is_not_there_any_more_changes_nothing(
    redis: Redis, keys: Keys, writer: Writer
) -> None:
    seen = (await writer.set_rule("a", BLOCK)).version
    assert seen == version_of(A_BLOCK)
    newer = (await writer.signed("boris").set_rule("a", ALLOW, expect=seen)).version
    for write in (writer.set_rule("a", BLOCK, expect=seen), writer.remove_rule("a", expect=seen),
                  writer.enable_rule("a", False, expect=seen)):  # fmt: skip
        with pytest.raises(Moved) as refused:
            await write
        for wanted in (seen, newer, "changed by boris at ", "ringfence rule history a"):
            assert wanted in str(refused.value)
    assert await rule(redis, keys) == A_ALLOW
    await redis.hset(keys.rules, "a", BLOCK)  # type: ignore[misc]
    with pytest.raises(Moved, match="changed by hand"):
        await writer.set_rule("a", ALLOW, expect=newer)
    assert await writer.remove_rule("a", expect=version_of(BLOCK))
    with pytest.raises(Moved, match=r"is gone, not at .*: removed by admin at"):
        await writer.set_rule("a", ALLOW, expect=newer)
    with pytest.raises(Moved, match="is gone"):
        await writer.remove_rule("a", expect=newer)


async def test_of_two_who_expect_the_same_version_one_is_refused(
    redis: Redis, keys: Keys, writer: Writer
) -> None:
    for _ in range(20):
        seen = (await writer.set_rule("a", BLOCK)).version
        done = await asyncio.gather(
            *(writer.set_rule("a", b'{"action":"block","note":"%d"}' % n, expect=seen)
              for n in range(5)),
            return_exceptions=True,
        )  # fmt: skip
        assert sum(isinstance(each, Moved) for each in done) == 4


async def test_an_undo_puts_back_the_very_text_that_was_there(
    redis: Redis, keys: Keys, undoing: Undoing, writer: Writer, mirror: Mirror, until: Until
) -> None:
    by_hand = b'{ "action" : "block" }'
    await redis.hset(keys.rules, "a", by_hand)  # type: ignore[misc]
    await writer.set_rule("a", ALLOW)
    done = await undoing.undo("rule", "a")
    assert (done.was, done.now) == (A_ALLOW, by_hand)
    assert await rule(redis, keys) == by_hand
    await until(lambda: [str(e.rule.action) for e in mirror.world().rules.rules] == ["block"])


async def test_undoing_again_goes_back_further_and_an_undo_is_undone_by_name(
    redis: Redis, keys: Keys, undoing: Undoing, writer: Writer, history: History
) -> None:
    await writer.set_rule("a", BLOCK)
    await writer.set_rule("a", ALLOW)
    await writer.remove_rule("a")
    assert (await undoing.undo("rule", "a")).now == A_ALLOW
    assert (await undoing.undo("rule", "a")).now == A_BLOCK
    assert (await undoing.undo("rule", "a")).now is None
    with pytest.raises(WriteRefused, match="all known changes of rule a are undone"):
        await undoing.undo("rule", "a")
    last, *_ = await changes_of(history, "rule", "a")
    assert last.op == "undo"
    assert (await undoing.undo("rule", "a", last.id)).now == A_BLOCK
    # what that undo took back stands again, so it is what an undo takes back
    assert (await undoing.undo("rule", "a")).now is None
    assert await rule(redis, keys) is None


async def test_an_undo_is_refused_where_the_rule_is_no_more_what_the_change_made_it(
    redis: Redis, keys: Keys, undoing: Undoing, writer: Writer, history: History
) -> None:
    await writer.set_rule("a", BLOCK)
    await writer.signed("boris").set_rule("a", ALLOW)
    boris, first = await changes_of(history, "rule", "a")
    with pytest.raises(Moved, match="the last was boris's change") as refused:
        await undoing.undo("rule", "a", first.id)
    assert boris.id in str(refused.value)
    by_hand = b'{"action":"flag"}'
    await redis.hset(keys.rules, "a", by_hand)  # type: ignore[misc]
    with pytest.raises(Moved, match=r"changed by hand since boris's change .* --by-hand"):
        await undoing.undo("rule", "a")
    assert await rule(redis, keys) == by_hand
    assert (await undoing.undo("rule", "a", BY_HAND)).now == A_ALLOW
    with pytest.raises(WriteRefused, match="not changed by hand"):
        await undoing.undo("rule", "a", BY_HAND)
    assert (await undoing.undo("rule", "a", first.id, force=True)).now is None
    with pytest.raises(WriteRefused, match="is as it was before"):
        await undoing.undo("rule", "a", first.id, force=True)
    with pytest.raises(WriteRefused, match="no change 1-1 of rule a"):
        await undoing.undo("rule", "a", "1-1")


async def test_an_undo_never_puts_back_what_is_no_rule(
    redis: Redis, keys: Keys, undoing: Undoing, writer: Writer
) -> None:
    await redis.hset(keys.rules, "a", b'{"action":"smash"}')  # type: ignore[misc]
    await writer.set_rule("a", BLOCK)
    with pytest.raises(RuleRefused, match="smash"):
        await undoing.undo("rule", "a")
    assert await rule(redis, keys) == A_BLOCK


async def test_an_undo_that_another_change_overtakes_writes_nothing(
    redis: Redis, keys: Keys, writer: Writer
) -> None:
    await writer.set_rule("a", BLOCK)
    for was, text in ((b"else", A_ALLOW), (None, A_ALLOW), (b"else", None)):
        with pytest.raises(Moved, match="meanwhile"):
            await writer.put_back("rule", "a", was, text, undoes="1-1", force=False)
    assert await rule(redis, keys) == A_BLOCK


async def test_trunks_and_callees_are_undone_likewise(
    redis: Redis, keys: Keys, undoing: Undoing, writer: Writer
) -> None:
    await writer.set_trunk("t", '{"fail": "closed"}')
    await writer.remove_trunk("t")
    await writer.set_callee("c", '{"numbers": ["+12025550123"]}')
    assert (await undoing.undo("trunk", "t")).now == b'{"fail":"closed"}'
    assert (await undoing.undo("callee", "c")).now is None
    assert await redis.hkeys(keys.trunks) == [b"t"]  # type: ignore[misc]
    assert not await redis.exists(keys.callees)


async def test_what_the_guide_allows_a_redis_account_is_enough(
    own_valkey: EmbeddedValkey, keys: Keys
) -> None:
    (line,) = re.findall(r"^user ringfence on \S+ \S+ (.*)$", DOC.read_text(), re.MULTILINE)
    client = connect_redis(own_valkey.url)
    account = ("ringfence", "on", "nopass", f"~{keys.prefix}*")
    await client.execute_command("ACL", "SETUSER", *account, *line.split())
    await client.aclose()
    client = connect_redis(own_valkey.url.replace("unix://", "unix://ringfence:x@"))
    writer, history = Writer(client, keys), History(client, keys)
    await writer.set_rule("a", BLOCK)
    await writer.add_to_list("l", [ONE], origin=Origin(change="1"))
    await writer.add_to_list("l", [TWO], origin=Origin(change="1"))
    await writer.replace_list("l", [ONE])
    await writer.remove_rule("a")
    await Undoing(writer, history).undo("rule", "a")
    assert len(await changes_of(history)) == 5
    await client.aclose()
