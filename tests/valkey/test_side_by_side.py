"""Announced changes while everything is read again: neither waits for the other, none is undone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis

from ringfence.store.ending import end
from ringfence.store.holdings import Holdings
from ringfence.store.keys import Keys
from ringfence.store.loading import Loader
from ringfence.store.mirrored_list import START
from ringfence.store.refresh import RULES, Refresher
from ringfence.store.shelf import Field
from ringfence.store.writer import Writer

Until = Callable[..., Awaitable[None]]
OLD, NEW = '{"action": "block", "note": "old"}', '{"action": "block", "note": "new"}'


class Slow(Loader):
    """Has read the rules, and hands them on much later."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        super().__init__(redis, keys)
        self.has_read = asyncio.Event()
        self.go_on = asyncio.Event()
        self._rules = keys.rules

    async def hash_pages(self, key: str) -> AsyncIterator[list[Field]]:
        async for page in super().hash_pages(key):
            if key == self._rules:
                self.has_read.set()
                await self.go_on.wait()
            yield page


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
        return {each.rule.id: each.rule.note for each in held.world.rules.rules}

    try:
        some: Any = {"changed": OLD, "removed": OLD, "left": OLD}
        await redis.hset(keys.rules, mapping=some)
        refresher.everything()
        await slow.has_read.wait()
        await writer.set_rule("changed", NEW)
        await writer.set_rule("added", NEW)
        await writer.remove_rule("removed")
        for id in ("changed", "added", "removed"):
            refresher.announced(RULES, id)
        await until(lambda: notes() == {"changed": "new", "added": "new"})
        slow.go_on.set()
        await refresher.complete.wait()
        assert notes() == {"changed": "new", "added": "new", "left": "old"}
    finally:
        await end(tasks)
