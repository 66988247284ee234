"""Who may write to and drain which spool folder."""

import pytest

from ringfence.calllog.folders import SpoolFailed, orphans, own_folder
from ringfence.calllog.segment import encode_line, segment_path


def test_two_processes_of_one_name_get_folders_of_their_own(tmp_path):
    first, second = own_folder(tmp_path, "w1"), own_folder(tmp_path, "w1")
    assert (first.path.name, second.path.name) == ("w1", "w1.1")


def test_a_released_folder_is_taken_again(tmp_path):
    own_folder(tmp_path, "w1").release()
    assert own_folder(tmp_path, "w1").path.name == "w1"


def test_only_folders_with_records_that_nobody_holds_are_orphans(tmp_path):
    running, gone, empty = (own_folder(tmp_path, name) for name in ("running", "gone", "empty"))
    for folder in (running, gone):
        segment_path(folder.path, "0" * 32, 1).write_bytes(encode_line(1, b"{}"))
    gone.release()
    empty.release()
    assert [folder.path.name for folder in orphans(tmp_path)] == ["gone"]


def test_an_orphan_that_is_being_drained_is_nobody_elses(tmp_path):
    folder = own_folder(tmp_path, "gone")
    segment_path(folder.path, "0" * 32, 1).write_bytes(encode_line(1, b"{}"))
    folder.release()
    taken = list(orphans(tmp_path))
    assert len(taken) == 1
    assert list(orphans(tmp_path)) == []
    assert own_folder(tmp_path, "gone").path.name == "gone.1"


@pytest.mark.parametrize("name", ["", "../w", "a/b", ".w", "w" * 65])
def test_a_worker_name_that_is_no_folder_name_is_refused(tmp_path, name):
    with pytest.raises(SpoolFailed, match="worker name"):
        own_folder(tmp_path, name)


def test_a_state_directory_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SpoolFailed, match=r"\Aspool folder .*RINGFENCE_STATE_DIR\Z"):
        own_folder(tmp_path / "file", "w1")
