"""What `ringfence init` writes is what a real Asterisk takes, and the doctor finds it in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import Lab, LabError

pytestmark = pytest.mark.asterisk

SLOTS = range(150, 200)
_INCLUDES = {
    "http.conf": "[general]\n#include ringfence-http.conf\n",
    "ari.conf": "[general]\nenabled = yes\n#include ringfence-ari.conf\n",
    "manager.conf": "[general]\n#include ringfence-manager.conf\n",
}
_SCREENED = """
[trunk-of-mine]
exten => _X.,1,Gosub(ringfence,screen,1(${EXTEN}))
 same => n,Hangup()
"""


def ringfence(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ringfence.cli", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_an_asterisk_with_the_written_files_is_in_order(tmp_path: Path) -> None:
    for slot in SLOTS:
        try:
            _try(slot, tmp_path / str(slot))
            return
        except LabError as error:
            if "slot" not in str(error):
                raise
    pytest.fail("no free slot for a lab")


def _try(slot: int, folder: Path) -> None:
    at = f"127.77.{slot}.1"
    done = ringfence(
        "init", str(folder), "--agi", f"{at}:4573", "--ari", f"http://{at}:8088/ari",
        "--ami", f"{at}:5038",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    snippets = {
        path.name: path.read_text()
        for path in folder.iterdir()
        if path.name.startswith("ringfence-")
    }
    with Lab(
        dialplan=folder / "ringfence.conf",
        globals={"RINGFENCE_AGI": f"agi://{at}:4573/screen"},
        extra_dialplan=_SCREENED,
        files={**_INCLUDES, **snippets},
        slot=slot,
        purpose="init",
    ) as lab:
        said = ringfence(
            "doctor", "--json",
            RINGFENCE_CONFIG=str(folder / "ringfence.toml"),
            RINGFENCE_STATE_DIR=str(folder / "state"),
        )  # fmt: skip
        findings = json.loads(said.stdout)["findings"]
        # the service itself does not run here
        wrong = [
            f for f in findings if f["state"] == "FAIL" and f["mend"] != "start `ringfence serve`"
        ]
        assert wrong == [], lab.log_tail()
        whats = "\n".join(f["what"] for f in findings)
        assert f"at http://{at}:8088/ari" in whats
        assert "all 22 that are needed are loaded" in whats
        assert "trunk-of-mine" in whats
        assert lab.warnings() == []
