"""The ends of calls in one day's file: their table, how they get in and out; knows no file's name.

A table of its own, as an end comes at another time than its record, and either may be the first.
Files of before Ringfence kept ends are without it, and get it when an end is written to them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ringfence.calllog.ended import CallEnd, key_of, with_end
from ringfence.calllog.record import CallRecord

_TABLE = """
CREATE TABLE IF NOT EXISTS ends (
  key INTEGER PRIMARY KEY, answered INTEGER, ended INTEGER NOT NULL, cause INTEGER NOT NULL
)
"""


def insert_ends(file: sqlite3.Connection, ends: Sequence[CallEnd]) -> int:
    """Put them into the file; how many were new. One that is there already stays."""
    file.execute(_TABLE)
    rows = [(key_of(end.uniqueid, end.channel), end.answered, end.ended, end.cause) for end in ends]
    # in the order of the table, which then is gone through once
    rows.sort(key=lambda row: row[0] or 0)
    before = file.total_changes
    file.executemany("INSERT OR IGNORE INTO ends VALUES (?, ?, ?, ?)", rows)
    return file.total_changes - before


class Ends:
    """Puts ends to the records of one file that is open for reading."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file
        found = file.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'ends'")
        self._are_there = found.fetchone() is not None

    def with_end(self, record: CallRecord) -> CallRecord:
        """The record, with its end where that is known."""
        if not self._are_there or (key := key_of(record.uniqueid, record.channel)) is None:
            return record
        row = self._file.execute(
            "SELECT answered, ended, cause FROM ends WHERE key = ?", (key,)
        ).fetchone()
        return with_end(record, *row) if row else record
