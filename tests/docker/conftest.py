"""The containers of these tests: built once, up on loopback addresses of their own."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.docker.containers import NET, TAG, Stack, run


@pytest.fixture(scope="session")
def compose() -> list[str]:
    """The composing command of this machine; without an engine the tests are skipped."""
    if shutil.which("docker") is None:
        pytest.skip("no container engine is installed")
    for command in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(command[0]) and _answers([*command, "version"]):
            break
    else:
        pytest.skip("no docker-compose is installed")
    if not _answers(["docker", "version"]):
        pytest.skip("no container engine answers")
    return command


def _answers(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


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
    run(["docker/prepare.sh"], 600)
    built = Stack(compose, f"ringfence-test-{os.getpid()}", settings)
    built.compose("build", seconds=900)
    try:
        built.up()
        yield built
    finally:
        built.compose("down", "--volumes", "--remove-orphans")
