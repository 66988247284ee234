"""The commands in the pages for admins work as they stand there, in their order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.config import Settings
from ringfence.store.keys import Keys

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = DOCS / "admin-guide.md"
# what does not end, needs an Asterisk, or looks for a call that somebody has to place first
ELSEWHERE = ("ringfence init", "ringfence serve", "ringfence doctor", "ringfence calls --follow",
             "redis-cli")  # fmt: skip


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture
def ringfence(url: str, keys: Keys, tmp_path: Path) -> dict[str, str]:
    """An environment in which `ringfence` is the command under test."""
    script = tmp_path / "ringfence"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m ringfence.cli "$@"\n')
    script.chmod(0o700)
    (tmp_path / "none.toml").touch()
    return {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "RINGFENCE_CONFIG": str(tmp_path / "none.toml"),
        "RINGFENCE_REDIS_URL": url,
        "RINGFENCE_REDIS_PREFIX": keys.prefix,
    }


@pytest.mark.parametrize(("page", "least"), [("admin-guide.md", 25), ("attestation.md", 18)])
def test_every_command_of_the_page_works(
    ringfence: dict[str, str], redis: object, tmp_path: Path, page: str, least: int
) -> None:
    tried = [line for line in commands(DOCS / page) if not line.startswith(ELSEWHERE)]
    assert len(tried) >= least
    for line in tried:
        done = subprocess.run(
            ["sh", "-c", line], env=ringfence, cwd=tmp_path, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        # no call was placed here, and that is what `calls` says
        expected = 1 if line.startswith("ringfence calls") else 0
        assert done.returncode == expected, f"{line}\n{done.stderr}"


def test_every_setting_is_in_the_guide() -> None:
    text = GUIDE.read_text()
    for section in Settings.__struct_fields__:
        for key in getattr(getattr(Settings(), section), "__struct_fields__", ()):
            named = f"`{section}.{key}`" in text
            grouped = re.search(rf"`{section}\.\w+`[^|]*`\.{key}`", text)
            assert named or grouped, f"{section}.{key}"
