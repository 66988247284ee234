"""Connections: short time-outs, no secrets in any text, one line that says what to do."""

from __future__ import annotations

import time

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from ringfence.store.connection import address_of, connect_redis, explain_failure, mask_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://ann:secret@host:6379/0", "redis://ann:***@host:6379/0"),
        ("redis://:secret@host", "redis://:***@host"),
        ("redis://host:6379/1", "redis://host:6379/1"),
        ("unix:///run/redis.sock?password=secret&db=1", "unix:///run/redis.sock?password=***&db=1"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert mask_url(url) == shown
    assert "secret" not in repr(connect_redis(url))


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://host", "redis://", "unix://"])
def test_a_url_that_is_none_is_refused_with_the_forms_that_work(url: str) -> None:
    with pytest.raises(ValueError, match="redis://HOST:PORT"):
        connect_redis(url)


async def test_a_redis_that_is_down_fails_fast_and_says_what_to_do() -> None:
    client = connect_redis("redis://:secret@127.0.0.1:1")
    begun = time.monotonic()
    with pytest.raises(RedisError) as failed:
        await client.get("a")
    assert time.monotonic() - begun < 1.5, "no hidden retries"
    text = explain_failure(failed.value, address_of(client))
    assert text.startswith("no Redis at 127.0.0.1:1: start it, or set RINGFENCE_REDIS_URL")
    assert "\n" not in text
    assert "secret" not in text
    await client.aclose()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Valkey is loading the dataset in memory", "still loading its data"),
        ("Timeout reading from /run/redis.sock", "does not answer in time"),
        ("Error 111 connecting to /run/redis.sock. Connection refused.", "no Redis at a: start it"),
    ],
)
def test_what_is_wrong_is_told_also_where_only_the_text_tells_it(said: str, told: str) -> None:
    assert told in explain_failure(RedisConnectionError(said), "a")
