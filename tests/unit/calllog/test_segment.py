"""Lines of a spool and the way through them."""

from pathlib import Path

from ringfence.calllog.segment import (
    CHUNK,
    Line,
    Trail,
    decode_line,
    encode_line,
    find_segments,
    segment_path,
)

WRITER = "0" * 32


def segments(folder: Path, *contents: bytes, first: int = 1) -> Trail:
    for content in contents:
        path = segment_path(folder, WRITER, first)
        path.write_bytes(content)
        first += content.count(b"\n")
    return Trail(WRITER, find_segments(folder)[WRITER], complete=True)


def lines(*sequences: int) -> bytes:
    return b"".join(encode_line(n, b"record %d" % n) for n in sequences)


def everything(trail: Trail) -> list[int]:
    found = []
    while batch := trail.peek(3, 10_000_000):
        found += [line.sequence for line in batch]
        trail.acknowledge(found[-1])
    return found


def test_a_line_reads_back():
    assert decode_line(encode_line(7, b'{"a": "b c"}')[:-1]) == Line(7, b'{"a": "b c"}')


def test_a_line_that_is_torn_anywhere_is_none():
    line = encode_line(7, b"record")[:-1]
    assert all(decode_line(line[:end]) is None for end in range(len(line)))


def test_a_trail_is_read_in_order_across_segments(tmp_path):
    assert everything(segments(tmp_path, lines(1, 2), lines(3, 4, 5), lines(6))) == [*range(1, 7)]


def test_the_same_lines_are_handed_out_until_they_are_acknowledged(tmp_path):
    trail = segments(tmp_path, lines(1, 2, 3))
    assert trail.peek(2, 1_000) == trail.peek(2, 1_000)
    trail.acknowledge(1)
    assert [line.sequence for line in trail.peek(2, 1_000)] == [2, 3]


def test_a_torn_last_line_is_skipped_and_counted(tmp_path):
    trail = segments(tmp_path, lines(1, 2) + lines(3)[:-4])
    assert everything(trail) == [1, 2]
    assert trail.damaged == 1


def test_damage_in_the_middle_costs_only_its_own_line(tmp_path):
    torn = lines(2)[:-4] + b"\n"
    trail = segments(tmp_path, lines(1) + torn + b"\n\xff garbage\n" + lines(3), lines(6))
    assert everything(trail) == [1, 3, 6]
    assert trail.damaged == 3


def test_a_line_longer_than_any_record_is_skipped(tmp_path):
    trail = segments(tmp_path, lines(1) + b"x" * (CHUNK * 2 + 5) + b"\n" + lines(2))
    assert everything(trail) == [1, 2]
    assert trail.damaged > 0


def test_a_segment_that_somebody_deleted_is_counted_and_the_rest_is_read(tmp_path):
    trail = segments(tmp_path, lines(1), lines(2), lines(3))
    segment_path(tmp_path, WRITER, 2).unlink()
    assert everything(trail) == [1, 3]
    assert trail.missing == 1


def test_a_batch_is_bounded_in_bytes(tmp_path):
    assert len(segments(tmp_path, lines(1, 2, 3, 4)).peek(100, 30)) == 2


def test_acknowledged_segments_are_deleted_all_but_the_newest_finished_one(tmp_path):
    trail = segments(tmp_path, lines(1), lines(2), lines(3))
    everything(trail)
    assert [segment.first for segment in find_segments(tmp_path)[WRITER]] == [2, 3]
    trail.remove()
    assert find_segments(tmp_path) == {}
    assert trail.size == 0


def test_after_a_rewind_what_is_still_there_is_read_again(tmp_path):
    trail = segments(tmp_path, lines(1), lines(2), lines(3), lines(4))
    everything(trail)
    trail.rewind(0)
    assert everything(trail) == [3, 4]


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "lock").touch()
    (tmp_path / "notes.spool").touch()
    assert find_segments(tmp_path) == {}
