"""`ringfence serve` with two workers, one of which is killed as the deadline comes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringfence.providers.deadlines import Kind
from ringfence.providers.model import Provider
from ringfence.providers.notice import AtDeadline, Notice, decode_notice
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from ringfence.store.writing.writer import Writer
from tests.valkey.test_serve import Serve

from .conftest import Until

RULE = b"notice-order-1-trunks"


@pytest.fixture
def serve(short_dir: Path) -> Iterator[Serve]:
    made = Serve(short_dir)
    yield made
    if made.process and made.process.poll() is None:
        made.process.terminate()
        made.process.wait(20)


def workers(parent: int) -> list[int]:
    """The processes of a supervisor that screen calls."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat, line = (entry / "stat").read_text(), (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == parent and b"ringfence.cli" in line:
                found.append(int(entry.name))
    return found


async def test_the_deadline_is_kept_once_though_a_worker_is_killed_at_it(
    serve: Serve, until: Until
) -> None:
    supervisor = serve.start("--workers", "2")
    await until(lambda: len(serve.events("in step with Redis")) == 2, within=30)
    redis, keys = connect_redis(f"unix://{serve.state / 'valkey.sock'}"), Keys()
    writer = Writer(redis, keys)
    await writer.set_provider("gateway", Provider(trunks=("carrier-a",)))
    now = datetime.now(UTC)
    order = Notice(
        kind=Kind.FINAL_ORDER, received=now - timedelta(days=30), provider="gateway",
        deadline=now + timedelta(seconds=2), at_deadline=AtDeadline.BLOCK_DIRECT,
    )  # fmt: skip
    await writer.set_notice("order-1", order)
    assert await serve.verdict() != "block"
    killed = workers(supervisor.pid)[0]
    left = (order.deadline - datetime.now(UTC)).total_seconds()
    await asyncio.sleep(max(left, 0))  # the kill belongs at the deadline itself
    os.kill(killed, signal.SIGKILL)
    await until(lambda: redis.hexists(keys.rules, RULE), within=30)

    async def is_blocked() -> bool:
        return await serve.verdict() == "block"

    await until(is_blocked, within=10)
    await until(lambda: len(serve.events("ready")) == 3, within=30)
    notice = decode_notice("order-1", await redis.hget(keys.notices, "order-1") or b"")
    assert [step.does for step in notice.steps] == ["reminded", "blocked"]
    assert await redis.hkeys(keys.rules) == [RULE]
    serve.cli("notice", "lift", "order-1", "withdrawn")

    async def goes_on() -> bool:
        return await serve.verdict() != "block"

    await until(goes_on, within=10)
    assert await redis.hkeys(keys.rules) == []
    await redis.aclose()
