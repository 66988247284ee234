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

ENVIRONMENT = {**os.environ, "PYTHONPATH": "docker"}


def test_every_call_of_the_demo_ends_as_it_should() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo"], env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every call as it should be" in done.stdout
    for scene in SCENES:
        assert scene.title in done.stdout


def test_up_says_what_to_try_and_leaves_nothing_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "up"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
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
            [sys.executable, "-m", "ringfence.cli", "--help"], capture_output=True, timeout=30
        )
        assert doctor.returncode == 0
        child.send_signal(signal.SIGINT)
        rest = child.stdout.read()
    assert "everything is stopped" in rest, text + rest
    assert child.returncode == 0
    assert not settings.parent.exists()
