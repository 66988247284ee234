"""Owns the containers of these tests: built once, up on loopback addresses of their own."""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
NET = "127.78.1"
TAG = "test"
SERVICES = ("valkey", "asterisk", "ringfence")


def _run(command: Sequence[str], timeout: float, **more: object) -> str:
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=timeout, check=False,
        **more,  # type: ignore[call-overload]
    )  # fmt: skip
    if done.returncode:
        said = (done.stdout + done.stderr)[-4000:]
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{said}", pytrace=False)
    return done.stdout


class Stack:
    """The composed containers, and what a test asks of them."""

    def __init__(self, compose: Sequence[str], settings: Path) -> None:
        self._compose = [*compose, "-p", f"ringfence-test-{os.getpid()}", "--env-file",
                         str(settings), "-f", "docker/compose.yaml"]  # fmt: skip

    def __call__(self, *words: str, timeout: float = 120) -> str:
        return _run([*self._compose, *words], timeout)

    def inside(self, service: str, *command: str) -> str:
        return self("exec", "-T", service, *command).strip()

    def status(self, service: str, *command: str) -> int:
        """How a command inside ended, where a refusal is no failure of the test."""
        words = [*self._compose, "exec", "-T", service, *command]
        return subprocess.run(
            words, cwd=CHECKOUT, capture_output=True, timeout=60, check=False
        ).returncode

    def container(self, service: str) -> dict[str, object]:
        identity = self("ps", "-q", service).strip()
        found: dict[str, object] = json.loads(_run(["docker", "inspect", identity], 30))[0]
        return found

    def health(self, service: str) -> str:
        state = self.container(service)["State"]
        assert isinstance(state, dict)
        return str(state["Health"]["Status"])

    def wait_healthy(self) -> None:
        wait_until(lambda: all(self.health(name) == "healthy" for name in SERVICES), 90, self.logs)

    def logs(self) -> str:
        return self("logs", "--tail=40")[-6000:]


def wait_until(
    true: Callable[[], bool], seconds: float, otherwise: Callable[[], str] = lambda: ""
) -> None:
    """Ask until it is so; at the deadline fail with what `otherwise` tells."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"not so after {seconds} s\n{otherwise()}")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def compose() -> list[str]:
    """The composing command of this machine; without an engine the tests are skipped."""
    if shutil.which("docker") is None:
        pytest.skip("no container engine is installed")
    answers = subprocess.run(["docker", "version"], capture_output=True, timeout=30, check=False)
    if answers.returncode:
        pytest.skip("no container engine answers")
    for command in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(command[0]) is None:
            continue
        tried = subprocess.run([*command, "version"], capture_output=True, timeout=30, check=False)
        if tried.returncode == 0:
            return command
    pytest.skip("no docker-compose is installed")


@pytest.fixture(scope="session")
def stack(compose: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All three images built and all three containers healthy."""
    settings = tmp_path_factory.mktemp("docker") / "env"
    settings.touch(mode=0o600)
    values = {
        "LAB_NET": NET,
        "LAB_TAG": TAG,
        "ARI_PASSWORD": secrets.token_hex(12),
        "AMI_PASSWORD": secrets.token_hex(12),
    }
    settings.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    _run(["docker/prepare.sh"], 600)
    built = Stack(compose, settings)
    built("build", timeout=900)
    try:
        built("up", "-d")
        built.wait_healthy()
        yield built
    finally:
        built("down", "--volumes", "--remove-orphans")


@pytest.fixture(autouse=True)
def no_rules_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test leaves no rule to the next one."""
    yield
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        stack.wait_healthy()
        stack.inside("valkey", "redis-cli", "DEL", "ringfence:rules")
        wait_until(lambda: stack.status("asterisk", "call", "12025550123", "12025550199") == 0, 10)
