"""Memory, disk, turns and locks: each bounded, and none that strangers can use up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.shaken.authority import Authority
from ringfence.attestation.certificate import Signer, validate
from ringfence.attestation.failure import Failure, Reason
from ringfence.attestation.roots import Roots
from ringfence.certificates.alone import alone
from ringfence.certificates.disk import MAGIC, STALE_SECONDS, DiskCache, Kept
from ringfence.certificates.http import BadAnswer, read_answer
from ringfence.certificates.lane import Lane, LaneFull
from ringfence.certificates.memory import LEAST_SECONDS, REFRESH_SECONDS, Memory
from ringfence.certificates.watched import Unreadable, Watched
from tests.certificates.conftest import Clock

NOBODY = Failure(Reason.NO_CERTIFICATE, "status 404")


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Signer:
    chain = authority.signer("818H").pem
    found = validate(chain, Roots([authority.root]), Clock().now)
    assert isinstance(found, Signer)
    return found


# -- memory ------------------------------------------------------------------------------------


def test_copies_of_a_certificate_crowd_out_no_signer_whose_signature_held(signer: Signer) -> None:
    memory, now = Memory(most_proven=4, most_new=4, most_failed=4), Clock().now
    memory.hold("https://honest", signer, now, now)
    assert memory.prove("https://honest")
    for n in range(100):
        memory.hold(f"https://copy/{n}", signer, now, now)
        memory.miss(f"https://none/{n}", NOBODY, now)
    assert memory.held("https://honest", now) is not None
    assert memory.sizes() == (1, 4, 4)


def test_what_was_asked_for_last_stays_the_longest(signer: Signer) -> None:
    memory, now = Memory(most_new=2), Clock().now
    for x5u in ("a", "b"):
        memory.hold(x5u, signer, now, now)
    assert memory.held("a", now)
    memory.hold("c", signer, now, now)
    assert [memory.held(x5u, now) is not None for x5u in "abc"] == [True, False, True]


def test_a_renewed_certificate_stays_proven(signer: Signer) -> None:
    memory, now = Memory(), Clock().now
    memory.hold("a", signer, now, now)
    memory.prove("a")
    memory.hold("a", signer, now, now)
    assert memory.sizes() == (1, 0, 0)
    assert not memory.prove("a")
    assert not memory.prove("unknown")


def test_what_is_held_again_has_not_failed(signer: Signer) -> None:
    memory, now = Memory(), Clock().now
    memory.miss("a", NOBODY, now)
    memory.hold("a", signer, now, now)
    assert memory.missed("a", now) is None


def test_a_failure_is_not_remembered_for_longer_because_the_clock_was_ahead() -> None:
    memory, now = Memory(), Clock().now
    memory.miss("a", NOBODY, now + 86_400)
    assert memory.missed("a", now + 86_400) == NOBODY
    assert memory.missed("a", now) is None


def test_near_its_end_a_certificate_is_fetched_ever_sooner_but_not_without_end(
    signer: Signer,
) -> None:
    memory = Memory()
    memory.hold("a", signer, signer.not_after - 40, signer.not_after - 40)
    held = memory.held("a", signer.not_after - 40)
    assert held is not None
    assert held.due == signer.not_after - 40 + LEAST_SECONDS
    memory.hold("a", signer, signer.not_after - 1_000, signer.not_after - 1_000)
    held = memory.held("a", signer.not_after - 1_000)
    assert held is not None
    assert held.due == signer.not_after - 250


def test_one_that_cannot_be_renewed_is_tried_less_and_less_often(signer: Signer) -> None:
    memory, now = Memory(), Clock().now
    memory.hold("a", signer, now, now)
    held = memory.held("a", now)
    assert held is not None
    assert held.due == now + REFRESH_SECONDS
    pauses = []
    for _ in range(20):
        held.put_off(now)
        pauses.append(held.due - now)
    assert pauses[:3] == [60, 120, 240]
    assert pauses[-1] == 3_600


# -- disk --------------------------------------------------------------------------------------


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path / "new" / "folder", 100)
    kept = Kept("https://a", 5.0, b"body")
    disk.save(kept)
    assert disk.load("https://a") == kept
    assert disk.load("https://b") is None
    assert (tmp_path / "new" / "folder" / "new").stat().st_mode & 0o777 == 0o700


def test_a_file_that_is_cut_off_or_changed_anywhere_is_as_good_as_none(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, 100)
    disk.save(Kept("https://a", 5.0, b"body"))
    (file,) = tmp_path.rglob("*.kept")
    good = file.read_bytes()
    for at in range(len(good)):
        file.write_bytes(good[:at])
        assert disk.load("https://a") is None
        file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert disk.load("https://a") is None


def test_the_file_of_another_address_is_not_taken_for_this_one(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, 100)
    disk.save(Kept("https://a", 5.0, b"a"))
    disk.save(Kept("https://b", 5.0, b"b"))
    disk.lock("https://a").with_suffix(".kept").replace(disk.lock("https://b").with_suffix(".kept"))
    assert disk.load("https://b") is None


@given(st.binary(max_size=200))
def test_no_file_is_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    disk = DiskCache(tmp_path_factory.mktemp("disk"), 100)
    disk.save(Kept("https://a", 5.0, b"body"))
    disk.lock("https://a").with_suffix(".kept").write_bytes(MAGIC + data)
    assert disk.load("https://a") is None
    assert list(disk.newest(9)) == []


def test_what_is_proven_survives_any_number_of_new_files(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, 100, most_new=3)
    disk.save(Kept("https://honest", 1.0, b"body"))
    disk.prove("https://honest")
    for n in range(9):
        disk.save(Kept(f"https://copy/{n}", 2.0, b"body"))
    disk.prune(now=1e10, oldest=0.0)
    assert disk.load("https://honest")
    assert [proven for _, proven in disk.newest(9)] == [True, False, False, False]


def test_a_renewed_file_stays_where_what_is_proven_lies(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, 100)
    disk.save(Kept("https://a", 1.0, b"old"))
    disk.prove("https://a")
    disk.save(Kept("https://a", 2.0, b"new"))
    assert list(disk.newest(9)) == [(Kept("https://a", 2.0, b"new"), True)]
    disk.prove("https://a")
    disk.prove("https://unknown")
    assert disk.load("https://a") == Kept("https://a", 2.0, b"new")


def test_a_folder_that_strangers_fill_is_pruned_before_it_is_far_above_its_bound(
    tmp_path: Path,
) -> None:
    disk, now = DiskCache(tmp_path, 1_000, most_new=8), Clock().now
    for n in range(2):
        disk.save(Kept(f"https://a.example/{n}", now, b"body"))
    assert not disk.is_crowded
    for n in range(20):
        disk.save(Kept(f"https://b.example/{n}", now, b"body"))
    assert disk.is_crowded
    disk.prune(now, now - 60)
    assert not disk.is_crowded
    assert len(list(tmp_path.rglob("*.kept"))) == 8


def test_what_a_killed_worker_left_behind_is_tidied_up(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, 100)
    disk.save(Kept("https://a", 1.0, b"body"))
    left = [disk.lock("https://b"), disk.lock("https://b").with_name(".new.x")]
    for path in left:
        path.write_bytes(b"")
    now = left[0].stat().st_mtime
    disk.prune(now, 0.0)
    assert all(path.exists() for path in left)
    disk.prune(now + STALE_SECONDS + 60, 0.0)
    assert not any(path.exists() for path in left)
    assert disk.load("https://a")


# -- locks -------------------------------------------------------------------------------------


async def test_of_many_one_is_alone_at_a_time_and_the_file_goes(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "a.lock", 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with alone(path, 10.0) as is_alone:
            assert is_alone
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(8)))
    assert most == 1
    assert not path.exists()


async def test_who_does_not_get_the_lock_in_time_goes_on_without(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    async with alone(path, 1.0), alone(path, 0.05) as is_alone:
        assert not is_alone


async def test_where_nothing_can_be_written_nobody_is_held_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with alone(tmp_path / "file" / "a.lock", 10.0) as is_alone:
        assert not is_alone


HOLDER = """
import asyncio, sys
from pathlib import Path
from ringfence.certificates.alone import alone
async def hold():
    async with alone(Path(sys.argv[1]), 5.0) as is_alone:
        print(is_alone, flush=True)
        await asyncio.sleep(60)
asyncio.run(hold())
"""


@contextlib.contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()


async def test_a_killed_worker_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holder(path) as process:
        async with alone(path, 0.05) as is_alone:
            assert not is_alone
        os.kill(process.pid, signal.SIGKILL)
        async with alone(path, 10.0) as is_alone:
            assert is_alone


# -- turns -------------------------------------------------------------------------------------


async def test_one_site_has_its_share_and_no_more() -> None:
    lane, go = Lane(at_once=4, of_one_site=2), asyncio.Event()
    inside: list[str] = []

    async def work(site: str) -> None:
        async with lane.turn(site):
            inside.append(site)
            await go.wait()

    tasks = [asyncio.create_task(work(site)) for site in (*["slow"] * 9, "a", "b", "c")]
    for _ in range(10):
        await asyncio.sleep(0)
    assert sorted(inside) == ["a", "b", "slow", "slow"]
    go.set()
    await asyncio.gather(*tasks)
    assert len(inside) == 12


async def test_a_full_lane_says_so_at_once() -> None:
    lane = Lane(at_once=1, of_one_site=1, queue=2, queue_of_one_site=1)
    async with lane.turn("a"):
        waiting = asyncio.create_task(_pass_through(lane, "a"))
        await asyncio.sleep(0)
        with pytest.raises(LaneFull):
            await _pass_through(lane, "a")
        other = asyncio.create_task(_pass_through(lane, "b"))
        await asyncio.sleep(0)
        with pytest.raises(LaneFull):
            await _pass_through(lane, "c")
    await asyncio.gather(waiting, other)
    await _pass_through(lane, "c")


async def test_who_gives_up_waiting_leaves_the_queue() -> None:
    lane = Lane(at_once=1, of_one_site=1, queue=1, queue_of_one_site=1)
    async with lane.turn("a"):
        for _ in range(5):
            waiting = asyncio.create_task(_pass_through(lane, "a"))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    await _pass_through(lane, "a")


async def test_fetches_keep_a_pace_when_a_burst_is_over() -> None:
    lane = Lane(pace=100.0, burst=5)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(_pass_through(lane, f"{n}.example") for n in range(5)))
    assert asyncio.get_running_loop().time() - began < 0.04
    await asyncio.gather(*(_pass_through(lane, f"{n}.example") for n in range(10)))
    assert 0.09 < asyncio.get_running_loop().time() - began < 1.0


async def _pass_through(lane: Lane, site: str) -> None:
    async with lane.turn(site):
        pass


# -- files, answers ----------------------------------------------------------------------------


def test_a_change_of_the_files_is_noticed_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    assert watched.changed()
    assert watched.read() == {}
    assert not watched.changed()
    (tmp_path / "a.pem").write_bytes(b"a")
    assert watched.changed()
    assert list(watched.read().values()) == [b"a"]
    (tmp_path / "notes.txt").write_text("none of ours")
    assert not watched.changed()
    (tmp_path / "a.pem").unlink()
    assert watched.changed()


def test_a_file_that_is_not_there_is_noticed_once_and_again_when_it_comes(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "a.pem")
    assert watched.changed()
    with pytest.raises(Unreadable, match=r"a\.pem: No such file"):
        watched.read()
    assert not watched.changed()
    (tmp_path / "a.pem").write_bytes(b"a")
    assert watched.changed()


@given(st.binary(max_size=300), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n"]))
async def test_no_answer_is_an_error_but_a_bad_one(data: bytes, front: bytes) -> None:
    reader = asyncio.StreamReader(limit=64)
    reader.feed_data(front + data)
    reader.feed_eof()
    with contextlib.suppress(BadAnswer):
        await read_answer(reader, 100)
