"""Owns putting the forked AGI script and its SQLite file in place; it must not know the lab."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

NAME = "screen.py"


def install(folder: Path, numbers: Iterable[str]) -> None:
    """The script, and beside it its file with all numbers."""
    script = folder / NAME
    shutil.copy(Path(__file__).with_name(NAME), script)
    script.chmod(0o755)
    with closing(sqlite3.connect(folder / "blocked.sqlite3")) as database, database:
        database.execute("CREATE TABLE blocked (number TEXT PRIMARY KEY)")
        rows = ((number,) for number in numbers)
        database.executemany("INSERT INTO blocked VALUES (?)", rows)
