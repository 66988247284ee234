"""The archive answers as the stream does, newest first, and of few files."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from ringfence.archive.day import day_path
from ringfence.archive.reading import ArchiveReader
from ringfence.archive.writing import DayFiles
from ringfence.calllog.filter import EVERYTHING, CallFilter
from ringfence.calllog.record import CallRecord
from ringfence.verdict import Action, Noted
from tests.unit.archive.parts import NOON, Put, record

CALLS = [
    record(0),
    record(1, caller="anonymous", caller_e164="", anonymous=True),
    record(2, called="911", called_e164=""),
    record(3, trunk="carrier-b2", provider="acme", sip_call_id="x@192.0.2.1"),
    record(4, rule="gateway", reason="rule", action="block", signer="1234", callee="shop"),
    record(5, noted=(Noted("gateway", Action.BLOCK, True),), trunk=""),
    record(6, caller="alice", caller_e164="", trunk="carrier-b1", action="flag", reason="score"),
    record(0, at=NOON + timedelta(days=1), trunk="carrier-b1"),
    record(1, at=NOON + timedelta(days=1), caller="0113015550199"),
]
QUESTIONS = [
    EVERYTHING,
    CallFilter(caller="301 555 0199"),
    CallFilter(caller="anonymous"),
    CallFilter(caller="alice"),
    CallFilter(caller="bob"),
    CallFilter(called="911"),
    CallFilter(trunk="carrier-b*"),
    CallFilter(trunk="carrier-b1"),
    CallFilter(trunk="*"),
    CallFilter(trunk="z*"),
    CallFilter(trunk="carrier-*", caller="3015550199"),
    CallFilter(provider="acme"),
    CallFilter(rule="gateway"),
    CallFilter(rule="(score)"),
    CallFilter(rule="(no-rule)"),
    CallFilter(action="block"),
    CallFilter(action="allow"),
    CallFilter(action="block", caller="3015550199", called="2025550123"),
    CallFilter(signer="1234"),
    CallFilter(callee="shop"),
    CallFilter(sip_call_id="x@192.0.2.1"),
    CallFilter(id=CALLS[4].id),
    CallFilter(id="nonsense"),
    CallFilter(since=NOON.timestamp() + 4),
    CallFilter(until=NOON.timestamp() + 4),
    CallFilter(since=NOON.timestamp() + 4, until=NOON.timestamp() + 4.0005),
    CallFilter(since=NOON.timestamp() + 86_400, trunk="carrier-b*"),
    CallFilter(since=4_000_000_000.0),
]


@pytest.fixture
def reader(put: Put, files: DayFiles, tmp_path: Path) -> ArchiveReader:
    put(*CALLS)
    files.close()
    return ArchiveReader(tmp_path / "archive")


@pytest.mark.parametrize("wanted", QUESTIONS)
def test_exactly_what_is_asked_for_is_found_newest_first(
    reader: ArchiveReader, wanted: CallFilter
) -> None:
    expected = [call for call in CALLS if wanted.matches(call)]
    assert list(reader.newest(wanted)) == sorted(expected, key=_time, reverse=True)


def _time(call: CallRecord) -> str:
    return call.time


def test_every_question_here_finds_something_or_is_meant_not_to() -> None:
    empty = [wanted for wanted in QUESTIONS if not any(map(wanted.matches, CALLS))]
    assert len(empty) == 4


def test_a_question_for_one_call_opens_one_file(reader: ArchiveReader) -> None:
    assert reader.days(CallFilter(id=CALLS[4].id)) == [NOON.date()]
    assert len(reader.days(EVERYTHING)) == 2
    assert reader.days(CallFilter(since=NOON.timestamp() + 86_400)) == [
        NOON.date() + timedelta(days=1)
    ]


def test_an_answer_may_be_left_early(reader: ArchiveReader) -> None:
    found = reader.newest(EVERYTHING)
    assert [call.id for call in islice(found, 2)] == [CALLS[8].id, CALLS[7].id]
    found.close()


def test_calls_of_a_span_are_counted_whatever_they_are(reader: ArchiveReader) -> None:
    noon = NOON.timestamp()
    assert reader.count(noon + 1, noon + 3) == 3
    assert reader.count(noon, noon + 90_000) == len(CALLS)
    assert reader.count(noon - 90_000, noon - 1) == 0


def test_a_day_that_cannot_be_read_is_named_and_the_others_answer(
    reader: ArchiveReader, tmp_path: Path
) -> None:
    day_path(tmp_path / "archive", NOON.date()).write_bytes(b"broken" * 1_000)
    assert len(list(reader.newest(EVERYTHING))) == 2
    assert list(reader.unread) == [NOON.date()]


def test_without_a_folder_there_is_nothing_and_no_error(tmp_path: Path) -> None:
    reader = ArchiveReader(tmp_path / "nowhere")
    assert list(reader.newest(EVERYTHING)) == []
    assert reader.count(0.0, 4_000_000_000.0) == 0
