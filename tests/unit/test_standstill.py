"""A process that stands still says so."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog

from ringfence import standstill


async def told(work: Any, **how: Any) -> list[Any]:
    with structlog.testing.capture_logs() as entries:
        watching = asyncio.create_task(standstill.watch(**how))
        await asyncio.sleep(0)
        await work()
        await asyncio.sleep(2 * standstill.EVERY)
        watching.cancel()
    return entries


async def test_work_that_holds_the_loop_is_told_with_its_own_time() -> None:
    async def holds_it() -> None:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass

    (entry,) = await told(holds_it)
    assert entry["event"] == "stood still: calls waited"
    assert entry["ms"] >= 200
    assert entry["own_ms"] >= 200


async def test_a_process_that_is_kept_from_running_is_told_without_work_of_its_own() -> None:
    async def is_stopped() -> None:
        time.sleep(0.3)  # noqa: ASYNC251 - it is to stand still

    (entry,) = await told(is_stopped)
    assert entry["own_ms"] < 100 < entry["ms"]


async def test_a_loop_that_goes_on_is_not_told() -> None:
    async def goes_on() -> None:
        await asyncio.sleep(0.2)

    # the machine that runs this may stand still itself, but not for so long
    assert await told(goes_on, tell=5.0) == []


async def test_the_second_time_within_ten_seconds_is_not_told() -> None:
    async def twice() -> None:
        for _ in range(2):
            time.sleep(0.3)  # noqa: ASYNC251 - it is to stand still
            await asyncio.sleep(2 * standstill.EVERY)

    assert len(await told(twice)) == 1
