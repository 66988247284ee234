"""`ringfence init`: the same passwords everywhere, readable by nobody else, nothing overwritten."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dialplan import ringfence_conf
from ringfence.cli.app import main
from ringfence.config import load_settings


def init(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["init", *arguments])
    return int(ended.value.code or 0)


def test_all_files_agree_on_the_passwords(tmp_path: Path) -> None:
    assert init(str(tmp_path)) == 0
    settings = load_settings(tmp_path / "ringfence.toml", {})
    assert f"password = {settings.ari.password}\n" in (tmp_path / "ringfence-ari.conf").read_text()
    manager = (tmp_path / "ringfence-manager.conf").read_text()
    assert f"secret = {settings.ami.password}\n" in manager
    assert len(settings.ari.password) >= 32
    assert settings.ari.password != settings.ami.password


def test_the_dialplan_is_the_one_that_was_shipped(tmp_path: Path) -> None:
    init(str(tmp_path / "new" / "folder"))
    assert (tmp_path / "new/folder/ringfence.conf").read_text() == ringfence_conf()


def test_files_with_passwords_are_readable_for_their_owner_only(tmp_path: Path) -> None:
    init(str(tmp_path))
    passwords = {path for path in tmp_path.iterdir() if re.search(
        r"^(password|secret) = \S", path.read_text(), re.MULTILINE)}  # fmt: skip
    assert {path.name for path in passwords} == {
        "ringfence-ari.conf", "ringfence-manager.conf", "ringfence.toml",
    }  # fmt: skip
    assert {path.stat().st_mode & 0o777 for path in passwords} == {0o600}


def test_nothing_is_overwritten_without_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ringfence.toml").write_text("mine")
    assert init(str(tmp_path)) == 1
    assert "ringfence.toml" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["ringfence.toml"]
    assert init(str(tmp_path), "--force") == 0
    assert (tmp_path / "ringfence.toml").read_text() != "mine"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_it_says_what_goes_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(str(tmp_path), "--agi", "0.0.0.0:4600", "--json")
    said = json.loads(capsys.readouterr().out)
    steps = "\n".join(said["steps"])
    assert "#include ringfence.conf" in steps
    assert "Gosub(ringfence,screen,1(${EXTEN}))" in steps
    assert "RINGFENCE_AGI = agi://127.0.0.1:4600/screen" in steps
    assert len(said["files"]) == 5


def test_a_name_instead_of_an_address_is_refused(tmp_path: Path) -> None:
    assert init(str(tmp_path), "--ami", "asterisk.example:5038") == 2
    assert init(str(tmp_path), "--ari", "http://asterisk/ari") == 2
    assert init(str(tmp_path), "--agi", "4573") == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert init("/proc/nothing") == 1
    assert capsys.readouterr().err.count("\n") == 1
