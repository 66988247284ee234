"""`make demo` and `make up` as a new user sees them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo.scenes import SCENES

pytestmark = pytest.mark.asterisk

HERE = Path(__file__).parents[2]
# as typed, but for what was set up before the tests began
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
MAKE = ("make", "--silent", "--old-file=.venv/.ready", "--old-file=lab")


@pytest.fixture(scope="module")
def shown() -> str:
    """What `make demo` prints."""
    done = subprocess.run(
        [*MAKE, "demo"], env=ENVIRONMENT, cwd=HERE, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_call_of_the_demo_ends_as_it_should(shown: str) -> None:
    assert "every call as it should be" in shown
    for scene in SCENES:
        assert scene.title in shown


@pytest.mark.parametrize(
    ("title", "attestation", "sip", "why"),
    [
        ("a signed call", "A", "200", "signed by 818H"),
        ("a gateway's C-signed call", "C", "603", "signed by 709J"),
        ("a forged signature", "none", "438", "bad-signature"),
        ("a signature of two minutes ago", "none", "403", "stale"),
        ("an A-signed call through a good trunk", "A", "403", "signed by 0007"),
    ],
)
def test_the_demo_shows_what_signatures_prove(
    shown: str, title: str, attestation: str, sip: str, why: str
) -> None:
    lines = shown.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"   {title}"))
    *_, level, _verdict, _rule, code, _ms = lines[at - 1].split()
    assert (level, code) == (attestation, sip)
    assert why in lines[at]


def test_up_says_what_to_try_and_leaves_nothing_behind() -> None:
    with subprocess.Popen(
        [*MAKE, "up"], env=ENVIRONMENT, cwd=HERE, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        said = []
        for line in child.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        text = "".join(said)
        settings = Path(text.split("RINGFENCE_CONFIG=")[1].split()[0])
        doctor = subprocess.run(
            [sys.executable, "-m", "ringfence.cli", "doctor"],
            env={**ENVIRONMENT, "RINGFENCE_CONFIG": str(settings)},
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert doctor.returncode == 0, doctor.stdout
        # from a terminal, Ctrl-C goes to make and to all that it runs
        os.killpg(child.pid, signal.SIGINT)
        rest = child.stdout.read()
    assert "everything is stopped" in rest, text + rest
    assert not settings.parent.exists()
