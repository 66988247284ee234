"""The command line as a whole: fast to start, one-line errors, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog

from ringfence.cli.app import COMMANDS, main


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def ringfence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    """The command in this process: a Python of its own takes half a second to start."""
    empty = tmp_path / "none.toml"
    empty.touch()

    def run(*arguments: str, **environ: str) -> Done:
        defaults = {"RINGFENCE_CONFIG": str(empty), "RINGFENCE_STATE_DIR": str(tmp_path)}
        for name, value in (defaults | environ).items():
            monkeypatch.setenv(name, value)
        before = structlog.get_config()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        assert structlog.get_config() == before, "this one is for a process of its own"
        return Done(int(ended.value.code or 0), said.out, said.err)

    return run


def process(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command as it is started: what opens the store sets up the log of its process."""
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
def test_every_command_has_help_and_an_example(ringfence: Run, name: str) -> None:
    done = ringfence(name, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout or "Commands:" in done.stdout


WRONG = [
    (("rul",), "no command 'rul'"),
    (("rule", "ad"), "no command 'ad'"),
    (("rule", "show"), "Missing argument 'ID'"),
    (("rule", "add", "x", "--action", "maybe", "--every-call"), "'maybe' is not one of"),
    (("check", "--header", "nonsense"), "NAME: VALUE"),
    (("check", "--attestation", "A", "--verification", "failed"), "has no level"),
    (("--config", "/nowhere.toml", "serve"), "No such option"),
    (("serve", "--config", "/nowhere.toml"), "there is no file /nowhere.toml"),
]
WRONG_LATER = [
    (("rule", "add", "x", "--action", "block"), "no condition"),
    (("rule", "add", "x", "--caller", "+1900*"), "--action is missing"),
    (("list", "add", "x", "+12025550100", "--for", "soon"), "7d"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_wrong_use_is_told_in_one_line_with_exit_code_2(
    ringfence: Run, arguments: tuple[str, ...], said: str
) -> None:
    told_in_one_line(ringfence(*arguments), said)


@pytest.mark.parametrize(("arguments", "said"), WRONG_LATER)
def test_wrong_use_found_by_a_running_command_is_told_alike(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    told_in_one_line(process(*arguments, RINGFENCE_STATE_DIR=str(tmp_path)), said)


def told_in_one_line(done: Done | subprocess.CompletedProcess[str], said: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("ringfence: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_an_unknown_setting_stops_every_command_with_its_name() -> None:
    done = process("rule", "list", RINGFENCE_REDIS_ULR="x")
    assert done.returncode == 2
    assert "RINGFENCE_REDIS_ULR" in done.stderr


def test_a_redis_that_is_away_is_one_line_with_exit_code_1(tmp_path: Path) -> None:
    empty = tmp_path / "none.toml"
    empty.touch()
    done = process(
        "rule", "list", RINGFENCE_CONFIG=str(empty), RINGFENCE_REDIS_URL="redis://:pw@127.0.0.1:1/0"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ringfence: no Redis at 127.0.0.1:1")
    assert done.stderr.count("\n") == 1
    assert "pw" not in done.stderr.replace("http", "")


def test_a_refusal_does_not_move_an_admins_cursor(tmp_path: Path) -> None:
    rule = tmp_path / "rule.json"
    rule.write_text(r'{"action": "block", "\u001b]0;title\u0007": 1}')
    done = process("rule", "add", "x", str(rule), RINGFENCE_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "title" in done.stderr
    assert not set("\x1b\x07") & set(done.stderr)
