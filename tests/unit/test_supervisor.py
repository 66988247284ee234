"""The supervisor against workers that do what they should not: only faults are played here."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ringfence.config import Settings
from ringfence.settings import RedisSection, StateSection
from ringfence.supervisor import Supervisor

READY_THEN_WRONG_USE = """
import os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"READY=1", "\\0" + os.environ["NOTIFY_SOCKET"][1:])
sys.exit(2)
"""
STAYS = [sys.executable, "-c", "import time; time.sleep(60)"]


class Lives:
    """What each life of the one worker runs; the last of `commands` again and again."""

    def __init__(self, *commands: Sequence[str], on_life: Callable[[int], None] = lambda n: None):
        self._commands = commands
        self._on_life = on_life
        self.begun = 0

    def command(self, worker: int) -> Sequence[str]:
        self.begun += 1
        self._on_life(self.begun)
        return self._commands[min(self.begun, len(self._commands)) - 1]


def supervisor_of(lives: Lives, state: Path) -> Supervisor:
    settings = Settings(
        redis=RedisSection(url="redis://127.0.0.1:1"), state=StateSection(dir=str(state))
    )
    return Supervisor(settings, 1, lives.command)


def stop() -> None:
    """What a service manager does; the supervisor in this process has a handler for it."""
    os.kill(os.getpid(), signal.SIGTERM)


async def ends_after(supervisor: Supervisor, lives: Lives, begun: int) -> int:
    """Run until so many lives have begun, stop, and give back the exit code."""
    async with asyncio.timeout(10):
        running = asyncio.create_task(supervisor.run())
        while lives.begun < begun and not running.done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if not running.done():
            stop()
        return await running


async def test_a_worker_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    lives = Lives(["/no/such/program"], STAYS)
    assert await ends_after(supervisor_of(lives, tmp_path), lives, 2) == 0


async def test_settings_broken_under_a_running_service_do_not_end_it(tmp_path: Path) -> None:
    lives = Lives([sys.executable, "-c", READY_THEN_WRONG_USE], STAYS)
    assert await ends_after(supervisor_of(lives, tmp_path), lives, 2) == 0


async def test_settings_that_are_wrong_at_the_start_end_it(tmp_path: Path) -> None:
    lives = Lives([sys.executable, "-c", "raise SystemExit(2)"])
    assert await ends_after(supervisor_of(lives, tmp_path), lives, 2) == 2
    assert lives.begun == 1


async def test_a_worker_that_is_just_being_started_at_the_end_is_ended_too(tmp_path: Path) -> None:
    lives = Lives(STAYS, on_life=lambda n: stop())
    assert await ends_after(supervisor_of(lives, tmp_path), lives, 2) == 0
