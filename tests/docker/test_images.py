"""What each image is: an ordinary user, nothing writable, nothing to build with, no secrets."""

import os
from collections.abc import Iterator

import pytest

from ringfence import __version__
from tests.docker.containers import NET, SERVICES, TAG, Stack, docker, health_of, wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def alone(stack: Stack) -> Iterator[str]:
    """Ringfence's image without any other, as hardened as in the composition."""
    name = f"ringfence-alone-{os.getpid()}"
    docker(
        "run", "-d", "--name", name, "--network", "host", "--read-only", "--tmpfs", "/tmp",
        "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--health-interval", "2s",
        "-v", f"{name}:/var/lib/ringfence", "-e", f"RINGFENCE_AGI_BIND={NET}.9:4573",
        f"ringfence:{TAG}", "ringfence", "serve", "--workers", "2",
    )  # fmt: skip
    yield name
    docker("rm", "-f", name)
    docker("volume", "rm", name)


@pytest.mark.parametrize("service", SERVICES)
def test_each_container_is_an_ordinary_user_on_a_read_only_file_system(
    stack: Stack, service: str
) -> None:
    assert int(stack.inside(service, "id", "-u")) > 10_000
    assert stack.status(service, "touch", "/usr/mine") != 0
    assert stack.status(service, "touch", "/mine") != 0
    assert "CapEff:\t0000000000000000" in stack.inside(service, "cat", "/proc/1/status")


def test_no_build_tool_is_in_ringfences_image(stack: Stack) -> None:
    for tool in ("pip", "pip3", "gcc", "cc", "make", "git", "curl"):
        assert stack.status("ringfence", "which", tool) != 0, tool
    assert stack.status("ringfence", "python", "-c", "import pip") != 0


def test_the_image_holds_this_checkouts_version(stack: Stack) -> None:
    said = stack.inside("ringfence", "ringfence", "--version")
    assert __version__ in said.split()


def test_no_password_is_in_an_images_history(stack: Stack) -> None:
    for image in ("ringfence", "ringfence-asterisk", "ringfence-valkey"):
        history = docker("history", "--no-trunc", f"{image}:{TAG}")
        assert "PASSWORD=" not in history
        assert "index-url" not in history
    assert stack.status("ringfence", "test", "-e", "/machine") != 0


def test_alone_it_runs_an_embedded_valkey_whose_rules_outlive_a_kill(
    alone: str,
) -> None:
    def wait_healthy() -> None:
        wait_until(lambda: health_of(alone) == "healthy", 60, lambda: docker("logs", alone))

    wait_healthy()
    docker("exec", alone, "ringfence", "rule", "add", "stop", "--caller", "+12025550123",
           "--action", "block")  # fmt: skip
    docker("kill", alone)
    docker("start", alone)
    wait_healthy()
    assert "stop" in docker("exec", alone, "ringfence", "rule", "list")


def test_a_misspelt_setting_stops_the_start_with_its_name(stack: Stack) -> None:
    said = docker("run", "--rm", "--network", "none", "-e", "RINGFENCE_AGI_BND=127.0.0.1:4573",
                  f"ringfence:{TAG}")  # fmt: skip
    assert "RINGFENCE_AGI_BND" in said
    assert "RINGFENCE_AGI_BIND" in said
    assert "Traceback" not in said


def test_asterisk_without_passwords_says_what_to_set(stack: Stack) -> None:
    said = docker("run", "--rm", "--network", "none", f"ringfence-asterisk:{TAG}")
    assert said == "start: ARI_PASSWORD is not set: give each container the one that Ringfence has"
