"""Announced changes while everything is read again: neither waits for the other, none is undone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.store.connection import connect_redis
from ringfence.store.embedded import EmbeddedValkey
from ringfence.store.ending import end
from ringfence.store.keys import Keys
from ringfence.store.mirror.holdings import RULES, Holdings
from ringfence.store.mirror.loading import HashPart, Loader
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.mirror.mirrored_list import START
from ringfence.store.mirror.refresh import Refresher
from ringfence.store.writing.writer import Writer

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]
OLD, NEW = '{"action": "block", "note": "old"}', '{"action": "block", "note": "new"}'


class Slow(Loader):
    """Reads in pages; once it is told to be, it is slow in handing on all but the first."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        super().__init__(redis, keys)
        self.is_slow = False
        self.has_read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def whole_hash(self, key: str) -> None:
        return None

    async def hash_part(self, key: str, cursor: bytes = b"0") -> HashPart:
        part = await super().hash_part(key, cursor)
        if self.is_slow and cursor != b"0":
            self.has_read.set()
            await self.go_on.wait()
        return part


@pytest.fixture
def held() -> Holdings:
    return Holdings(structlog.get_logger())


async def test_an_announced_change_neither_waits_for_a_slow_read_nor_is_undone_by_it(
    redis: Redis, keys: Keys, writer: Writer, held: Holdings, until: Until
) -> None:
    slow = Slow(redis, keys)
    refresher = Refresher(redis, keys, held, lambda: START, structlog.get_logger(), slow)
    tasks = [asyncio.create_task(task) for task in refresher.tasks()]

    def notes() -> dict[str, str]:
        rules = held.world.rules.rules
        return {r.rule.id: r.rule.note for r in rules if not r.rule.id.startswith("filler")}

    try:
        some: Any = {"changed": OLD, "removed": OLD, "left": OLD}
        await redis.hset(keys.rules, mapping=some | {f"filler{n}": OLD for n in range(3_000)})
        refresher.everything()
        await refresher.complete.wait()
        assert notes() == {"changed": "old", "removed": "old", "left": "old"}
        slow.is_slow = True
        await redis.hset(keys.rules, "by-hand", NEW)
        refresher.touched(keys.rules.encode())
        await slow.has_read.wait()
        await writer.set_rule("changed", NEW)
        await writer.set_rule("added", NEW)
        await writer.remove_rule("removed")
        for id in ("changed", "added", "removed"):
            refresher.announced(RULES, id)
        await until(lambda: notes() == {"changed": "new", "added": "new", "left": "old"})
        slow.go_on.set()
        await until(lambda: "by-hand" in notes())
        assert notes() == {"changed": "new", "added": "new", "left": "old", "by-hand": "new"}
    finally:
        await end(tasks)


async def test_what_is_announced_while_the_whole_is_due_waits_for_it(
    redis: Redis, keys: Keys, writer: Writer, held: Holdings, until: Until
) -> None:
    slow = Slow(redis, keys)
    refresher = Refresher(redis, keys, held, lambda: START, structlog.get_logger(), slow)
    tasks = [asyncio.create_task(task) for task in refresher.tasks()]

    def seen() -> dict[str, str]:
        return {each.rule.id: each.rule.note for each in held.world.rules.rules}

    try:
        await redis.hset(keys.rules, mapping={f"r{n}": OLD for n in range(3_000)})
        refresher.everything()
        await refresher.complete.wait()
        slow.is_slow = True
        await redis.hset(keys.rules, mapping={f"r{n}": NEW for n in range(3_000)})
        refresher.reload(RULES)
        await slow.has_read.wait()
        await writer.set_rule("r1", '{"action": "block", "note": "later"}')
        refresher.announced(RULES, "r1")
        states: set[frozenset[str]] = set()

        def all_new() -> bool:
            notes = seen()
            states.add(frozenset(notes.values()))
            return notes["r1"] == "later"

        with pytest.raises(AssertionError):
            await until(all_new, within=0.1)
        slow.go_on.set()
        await until(all_new)
        assert states <= {frozenset({"old"}), frozenset({"new"}), frozenset({"new", "later"})}
        assert list(seen().values()).count("new") == 2_999
    finally:
        await end(tasks)


class Restless(Loader):
    """Reads in pages, and the hash changes with each of them."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        super().__init__(redis, keys)
        self._hash: Any = redis

    async def whole_hash(self, key: str) -> None:
        return None

    async def hash_part(self, key: str, cursor: bytes = b"0") -> HashPart:
        await self._hash.hset(key, "restless", NEW.replace("new", secrets.token_hex(4)))
        return await super().hash_part(key, cursor)


async def test_what_never_stands_still_is_put_in_force_all_the_same_and_the_log_says_so_once(
    redis: Redis, keys: Keys, held: Holdings, until: Until
) -> None:
    loader = Restless(redis, keys)
    with capture_logs() as lines:
        refresher = Refresher(redis, keys, held, lambda: START, structlog.get_logger(), loader)
        tasks = [asyncio.create_task(task) for task in refresher.tasks()]
        try:
            await redis.hset(keys.rules, mapping={f"r{n}": OLD for n in range(3_000)})
            refresher.everything()
            await refresher.complete.wait()
            assert len(held.world.rules.rules) == 3_001
            await redis.hset(keys.rules, "r3000", OLD)
            refresher.touched(keys.rules.encode())
            await until(lambda: len(held.world.rules.rules) == 3_002)
        finally:
            await end(tasks)
    said = [line["what"] for line in lines if "one after the other" in line["event"]]
    assert sorted(said) == sorted(set(said))
    assert "rules" in said


async def test_a_user_without_the_rights_for_one_step_reads_in_pages(
    own_valkey: EmbeddedValkey, keys: Keys, mirror_of: MirrorOf, until: Until
) -> None:
    admin = connect_redis(own_valkey.url)
    denied = ("-hgetall", "-hlen", "-memory", "-watch")
    await admin.execute_command(
        "ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", *denied
    )
    some: Any = {f"r{n}": OLD for n in range(3_000)}
    await admin.hset(keys.rules, mapping=some)
    mirror = await mirror_of(f"unix://limited:secret@{own_valkey.socket}")
    assert len(mirror.world().rules.rules) == 3_000
    await admin.hdel(keys.rules, "r0")
    await until(lambda: len(mirror.world().rules.rules) == 2_999)
    await admin.aclose()
