"""An end is put to its record, whichever came first; files without ends are read as ever."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ringfence.archive.day import day_path, days_in, open_to_write
from ringfence.archive.reading import ArchiveReader
from ringfence.archive.writing import DayFiles, LeaseLost
from ringfence.calllog.ended import CallEnd
from ringfence.calllog.filter import EVERYTHING, CallFilter
from ringfence.calllog.record import CallRecord
from tests.unit.archive.parts import NOON, Put, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def call(number: int = 0, **fields: Any) -> CallRecord:
    second = int(NOON.timestamp()) + number
    return record(number, **{"uniqueid": f"{second}.{number}", "channel": f"PJSIP/a-{number}",
                             **fields})  # fmt: skip


def end(number: int = 0, seconds: float | None = 60.0) -> CallEnd:
    second = int(NOON.timestamp()) + number
    answered = None if seconds is None else second * 1000 + 3_000
    ended = second * 1000 + 3_000 + int((seconds or 0) * 1000)
    return CallEnd(f"{second}.{number}", f"PJSIP/a-{number}", answered, ended, 16)


def durations(folder: Path) -> list[float | None]:
    """Oldest first; None where the end is not known."""
    found = ArchiveReader(folder).newest(EVERYTHING)
    return [each.duration if each.ended else None for each in found][::-1]


def test_an_end_that_comes_after_its_record_is_put_to_it(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(call(1), call(2), call(3))
    assert files.write_ends([end(3, 1.5), end(1, None)], 1) == 2
    assert durations(folder) == [0.0, None, 1.5]
    (found,) = ArchiveReader(folder).newest(CallFilter(id=call(3).id))
    assert (found.duration, found.cause) == (1.5, 16)


def test_an_end_that_comes_before_its_record_waits_for_it(
    put: Put, files: DayFiles, folder: Path
) -> None:
    files.progress()
    assert files.write_ends([end(1)], 1) == 1
    assert durations(folder) == []
    put(call(1))
    assert durations(folder) == [60.0]


def test_an_end_that_comes_again_changes_nothing(put: Put, files: DayFiles, folder: Path) -> None:
    put(call(1))
    assert files.write_ends([end(1)], 1) == 1
    assert files.write_ends([end(1), end(1, 90.0), end(2)], 1) == 1
    assert durations(folder) == [60.0]


def test_another_channel_of_the_same_uniqueid_is_another_call(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(call(1, channel="PJSIP/other-1"))
    files.write_ends([end(1)], 1)
    assert durations(folder) == [None]


def test_a_call_of_the_last_minute_before_midnight_has_its_end_on_the_next_day(
    put: Put, files: DayFiles, folder: Path
) -> None:
    midnight = NOON + timedelta(hours=12)
    before = int(midnight.timestamp()) - 2
    put(call(0, at=midnight + timedelta(seconds=1), uniqueid=f"{before}.5", channel="PJSIP/a-5"))
    files.write_ends([CallEnd(f"{before}.5", "PJSIP/a-5", None, before * 1000 + 9_000, 16)], 1)
    assert durations(folder) == [0.0]


def test_an_older_holder_of_the_lease_writes_no_end(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(call(1), fence=7)
    with pytest.raises(LeaseLost):
        files.write_ends([end(1)], 6)
    assert durations(folder) == [None]


def test_how_far_the_archive_is_does_not_change_with_an_end(put: Put, files: DayFiles) -> None:
    put(call(1))
    before = files.progress().position
    files.write_ends([end(1)], 1)
    assert files.progress().position == before


def test_a_file_of_before_there_were_ends_is_read_and_gets_them(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(call(1))
    files.close()
    file = open_to_write(day_path(folder, NOON.date()))
    assert file.execute("SELECT name FROM sqlite_schema WHERE name = 'ends'").fetchall() == []
    file.close()
    assert durations(folder) == [None]
    files.write_ends([end(1)], 1)
    assert durations(folder) == [60.0]


def test_an_end_of_no_day_makes_no_file(files: DayFiles, folder: Path) -> None:
    files.progress()
    odd = [end(1)._replace(uniqueid="x"), end(1)._replace(uniqueid="1000000000.1")]
    assert files.write_ends(odd, 1) == 0
    assert days_in(folder) == []


def test_a_busy_file_keeps_nothing_of_a_batch(put: Put, files: DayFiles, folder: Path) -> None:
    put(call(1))
    files.close()
    path = day_path(folder, NOON.date())
    with sqlite3.connect(path) as file:
        file.execute("CREATE VIEW ends AS SELECT 1 AS key")
    file.close()
    with pytest.raises(sqlite3.Error):
        files.write_ends([end(1)], 1)
    files.close()
    assert durations(folder) == [None]
