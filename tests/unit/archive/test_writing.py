"""Each record once in the file of its day, whoever writes and whenever that is killed."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest

from ringfence.archive.day import (
    DayDamaged,
    DayRefused,
    day_path,
    days_in,
    open_to_write,
    set_aside,
)
from ringfence.archive.reading import ArchiveReader
from ringfence.archive.writing import START, DayFiles, LeaseLost
from ringfence.calllog.filter import EVERYTHING
from ringfence.calllog.query import StreamId
from tests.unit.archive.parts import NOON, Put, entry, record

DAY = date(2026, 11, 20)


def numbers(folder: Path) -> list[str]:
    return [each.id for each in ArchiveReader(folder).newest(EVERYTHING)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def test_a_record_comes_out_of_the_file_of_its_day_as_it_went_in(put: Put, folder: Path) -> None:
    calls = [record(n, rule="gateway", action="block") for n in range(3)]
    assert put(*calls) == 3
    assert days_in(folder) == [DAY]
    assert list(ArchiveReader(folder).newest(EVERYTHING)) == calls[::-1]


def test_a_record_that_comes_again_is_not_there_twice(put: Put, folder: Path) -> None:
    assert put(record(1), record(2)) == 2
    assert put(record(2), record(3)) == 1
    assert numbers(folder) == [record(n).id for n in (3, 2, 1)]


def test_a_late_record_goes_to_the_day_of_its_own_time(put: Put, folder: Path) -> None:
    late = record(5, at=NOON - timedelta(days=3))
    put(record(1), late, record(2))
    assert days_in(folder) == [DAY, DAY - timedelta(days=3)]
    assert numbers(folder) == [record(2).id, record(1).id, late.id]


def test_how_far_it_is_stands_with_the_rows_of_the_newest_day_alone(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(record(1), record(2, at=NOON - timedelta(days=1)))
    assert files.progress().position == StreamId(1, 0)
    day_path(folder, DAY).unlink()
    assert files.progress().position == START


def test_killed_between_two_days_the_batch_comes_again_and_nothing_is_lost(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(record(1))
    files.close()
    broken = day_path(folder, DAY)
    good = broken.read_bytes()
    broken.write_bytes(b"no database at all, for a while")
    batch = [entry(record(2)), entry(record(3, at=NOON - timedelta(days=1)))]
    with pytest.raises(DayDamaged):
        files.write(batch, StreamId(9, 0), 1)
    broken.write_bytes(good)
    assert files.progress().position == StreamId(1, 0)
    assert files.write(batch, StreamId(9, 0), 1) == 1
    assert sorted(numbers(folder)) == sorted([record(1).id, *(each.record.id for each in batch)])


def test_an_older_holder_of_the_lease_is_refused_and_leaves_nothing(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(record(1), fence=7)
    with pytest.raises(LeaseLost):
        put(record(2), fence=6)
    assert numbers(folder) == [record(1).id]
    assert files.progress() == (StreamId(1, 0), 7)


def test_a_damaged_file_is_set_aside_under_another_name(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(record(1))
    files.close()
    day_path(folder, DAY).write_bytes(b"x" * 10_000)
    with pytest.raises(DayDamaged) as caught:
        put(record(2))
    files.close()
    assert set_aside(caught.value.path).name == "2026-11-20.damaged-1"
    assert put(record(1), record(2)) == 2
    assert len(numbers(folder)) == 2


def test_a_file_of_a_later_ringfence_is_left_as_it_is(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(record(1))
    files.close()
    with sqlite3.connect(day_path(folder, DAY)) as file:
        file.execute("PRAGMA user_version = 2")
    file.close()
    with pytest.raises(DayRefused, match="a later Ringfence's"):
        put(record(2))
    assert put(record(3, at=NOON + timedelta(days=1))) == 1


def test_a_file_that_a_kill_left_empty_is_used(files: DayFiles, folder: Path, put: Put) -> None:
    folder.mkdir()
    day_path(folder, DAY).touch()
    assert put(record(1)) == 1


def test_old_days_go_as_whole_files(put: Put, files: DayFiles, folder: Path) -> None:
    put(*(record(0, at=NOON - timedelta(days=n)) for n in range(5)))
    gone = files.remove_before(DAY - timedelta(days=1))
    assert gone == [DAY - timedelta(days=n) for n in (2, 3, 4)]
    assert days_in(folder) == [DAY, DAY - timedelta(days=1)]
    files.close()
    assert {path.suffix for path in folder.iterdir()} == {".sqlite"}


def test_what_a_caller_can_be_told_by_is_for_us_alone(put: Put, folder: Path) -> None:
    put(record(1))
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    file = open_to_write(tmp_path / "2026-11-20.sqlite")
    assert file.execute("PRAGMA synchronous").fetchone() == (2,)
    assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.close()


def test_a_file_that_is_closed_has_nothing_beside_it_for_readers(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(record(1))
    files.close()
    with sqlite3.connect(day_path(folder, DAY)) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    file.close()
    # and is written to again
    assert put(record(2)) == 1
    assert len(numbers(folder)) == 2


def test_a_reader_in_the_way_of_closing_loses_nothing(
    put: Put, files: DayFiles, folder: Path
) -> None:
    put(record(1), record(2))
    reading = ArchiveReader(folder).newest(EVERYTHING)
    assert next(reading).id == record(2).id
    files.close()
    assert next(reading).id == record(1).id
    reading.close()
    assert put(record(3)) == 1
    assert len(numbers(folder)) == 3
