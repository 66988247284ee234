"""Redis goes away and comes back: the last rules stay in force, and no change is missed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ringfence.store.connection import connect_redis
from ringfence.store.embedded import EmbeddedValkey, ping
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.writer import Writer

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]

RULE = '{"action": "block"}'
ONE, TWO = "+12025550101", "+12025550102"


def rules(mirror: Mirror) -> set[str]:
    return {each.rule.id for each in mirror.world().rules.rules}


def entries(mirror: Mirror, name: str = "scammers") -> set[str]:
    numbers = mirror.world().lists.get(name)
    return {text for text, _ in numbers.entries()} if numbers is not None else set()


async def ready(server: EmbeddedValkey) -> bool:
    return await ping(server.url) == "ready"


async def test_changes_made_while_the_mirror_was_cut_off_are_seen(
    redis: Redis, keys: Keys, own_valkey: EmbeddedValkey, mirror_of: MirrorOf, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    mirror = await mirror_of(own_valkey.url)
    await Writer(client, keys).add_to_list("scammers", [ONE])
    await client.hset(keys.rules, "old", RULE)
    await until(lambda: rules(mirror) and entries(mirror))
    async with client.pipeline(transaction=True) as pipe:
        # the mirror's connections are gone before any of this happens
        pipe.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        pipe.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        pipe.hset(keys.rules, "new", RULE)
        pipe.hdel(keys.rules, "old")
        pipe.sadd(keys.list("scammers"), TWO)
        pipe.srem(keys.list("scammers"), ONE)
        pipe.sadd(keys.list("fresh"), ONE)
        await pipe.execute()
    await until(lambda: rules(mirror) == {"new"})
    await until(lambda: entries(mirror) == {TWO} and entries(mirror, "fresh") == {ONE})
    await client.aclose()


async def test_rules_stay_in_force_while_a_killed_redis_comes_back(
    keys: Keys, own_valkey: EmbeddedValkey, mirror_of: MirrorOf, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    mirror = await mirror_of(own_valkey.url)
    await client.hset(keys.rules, "a", RULE)
    await until(lambda: rules(mirror) == {"a"})
    # everysec: what was written is on the disk when Valkey says so
    await client.execute_command("WAITAOF", 1, 0, 5000)
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGKILL)
    await until(lambda: not mirror.status().connected)
    assert rules(mirror) == {"a"}
    assert "no Redis at" in mirror.status().error
    await until(lambda: ready(own_valkey))
    await client.aclose()
    client = connect_redis(own_valkey.url)
    await client.hset(keys.rules, "b", RULE)
    await until(lambda: mirror.status().connected and rules(mirror) == {"a", "b"})
    await client.aclose()


async def test_a_stopped_redis_is_noticed_and_then_caught_up_with(
    keys: Keys, own_valkey: EmbeddedValkey, mirror_of: MirrorOf, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    mirror = await mirror_of(own_valkey.url)
    await client.hset(keys.rules, "a", RULE)
    await until(lambda: rules(mirror) == {"a"})
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        await until(lambda: not mirror.status().connected, within=5.0)
        assert rules(mirror) == {"a"}
        assert "does not answer" in mirror.status().error
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)
    await client.hset(keys.rules, "b", RULE)
    await until(lambda: mirror.status().connected and rules(mirror) == {"a", "b"})
    await client.aclose()


async def test_a_redis_that_comes_back_empty_takes_no_rule_out(
    keys: Keys, short_dir: Path, mirror_of: MirrorOf, until: Until
) -> None:
    first = EmbeddedValkey(short_dir)
    await first.start()
    client = connect_redis(first.url)
    mirror = await mirror_of(first.url)
    await client.hset(keys.rules, "a", RULE)
    await client.sadd(keys.list("scammers"), ONE)
    await until(lambda: rules(mirror) and entries(mirror))
    await client.aclose()
    await first.stop()
    for file in (short_dir / "appendonlydir").iterdir():
        file.unlink()
    second = EmbeddedValkey(short_dir)
    await second.start()
    try:
        await until(lambda: mirror.status().connected)
        assert "came back empty" in mirror.status().note
        assert rules(mirror) == {"a"}
        assert entries(mirror) == {ONE}
        client = connect_redis(second.url)
        await client.hset(keys.rules, "b", RULE)
        await until(lambda: rules(mirror) == {"b"} and not entries(mirror))
        assert not mirror.status().note
        await client.aclose()
    finally:
        await second.stop()


@pytest.mark.parametrize("denied", ["-client|tracking", "-subscribe", "resetchannels"])
async def test_without_tracking_the_mirror_polls(
    keys: Keys, own_valkey: EmbeddedValkey, mirror_of: MirrorOf, until: Until, denied: str
) -> None:
    client = connect_redis(own_valkey.url)
    await client.execute_command(
        *("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", denied)
    )
    mirror = await mirror_of(f"unix://limited:secret@{own_valkey.socket}")
    assert mirror.status().connected
    assert not mirror.status().tracking
    assert "polling" in mirror.status().note
    await client.hset(keys.rules, "a", RULE)
    await client.sadd(keys.list("scammers"), ONE)
    await until(lambda: rules(mirror) == {"a"} and entries(mirror) == {ONE})
    await client.srem(keys.list("scammers"), ONE)
    await client.hdel(keys.rules, "a")
    await until(lambda: not rules(mirror) and not entries(mirror))
    await client.aclose()


async def test_a_user_who_may_not_write_still_has_a_mirror(
    keys: Keys, own_valkey: EmbeddedValkey, mirror_of: MirrorOf, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    await client.execute_command(
        *("ACL", "SETUSER", "reader", "on", ">secret", "%R~*", "&*", "+@all")
    )
    mirror = await mirror_of(f"unix://reader:secret@{own_valkey.socket}")
    await client.hset(keys.rules, mapping={"a": RULE, "b": "{"})
    await until(lambda: rules(mirror) == {"a"} and list(mirror.status().refused) == ["b"])
    assert mirror.status().connected
    await client.aclose()


async def test_a_replica_that_never_saw_its_primary_takes_no_rule_out(
    keys: Keys, own_valkey: EmbeddedValkey, mirror_of: MirrorOf, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    mirror = await mirror_of(own_valkey.url)
    await client.hset(keys.rules, "a", RULE)
    await until(lambda: rules(mirror) == {"a"})
    async with client.pipeline(transaction=True) as pipe:
        pipe.execute_command("REPLICAOF", "127.0.0.1", "1")
        pipe.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        pipe.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await pipe.execute()
    await until(lambda: "replica" in mirror.status().error)
    assert rules(mirror) == {"a"}
    await client.execute_command("REPLICAOF", "NO", "ONE")
    await until(lambda: mirror.status().connected)
    await client.aclose()


async def test_a_mirror_ends_at_once_also_when_its_connections_fail_meanwhile(
    keys: Keys, own_valkey: EmbeddedValkey
) -> None:
    client = connect_redis(own_valkey.url)
    for n in range(60):
        own = connect_redis(own_valkey.url)
        task = asyncio.create_task(Mirror(own, keys).run())
        for _ in range(n):
            await asyncio.sleep(0)
        await client.client_kill_filter(_type="pubsub" if n % 2 else "normal", skipme=True)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, "the mirror goes on after it was cancelled"
        assert task.cancelled()
        await own.aclose()
    await client.aclose()
