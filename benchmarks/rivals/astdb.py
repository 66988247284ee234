"""Owns filling Asterisk's own database before it starts; it must not know what looks it up.

`database put` takes a command each. The file is SQLite with one table, `/family/key` and value,
which Asterisk makes only where it is missing; written before the start it is like any older one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

FAMILY = "blocked"


def fill(path: Path, numbers: Iterable[str]) -> None:
    """Make astdb.sqlite3 with an entry for each number."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE astdb (key TEXT, value TEXT, PRIMARY KEY(key))")
        rows = ((f"/{FAMILY}/{number}", "1") for number in numbers)
        database.executemany("INSERT INTO astdb VALUES (?, ?)", rows)
