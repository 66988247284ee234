"""What is kept going: a process that hangs is no process, and one line says that Redis is away."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError

from ringfence.keeping import Every, beat, falls_silent, kept, look_for_ever
from ringfence.store.connection import connect_redis


class OverError(Exception):
    """The test has seen enough."""


async def test_a_process_that_falls_silent_is_killed() -> None:
    with structlog.testing.capture_logs() as logs:
        await kept(["sh", "-c", "echo; exec sleep 60"], os.environ, quiet=0.1)
    assert [log["event"] for log in logs] == [
        "what is done beside the calls hangs and is killed",
        "what is done beside the calls ended and is started again",
    ]
    assert logs[1]["code"] == -9


async def test_a_process_that_ends_is_not_said_to_hang() -> None:
    with structlog.testing.capture_logs() as logs:
        await kept(["sh", "-c", "exit 7"], os.environ)
    assert [log["code"] for log in logs] == [7]


async def test_a_process_that_was_told_to_end_is_no_error() -> None:
    with structlog.testing.capture_logs() as logs:
        await kept(["sh", "-c", "exit 0"], os.environ)
    assert [log["log_level"] for log in logs] == ["info"]


async def test_who_beats_is_left_and_its_end_is_seen() -> None:
    stream, beats = asyncio.StreamReader(), 20

    async def write() -> None:
        for _ in range(beats):
            stream.feed_data(b".")
            await asyncio.sleep(0.01)
        stream.feed_eof()

    writing = asyncio.create_task(write())
    assert not await falls_silent(stream, 0.1), "it lasted twice as long as the silence may"
    await writing


async def test_beats_that_nobody_hears_stop_nothing() -> None:
    reading, writing = os.pipe()
    task = asyncio.create_task(beat(writing, 0.001))
    await asyncio.sleep(0)
    assert os.read(reading, 1) == b"."
    os.close(reading)
    for _ in range(5):
        await asyncio.sleep(0.002)
    assert not task.done()
    task.cancel()
    os.close(writing)


async def test_one_line_says_that_redis_is_away_and_the_next_look_is_later() -> None:
    redis = connect_redis("redis://127.0.0.1:1/0")
    answers: list[Any] = [
        None, RedisConnectionError("gone"), RedisConnectionError("gone"), TimeoutError(), None,
        RedisConnectionError("gone"), OverError(),
    ]  # fmt: skip
    waited: list[float] = []
    heard: list[str] = []

    async def look() -> None:
        if answer := answers.pop(0):
            raise answer

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    with pytest.raises(OverError):
        await look_for_ever(look, redis, Every(1, 5, pause), heard.append)
    assert waited == [1, 5, 5, 5, 1, 5]
    assert len(heard) == 3, "another reason is told, and so is the same one after a good look"
    assert heard[0] == heard[2] != heard[1]
