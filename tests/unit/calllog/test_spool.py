"""Records on disk before anything else, within bounds, whatever the disk does."""

import errno
import os
from pathlib import Path
from random import Random

import pytest
from structlog import get_logger
from structlog.testing import capture_logs

from ringfence.calllog import segment as segment_module
from ringfence.calllog import spool as spool_module
from ringfence.calllog.folders import SpoolFolder, own_folder
from ringfence.calllog.losses import LossLog
from ringfence.calllog.segment import Line, find_segments
from ringfence.calllog.spool import Spool


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Disk:
    """A disk that is full when told so, takes half a line, or does not let go of it."""

    full = False
    half = False
    stuck = False

    def write(self, descriptor: int, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.half:
            return os.write(descriptor, data[: len(data) // 2])
        return os.write(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        if self.stuck:
            raise OSError(errno.EIO, "Input/output error")
        os.ftruncate(descriptor, size)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def losses() -> LossLog:
    return LossLog(get_logger())


@pytest.fixture
def spool(folder: SpoolFolder, losses: LossLog, clock: Clock, disk: Disk) -> Spool:
    return Spool(folder, losses, timer=clock, write=disk.write, truncate=disk.truncate)


@pytest.fixture
def folder(tmp_path: Path) -> SpoolFolder:
    return own_folder(tmp_path, "w1")


def shipped(spool: Spool) -> list[bytes]:
    found = []
    while lines := spool.peek(10, 1_000_000):
        found += [line.record for line in lines]
        spool.acknowledge(lines[-1].sequence)
    return found


def left_behind(folder: SpoolFolder) -> list[bytes]:
    return [line.record for trail in folder.leftovers() for line in trail.peek(10_000, 10**9)]


def test_a_record_is_on_disk_when_append_returns(folder, spool):
    spool.append(b"one")
    spool.append(b"two")
    assert left_behind(folder) == [b"one", b"two"]


def test_records_are_shipped_in_order_while_more_come(folder, losses):
    spool = Spool(folder, losses, segment_size=100)
    records = [b"record %d" % n for n in range(50)]
    for record in records[:25]:
        spool.append(record)
    first = shipped(spool)
    for record in records[25:]:
        spool.append(record)
    assert first + shipped(spool) == records
    assert spool.pending == 0


def test_a_full_spool_drops_the_new_records_with_a_count(folder, losses):
    spool = Spool(folder, losses, limit=1_000)
    with capture_logs() as told:
        kept = [n for n in range(100) if spool.append(b"record %02d" % n)]
    assert kept == [*range(len(kept))]
    assert 20 < len(kept) < 100
    assert spool.size <= 1_000
    assert losses.total == 100 - len(kept)
    assert [line["log_level"] for line in told] == ["error"]
    assert len(shipped(spool)) == len(kept)


def test_a_spool_that_was_full_takes_records_again_when_redis_has_taken_some(folder, losses):
    spool = Spool(folder, losses, limit=1_000)
    while spool.append(b"record"):
        pass
    shipped(spool)
    assert spool.append(b"again")
    assert shipped(spool) == [b"again"]


def test_what_earlier_runs_left_counts_towards_the_limit(folder, losses):
    first = Spool(folder, losses, limit=1_000)
    while first.append(b"record"):
        pass
    second = Spool(folder, losses, limit=1_000)
    assert not second.append(b"record")


def test_a_full_disk_loses_nothing_that_memory_can_hold(folder, spool, losses, disk, clock):
    spool.append(b"one")
    disk.full = True
    assert spool.append(b"two")
    assert spool.append(b"three")
    disk.full = False
    assert spool.append(b"four")
    assert left_behind(folder) == [b"one"]
    clock.now = 2.0
    assert spool.append(b"five")
    assert left_behind(folder) == [b"one", b"two", b"three", b"four", b"five"]
    assert shipped(spool) == [b"one", b"two", b"three", b"four", b"five"]
    assert losses.total == 0


def test_records_in_memory_are_shipped_too_and_not_twice(spool, disk, clock):
    disk.full = True
    spool.append(b"one")
    spool.append(b"two")
    spool.acknowledge(spool.peek(1, 100)[0].sequence)
    disk.full = False
    clock.now = 2.0
    spool.append(b"three")
    assert shipped(spool) == [b"two", b"three"]


def test_memory_for_a_full_disk_is_bounded_and_says_so_once(spool, losses, disk):
    disk.full = True
    with capture_logs() as told:
        kept = sum(spool.append(b"x" * 60_000) for _ in range(200))
    assert kept * 60_000 <= spool_module.MEMORY_LIMIT
    assert losses.total == 200 - kept > 0
    assert len(told) == 2


def test_a_half_written_line_is_taken_back(folder, spool, disk, clock):
    spool.append(b"one")
    disk.half = True
    spool.append(b"two")
    disk.half = False
    clock.now = 2.0
    spool.append(b"three")
    assert left_behind(folder) == [b"one", b"two", b"three"]
    assert spool.damaged == 0


def test_a_half_written_line_that_stays_costs_no_other(folder, spool, disk, clock):
    spool.append(b"one")
    disk.half = True
    disk.stuck = True
    spool.append(b"two")
    disk.half = False
    clock.now = 2.0
    spool.append(b"three")
    assert left_behind(folder) == [b"one", b"two", b"three"]
    assert shipped(spool) == [b"one", b"two", b"three"]


def test_a_deleted_folder_loses_nothing_while_the_process_lives(folder, spool):
    spool.append(b"one")
    for path in folder.path.iterdir():
        path.unlink()
    folder.path.rmdir()
    spool.append(b"two")
    assert shipped(spool) == [b"one", b"two"]


def test_a_spool_that_is_all_shipped_leaves_no_file(folder, losses):
    spool = Spool(folder, losses, segment_size=100)
    for n in range(50):
        spool.append(b"record %d" % n)
    shipped(spool)
    assert spool.close()
    assert find_segments(folder.path) == {}


def test_a_spool_that_is_not_all_shipped_keeps_the_rest_for_the_next_run(folder, spool):
    spool.append(b"one")
    spool.append(b"two")
    spool.acknowledge(1)
    assert not spool.close()
    (trail,) = folder.leftovers()
    trail.acknowledge(1)
    assert [line.record for line in trail.peek(10, 1_000)] == [b"two"]


def test_records_in_memory_reach_the_disk_on_close(folder, spool, disk):
    disk.full = True
    spool.append(b"one")
    disk.full = False
    spool.close()
    assert left_behind(folder) == [b"one"]


@pytest.mark.parametrize("ahead", [0, 30, 250_000])
@pytest.mark.parametrize("seed", range(6))
def test_records_come_out_in_order_whatever_goes_on_and_however_many_memory_holds(
    folder, losses, clock, disk, monkeypatch, ahead, seed
):
    monkeypatch.setattr(segment_module, "AHEAD", ahead)
    chance = Random(seed)
    spool = Spool(
        folder, losses, segment_size=60, timer=clock, write=disk.write, truncate=disk.truncate
    )
    kept: list[bytes] = []
    shipped_to = 0

    def append() -> None:
        kept.append(b"record %d" % len(kept))
        assert spool.append(kept[-1])

    def ship(lines: list[Line]) -> None:
        nonlocal shipped_to
        assert [line.record for line in lines] == kept[shipped_to : shipped_to + len(lines)]
        shipped_to += len(lines)
        if lines:
            spool.acknowledge(lines[-1].sequence)

    for _ in range(80):
        match chance.choice(["append"] * 4 + ["ship", "look", "rewind", "half", "full"]):
            case "append":
                clock.now += 2.0
                append()
            case "half" | "full" as how:
                setattr(disk, how, True)
                disk.stuck = chance.random() < 0.5
                append()
                disk.half = disk.full = disk.stuck = False
                clock.now += 2.0
                append()  # what was in memory is on the disk again
            case "ship":
                ship(spool.peek(chance.randrange(1, 9), 1_000))
            case "look":
                spool.peek(chance.randrange(1, 9), chance.randrange(1, 100))
            case "rewind" if found := find_segments(folder.path):
                # as far as the oldest file that is kept
                ((oldest, *_),) = found.values()
                shipped_to = min(shipped_to, oldest.first - 1)
                spool.rewind(shipped_to)
    while lines := spool.peek(9, 1_000):
        ship(lines)
    assert shipped_to == len(kept)
    assert spool.close()
