"""The embedded Valkey: one for each state directory, never an orphan, and it forgets nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ringfence.store.connection import connect_redis
from ringfence.store.embedded import EmbeddedValkey, ValkeyFailed, ping, running_valkey

Until = Callable[..., Awaitable[None]]

PARENT = """
import asyncio, sys
from pathlib import Path
from ringfence.store.embedded import EmbeddedValkey
async def main():
    server = EmbeddedValkey(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    # A zombie is dead; only its new parent has not asked yet.
    return state not in "ZX"


async def parent_of_a_server(folder: Path) -> tuple[asyncio.subprocess.Process, int]:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(folder)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    return parent, int(await parent.stdout.readline())


async def test_it_listens_on_a_private_socket_and_on_no_port(own_valkey: EmbeddedValkey) -> None:
    client = connect_redis(own_valkey.url)
    assert stat.S_IMODE(own_valkey.socket.stat().st_mode) == 0o700
    config = await client.config_get("*")
    assert (config["port"], config["appendonly"]) == ("0", "yes")
    await client.aclose()


async def test_it_dies_with_a_killed_parent_and_keeps_what_was_written(
    short_dir: Path, until: Until
) -> None:
    parent, child = await parent_of_a_server(short_dir)
    client = connect_redis(f"unix://{short_dir}/valkey.sock")
    await client.set("a", "1")
    await client.aclose()
    parent.kill()
    await parent.wait()
    await until(lambda: not is_alive(child))
    async with running_valkey(short_dir) as url:
        client = connect_redis(url)
        assert await client.get("a") == b"1"
        await client.aclose()


async def test_a_new_parent_waits_until_the_old_server_has_closed_its_files(
    short_dir: Path, until: Until
) -> None:
    parent, child = await parent_of_a_server(short_dir)
    # It cannot end while it is stopped, although its parent is gone.
    os.kill(child, signal.SIGSTOP)
    parent.kill()
    await parent.wait()
    server = EmbeddedValkey(short_dir)
    starting = asyncio.create_task(server.start())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await asyncio.shield(starting)
    assert server.pid is None
    os.kill(child, signal.SIGCONT)
    await starting
    assert server.pid != child
    await server.stop()


async def test_it_is_started_again_after_it_was_killed(
    own_valkey: EmbeddedValkey, until: Until
) -> None:
    client = connect_redis(own_valkey.url)
    await client.set("a", "1")
    await client.execute_command("WAITAOF", 1, 0, 5000)
    first = own_valkey.pid
    assert first
    os.kill(first, signal.SIGKILL)

    async def again() -> bool:
        return own_valkey.pid not in (first, None) and await ping(own_valkey.url) == "ready"

    await until(again)
    await client.aclose()
    client = connect_redis(own_valkey.url)
    assert await client.get("a") == b"1"
    await client.aclose()


async def test_a_second_one_is_a_guest_and_takes_over_when_the_first_goes(
    own_valkey: EmbeddedValkey, short_dir: Path, until: Until
) -> None:
    guest = EmbeddedValkey(short_dir)
    await guest.start()
    assert guest.pid is None
    await own_valkey.stop()
    await until(lambda: guest.pid is not None)
    await until(lambda: _ready(guest.url))
    await guest.stop()
    assert await ping(guest.url) == "away"


async def _ready(url: str) -> bool:
    return await ping(url) == "ready"


async def test_a_command_uses_the_live_server_and_leaves_it_running(
    own_valkey: EmbeddedValkey, short_dir: Path
) -> None:
    async with running_valkey(short_dir) as url:
        assert url == own_valkey.url
    assert await _ready(url)


async def test_a_command_alone_has_a_server_for_as_long_as_it_runs(short_dir: Path) -> None:
    async with running_valkey(short_dir) as url:
        assert await _ready(url)
    assert not await _ready(url)


async def test_a_stopped_server_is_ended_all_the_same(short_dir: Path) -> None:
    server = EmbeddedValkey(short_dir)
    await server.start()
    pid = server.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    await server.stop()
    assert not is_alive(pid)


async def test_a_path_too_long_for_a_socket_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValkeyFailed, match="too long for a unix socket"):
        EmbeddedValkey(tmp_path / ("x" * 100))


async def test_a_state_directory_that_cannot_be_made_says_so(short_dir: Path) -> None:
    (short_dir / "file").write_text("")
    with pytest.raises(ValkeyFailed, match="state directory"):
        await EmbeddedValkey(short_dir / "file" / "state").start()


async def test_files_that_valkey_cannot_read_are_a_clear_error(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_valkey(short_dir) as url:
        client = connect_redis(url)
        await client.set("a", "x" * 1000)
        await client.aclose()
    manifest = next((short_dir / "appendonlydir").glob("*.manifest"))
    manifest.write_text("rubbish\n")
    monkeypatch.setattr("ringfence.store.embedded.READY_SECONDS", 1.0)
    with pytest.raises(ValkeyFailed, match="does not come up"):
        await EmbeddedValkey(short_dir).start()


async def test_a_server_that_cannot_be_started_says_why_at_once(short_dir: Path) -> None:
    (short_dir / "valkey.log").mkdir()
    with pytest.raises(ValkeyFailed, match=r"cannot be started: .*valkey\.log"):
        await EmbeddedValkey(short_dir).start()


async def test_a_disk_that_takes_no_log_for_a_while_does_not_end_the_watch(
    own_valkey: EmbeddedValkey, until: Until
) -> None:
    async def answers() -> bool:
        return await ping(own_valkey.url) == "ready"

    log, pid = own_valkey.socket.with_name("valkey.log"), own_valkey.pid
    assert pid
    log.unlink()
    log.mkdir()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(pid))
    with pytest.raises(AssertionError):
        await until(answers, within=0.5)
    log.rmdir()
    await until(answers)
