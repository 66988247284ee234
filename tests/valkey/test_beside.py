"""The process beside the doors: there is one, it comes back, and it never outlives its worker."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.valkey.test_enforcement_serve import serve as serve
from tests.valkey.test_serve import Serve

from .conftest import Until


def beside(state: Path) -> list[int]:
    """The processes that work beside the doors of the service with this state directory."""
    wanted, found = f"RINGFENCE_STATE_DIR={state}".encode(), []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().split(b"\0")
            if b"--beside" in line and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def test_workers_have_one_process_beside_them_and_it_comes_back(
    serve: Serve, until: Until
) -> None:
    supervisor = serve.start("--workers", "2")
    await until(lambda: len(serve.events("ready")) == 2, within=30)
    await until(lambda: len(beside(serve.state)) == 1, within=30)
    (first,) = beside(serve.state)
    ours = os.getpriority(os.PRIO_PROCESS, supervisor.pid)
    await until(lambda: os.getpriority(os.PRIO_PROCESS, first) > ours, within=30)
    os.kill(first, signal.SIGKILL)
    await until(lambda: beside(serve.state) not in ([], [first]), within=30)
    assert await serve.is_open(), "no call was in need of it"
    supervisor.terminate()
    supervisor.wait(20)
    assert beside(serve.state) == []


async def test_a_killed_service_leaves_nothing_beside_it(serve: Serve, until: Until) -> None:
    process = serve.start()
    await until(lambda: len(beside(serve.state)) == 1, within=30)
    process.kill()
    await until(lambda: beside(serve.state) == [], within=30)


async def test_a_stop_that_reaches_both_of_them_is_no_fault(serve: Serve, until: Until) -> None:
    event = "what is done beside the calls ended and is started again"
    process = serve.start()
    await until(lambda: len(serve.events("archiving call records")) == 1, within=30)
    (child,) = beside(serve.state)
    # as a service manager does, and a terminal: to both, in whatever order
    os.kill(child, signal.SIGTERM)
    await until(lambda: serve.events(event), within=30)
    process.terminate()
    assert process.wait(20) == 0
    assert [line["level"] for line in serve.events(event)] == ["info"]
    assert beside(serve.state) == []
