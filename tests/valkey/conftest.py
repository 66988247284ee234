"""A real Valkey for these tests, a key prefix of its own for each, and mirrors that end with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from redis.asyncio import Redis

from ringfence.store.connection import connect_redis
from ringfence.store.embedded import EmbeddedValkey
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.mirror.snapshot import SnapshotFile
from ringfence.store.writing.writer import Writer
from tests.valkey.calllog_parts import ValkeyProcess

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]
Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "where" in metafunc.fixturenames:
        places = ["embedded"]
        if os.environ.get("RINGFENCE_TEST_REDIS_URL"):
            places.append("given")
        metafunc.parametrize("where", places, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.valkey)


@pytest.fixture
async def valkey() -> AsyncIterator[ValkeyProcess]:
    """A server of a test's own, to be killed and stopped."""
    # a short path: a unix socket's is limited to 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="rf-"))
    server = ValkeyProcess(folder)
    try:
        await server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


@pytest.fixture
def until() -> Until:
    """Wait for a condition, up to a deadline; a time that passes decides nothing."""

    async def wait(
        condition: Callable[[], object | Awaitable[object]], within: float = 10.0
    ) -> None:
        deadline = time.monotonic() + within
        while True:
            answer = condition()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return
            assert time.monotonic() < deadline, f"not within {within} s"
            await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory with a path that is short enough for a unix socket."""
    path = Path(tempfile.mkdtemp(prefix="ringfence-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_valkey() -> AsyncIterator[str]:
    path = Path(tempfile.mkdtemp(prefix="ringfence-"))
    server = EmbeddedValkey(path)
    await server.start()
    yield server.url
    await server.stop()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def url(where: str, shared_valkey: str) -> str:
    return shared_valkey if where == "embedded" else os.environ["RINGFENCE_TEST_REDIS_URL"]


@pytest.fixture
def keys() -> Keys:
    return Keys(f"test{secrets.token_hex(6)}:")


@pytest.fixture
async def redis(url: str, keys: Keys) -> AsyncIterator[Redis]:
    client = connect_redis(url)
    yield client
    # Only what this test wrote: the server may be somebody's.
    async for key in client.scan_iter(match=keys.prefix + "*"):
        await client.delete(key)
    await client.aclose()


@pytest.fixture
def writer(redis: Redis, keys: Keys) -> Writer:
    return Writer(redis, keys)


@pytest.fixture
async def own_valkey(short_dir: Path) -> AsyncIterator[EmbeddedValkey]:
    """A server of the test's own, to kill, stop and flush."""
    server = EmbeddedValkey(short_dir)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def mirror_of(keys: Keys) -> AsyncIterator[MirrorOf]:
    """Runs a mirror of what is behind a URL until the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(url: str, snapshot_dir: Path | None = None, wait: bool = True) -> Mirror:
            client = connect_redis(url)
            stack.push_async_callback(client.aclose)
            file = SnapshotFile(snapshot_dir, structlog.get_logger()) if snapshot_dir else None
            mirror = Mirror(client, keys, file)
            await mirror.restore()
            task = asyncio.create_task(mirror.run())
            stack.push_async_callback(ended, task)
            if wait:
                async with asyncio.timeout(20):
                    await mirror.loaded()
            return mirror

        yield start


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def mirror(mirror_of: MirrorOf, url: str, redis: Redis) -> Mirror:
    return await mirror_of(url)


@pytest.fixture
def ringfence(url: str, keys: Keys, redis: Redis, tmp_path: Path) -> Run:
    """Run one command; every refusal is one line."""
    config = tmp_path / "none.toml"
    config.touch()
    environ = {
        "PATH": os.environ["PATH"],
        "USER": "root",
        "SUDO_USER": "alice",
        "RINGFENCE_CONFIG": str(config),
        "RINGFENCE_REDIS_URL": url,
        "RINGFENCE_REDIS_PREFIX": keys.prefix,
        "RINGFENCE_STATE_DIR": str(tmp_path),
    }

    def run(*arguments: str, code: int = 0, stdin: str = "") -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "ringfence.cli", *arguments],
            env=environ, input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run
