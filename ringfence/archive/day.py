"""One day's file: its name, its tables, how it is opened; knows no record and no Redis.

A file a day, as deleting a year-old day is then removing a file: deleting two million rows takes
minutes and leaves the file as large as it was. Days are those of UTC.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ringfence.archive.packing import DICTIONARY

SUFFIX = ".sqlite"
APPLICATION = 0x52464341
VERSION = 1
BUSY_SECONDS = 5.0
CACHE_KB = 32_000
"""Of the file that is written: the index of a busy day, so that rows are not written by reading."""
CHECKPOINT_PAGES = 4_000

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)\.sqlite", re.ASCII)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# `about` has one row. `fence` is the number of the lease that the last writer held: an older one
# is refused. `position` is the last entry of the stream that is in the archive when this commits.
_SCHEMA = f"""
CREATE TABLE about (fence INTEGER NOT NULL, position TEXT NOT NULL, dictionary BLOB NOT NULL);
CREATE TABLE calls (call INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, record BLOB NOT NULL);
CREATE TABLE terms (
  field INTEGER NOT NULL, value INTEGER NOT NULL, at INTEGER NOT NULL, call INTEGER NOT NULL,
  PRIMARY KEY (field, value, at, call)
) WITHOUT ROWID;
CREATE TABLE trunks (name TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""


class DayDamaged(Exception):  # noqa: N818 - what happened, in the past
    """A file that is none of ours, or not whole; the text says which and why."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path.name}: {why}")
        self.path = path
        self.why = why


class DayRefused(OSError):  # noqa: N818 - what happened, in the past
    """A file that is whole, and not for this Ringfence to read or write."""


def folder_in(state: Path) -> Path:
    """Where the archive is, in the directory of the state."""
    return state / "archive"


def day_path(folder: Path, day: date) -> Path:
    """Where a day is kept."""
    return folder / f"{day.isoformat()}{SUFFIX}"


def days_in(folder: Path) -> list[date]:
    """The days that there are files of, the newest first."""
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if match := _NAME.fullmatch(entry.name):
                with contextlib.suppress(ValueError):
                    found.append(date.fromisoformat(match[1]))
    return sorted(found, reverse=True)


def day_and_ms(moment: datetime) -> tuple[date, int]:
    """The day of a moment, and its milliseconds since that day began."""
    utc = moment.astimezone(UTC)
    return utc.date(), (utc - midnight(utc.date())) // timedelta(milliseconds=1)


def midnight(day: date) -> datetime:
    """When a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def open_to_write(path: Path) -> sqlite3.Connection:
    """The day's file, made where there is none. What is committed to it is on the disk."""
    new = not path.exists()
    if new:
        # for us alone, like all that callers' numbers lie in
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    # Used by one thread at a time, though not by the one that opened it.
    file = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    with _closed_if_not_whole(path, file):
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        file.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        file.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        # A process that was killed in between leaves an empty file.
        if file.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
            file.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}")
            file.execute("INSERT INTO about VALUES (0, '', ?)", (DICTIONARY,))
            file.execute("COMMIT")
        _check(path, file)
    if new:
        _sync_folder(path.parent)
    return file


def open_to_read(path: Path) -> sqlite3.Connection:
    """The day's file. DayDamaged where it is none; sqlite3.Error where it cannot be read now."""
    # `mode=ro` and not `immutable`: today's is being written to.
    file = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS,
        isolation_level=None, check_same_thread=False,
    )  # fmt: skip
    with _closed_if_not_whole(path, file):
        # one lock for all that is read, which of four hundred files is what takes the time
        file.execute("BEGIN")
        _check(path, file)
    return file


def remove_day(path: Path) -> None:
    """The file goes, with what SQLite has put beside it."""
    for each in beside(path):
        each.unlink(missing_ok=True)


def set_aside(damaged: Path) -> Path:
    """A damaged file out of the way, under another name: people may get something out of it.
    Whoever has it open lets go of it first."""
    target = next(
        path
        for n in range(1, 10_000)
        if not (path := damaged.with_name(f"{damaged.stem}.damaged-{n}")).exists()
    )
    for old, new in zip(beside(damaged), beside(target), strict=True):
        with contextlib.suppress(FileNotFoundError):
            old.rename(new)
    return target


def beside(path: Path) -> Iterator[Path]:
    """A day's file, and what SQLite may have put beside it, which it knows by name."""
    yield path
    for suffix in ("-wal", "-shm", "-journal"):
        yield path.with_name(path.name + suffix)


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file is broken, and not that it is busy or the disk full."""
    if isinstance(error, sqlite3.DatabaseError):
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED
    return False


def seal(file: sqlite3.Connection) -> None:
    """Nobody writes to it for now: readers then need no log beside it, which costs each of them
    more than the look-up. Where somebody reads it in this moment, it stays as it is."""
    with contextlib.suppress(sqlite3.OperationalError):
        file.execute("PRAGMA busy_timeout = 0")
        file.execute("PRAGMA journal_mode = DELETE")


@contextlib.contextmanager
def _closed_if_not_whole(path: Path, file: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        file.close()
        if is_damage(error):
            raise DayDamaged(path, str(error)) from None
        raise


def _check(path: Path, file: sqlite3.Connection) -> None:
    if file.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
        raise DayDamaged(path, "not one of Ringfence's files")
    (version,) = file.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        raise DayRefused(f"{path.name} is a later Ringfence's (version {version} of its tables)")


def _sync_folder(folder: Path) -> None:
    # a file whose name is not on the disk is gone after a power cut
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
