"""What Ringfence is measured beside does look callers up."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.rivals import astdb, script
from benchmarks.ruleset import ELSEWHERE, blocked_callers, known_elsewhere, passing_callers

NUMBERS = ("+12025550100", "+12025550101")


@pytest.mark.parametrize(("caller", "spam"), [("+12025550101", 1), ("+12025550199", 0)])
def test_the_forked_script_knows_who_is_listed(tmp_path: Path, caller: str, spam: int) -> None:
    script.install(tmp_path, NUMBERS)
    head = f"agi_request: screen.py\nagi_callerid: {caller}\nagi_channel: PJSIP/a\n\n"
    done = subprocess.run(
        [sys.executable, str(tmp_path / script.NAME)],
        input=f"{head}200 result=1\n", capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert done.stdout == f"SET VARIABLE SPAM {spam}\n"


def test_astdb_has_an_entry_for_each_number(tmp_path: Path) -> None:
    astdb.fill(tmp_path / "astdb.sqlite3", NUMBERS)
    with closing(sqlite3.connect(tmp_path / "astdb.sqlite3")) as database:
        rows = database.execute("SELECT key, value FROM astdb ORDER BY key").fetchall()
    assert rows == [(f"/blocked/{number}", "1") for number in NUMBERS]


@pytest.mark.parametrize("listed", [0, 200_000])
def test_callers_that_pass_are_listed_nowhere_and_callers_that_are_blocked_everywhere(
    listed: int,
) -> None:
    known = set(known_elsewhere(listed))
    assert len(known) == ELSEWHERE
    assert known.isdisjoint(passing_callers())
    assert known.issuperset(blocked_callers(max(listed, ELSEWHERE)))
