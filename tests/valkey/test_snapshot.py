"""The snapshot on disk lets a restart screen at once while Redis is away."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.mirror.snapshot import SnapshotFile
from ringfence.store.writing.writer import Writer

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]

NOWHERE = "unix:///nonexistent/ringfence.sock"
ONE = "+12025550101"


async def kept(url: str, keys: Keys, folder: Path) -> None:
    """Runs a mirror until it has everything, and ends it in order."""
    client = connect_redis(url)
    mirror = Mirror(client, keys, SnapshotFile(folder, structlog.get_logger()))
    task = asyncio.create_task(mirror.run())
    await mirror.loaded()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await client.aclose()


async def test_a_restart_without_redis_has_the_last_rules_lists_and_trunks(
    redis: Redis, writer: Writer, keys: Keys, url: str, mirror_of: MirrorOf, tmp_path: Path
) -> None:
    await writer.set_rule("a", '{"action": "block"}')
    await writer.add_to_list("scammers", [ONE, "+1900*", "+12025550100-+12025550199", "911"])
    await writer.add_to_list("timed", [ONE], expires=4e9)
    await writer.set_trunk("carrier-a", '{"country": "CA"}')
    await kept(url, keys, tmp_path)
    mirror = await mirror_of(NOWHERE, tmp_path, wait=False)
    world = mirror.world()
    assert [each.rule.id for each in world.rules.rules] == ["a"]
    assert len(world.lists["scammers"]) == 4
    assert dict(world.lists["timed"].entries()) == {ONE: 4e9}
    assert world.trunks["carrier-a"].country == "CA"
    status = mirror.status()
    assert (status.restored, status.connected, status.loaded) == (True, False, False)
    assert status.last_sync > 0


async def test_what_changed_since_the_snapshot_is_read_from_redis(
    redis: Redis, writer: Writer, keys: Keys, url: str, mirror_of: MirrorOf, tmp_path: Path
) -> None:
    await writer.set_rule("gone", '{"action": "block"}')
    await writer.add_to_list("gone", [ONE])
    await kept(url, keys, tmp_path)
    await writer.remove_rule("gone")
    await writer.remove_list("gone")
    await writer.set_rule("new", '{"action": "block"}')
    mirror = await mirror_of(url, tmp_path)
    assert [each.rule.id for each in mirror.world().rules.rules] == ["new"]
    assert not mirror.world().lists


async def test_a_running_mirror_saves_what_changed(
    redis: Redis,
    writer: Writer,
    keys: Keys,
    url: str,
    mirror_of: MirrorOf,
    tmp_path: Path,
    until: Until,
) -> None:
    await mirror_of(url, tmp_path)
    await writer.set_rule("a", '{"action": "block"}')
    file = SnapshotFile(tmp_path, structlog.get_logger())

    def saved() -> bool:
        found = file.load(keys.prefix)
        return found is not None and "a" in found.state.rules

    await until(saved)
    assert (file.path.stat().st_mode & 0o777) == 0o600
    assert [name for *_, names in os.walk(tmp_path) for name in names] == ["mirror.snapshot"]


async def test_a_snapshot_that_is_damaged_cut_or_foreign_is_ignored_with_one_line(
    redis: Redis, writer: Writer, keys: Keys, url: str, tmp_path: Path
) -> None:
    await writer.set_rule("a", '{"action": "block"}')
    await kept(url, keys, tmp_path)
    file = SnapshotFile(tmp_path, structlog.get_logger())
    whole = file.path.read_bytes()
    for damaged in (b"", b"rubbish", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), whole[:30]):
        file.path.write_bytes(damaged)
        with capture_logs() as lines:
            assert SnapshotFile(tmp_path, structlog.get_logger()).load(keys.prefix) is None
        assert [line["log_level"] for line in lines] == ["warning"]
    file.path.write_bytes(whole)
    assert file.load("other:") is None
    assert file.load(keys.prefix) is not None


async def test_a_mirror_that_never_was_in_step_overwrites_no_snapshot(
    redis: Redis, writer: Writer, keys: Keys, url: str, mirror_of: MirrorOf, tmp_path: Path
) -> None:
    await writer.set_rule("a", '{"action": "block"}')
    await kept(url, keys, tmp_path)
    before = (tmp_path / "mirror.snapshot").read_bytes()
    client = connect_redis(NOWHERE)
    mirror = Mirror(client, keys, SnapshotFile(tmp_path, structlog.get_logger()))
    task = asyncio.create_task(mirror.run())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await client.aclose()
    assert (tmp_path / "mirror.snapshot").read_bytes() == before
