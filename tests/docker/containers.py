"""Owns what the tests here ask of an engine: it must not know what a test expects."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
# Apart from the addresses of a composition that somebody has up, and from every lab's.
NET = "127.78.1"
TAG = "test"
SERVICES = ("valkey", "asterisk", "ringfence")


def run(command: Sequence[str], seconds: float) -> str:
    """Its output; a command that fails fails the test with all it said."""
    done = _done(command, seconds)
    if done.returncode:
        said = (done.stdout + done.stderr)[-4000:]
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{said}", pytrace=False)
    return done.stdout


def _done(command: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=seconds, check=False
    )


def docker(*words: str) -> str:
    """What the engine said, of whatever kind."""
    done = _done(["docker", *words], 60)
    return (done.stdout + done.stderr).strip()


def health_of(container: str) -> str:
    return docker("inspect", "-f", "{{.State.Health.Status}}", container)


def wait_until(
    true: Callable[[], bool], seconds: float, otherwise: Callable[[], str] = lambda: ""
) -> None:
    """Ask until it is so; at the deadline fail with what `otherwise` tells."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"not so after {seconds} s\n{otherwise()}")
        time.sleep(0.1)


class Stack:
    """The composed containers, asked by the engine itself: composing commands take seconds."""

    def __init__(self, compose: Sequence[str], project: str, settings: Path) -> None:
        self._compose = [
            *compose, "-p", project, "--env-file", str(settings), "-f", "docker/compose.yaml",
        ]  # fmt: skip
        self._containers: dict[str, str] = {}

    def compose(self, *words: str, seconds: float = 120) -> None:
        run([*self._compose, *words], seconds)

    def up(self) -> None:
        self.compose("up", "-d")
        for name in SERVICES:
            self._containers[name] = run([*self._compose, "ps", "-q", name], 30).strip()
        self.wait_healthy()

    def docker(self, verb: str, service: str) -> None:
        """stop, start, restart or kill one of them."""
        run(["docker", verb, self._containers[service]], 60)

    def inside(self, service: str, *command: str) -> str:
        return run(["docker", "exec", self._containers[service], *command], 60).strip()

    def status(self, service: str, *command: str) -> int:
        """How a command inside ended, where a refusal is no failure of the test."""
        return _done(["docker", "exec", self._containers[service], *command], 60).returncode

    def inspect(self, service: str) -> Any:
        return json.loads(run(["docker", "inspect", self._containers[service]], 30))[0]

    def health(self, service: str) -> str:
        return health_of(self._containers[service])

    def wait_healthy(self) -> None:
        wait_until(lambda: all(self.health(name) == "healthy" for name in SERVICES), 90, self.logs)

    def logs(self, *services: str) -> str:
        names = services or SERVICES
        return "\n".join(docker("logs", "--tail", "40", self._containers[name]) for name in names)
