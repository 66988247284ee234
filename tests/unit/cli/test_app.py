"""The command line as a whole: fast to start, one-line errors, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.cli.app import COMMANDS


def ringfence(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ringfence.cli", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command_and_imports_no_slow_library() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ringfence.cli", "--help"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert all(name in done.stdout for name in COMMANDS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"redis", "aiohttp", "rich", "phonenumbers", "panoramisk", "agi"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(name: str) -> None:
    done = ringfence(name, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout or "Commands:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rul",), "no command 'rul'"),
        (("rule", "ad"), "no command 'ad'"),
        (("rule", "show"), "Missing argument 'ID'"),
        (("rule", "add", "x", "--action", "maybe", "--every-call"), "'maybe' is not one of"),
        (("rule", "add", "x", "--action", "block"), "no condition"),
        (("rule", "add", "x", "--caller", "+1900*"), "--action is missing"),
        (("list", "add", "x", "+12025550100", "--for", "soon"), "7d"),
        (("check", "--header", "nonsense"), "NAME: VALUE"),
        (("check", "--attestation", "A", "--verification", "failed"), "has no level"),
        (("--config", "/nowhere.toml", "serve"), "No such option"),
        (("serve", "--config", "/nowhere.toml"), "there is no file /nowhere.toml"),
    ],
)
def test_wrong_use_is_told_in_one_line_with_exit_code_2(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    empty = tmp_path / "none.toml"
    empty.touch()
    done = ringfence(*arguments, RINGFENCE_CONFIG=str(empty), RINGFENCE_STATE_DIR=str(tmp_path))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("ringfence: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_an_unknown_setting_stops_every_command_with_its_name(tmp_path: Path) -> None:
    done = ringfence("rule", "list", RINGFENCE_REDIS_ULR="x")
    assert done.returncode == 2
    assert "RINGFENCE_REDIS_ULR" in done.stderr


def test_a_redis_that_is_away_is_one_line_with_exit_code_1(tmp_path: Path) -> None:
    empty = tmp_path / "none.toml"
    empty.touch()
    done = ringfence(
        "rule", "list", RINGFENCE_CONFIG=str(empty), RINGFENCE_REDIS_URL="redis://:pw@127.0.0.1:1/0"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ringfence: no Redis at 127.0.0.1:1")
    assert done.stderr.count("\n") == 1
    assert "pw" not in done.stderr.replace("http", "")


def test_a_refusal_does_not_move_an_admins_cursor(tmp_path: Path) -> None:
    rule = tmp_path / "rule.json"
    rule.write_text(r'{"action": "block", "\u001b]0;title\u0007": 1}')
    done = ringfence("rule", "add", "x", str(rule), RINGFENCE_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "title" in done.stderr
    assert not set("\x1b\x07") & set(done.stderr)
