"""Day files and a PostgreSQL server keep the same promises."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta
from itertools import islice

import pytest

from ringfence.archive.place import Place
from ringfence.archive.writing import START, LeaseLost, Progress
from ringfence.calllog.ended import CallEnd
from ringfence.calllog.filter import EVERYTHING, CallFilter
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord
from ringfence.verdict import Action, Noted
from tests.postgresql.parts import ids
from tests.unit.archive.parts import NOON, entry, record
from tests.unit.archive.test_reading import CALLS, QUESTIONS

DAY = date(2026, 11, 20)
AT = StreamId(1, 0)


def put(place: Place, *records: CallRecord, fence: int = 1, position: StreamId = AT) -> int:
    writer = place.writer()
    try:
        writer.progress()
        return writer.write([entry(each) for each in records], position, fence)
    finally:
        writer.close()


def progress(place: Place) -> Progress:
    with contextlib.closing(place.writer()) as writer:
        return writer.progress()


def test_an_archive_that_nobody_has_written_is_empty_and_no_error(place: Place) -> None:
    source = place.source()
    assert list(source.newest(EVERYTHING)) == []
    assert source.days(EVERYTHING) == []
    assert source.count(0.0, 4_000_000_000.0) == 0
    assert source.position() == START
    assert not source.away
    assert place.holding().days == []


def test_exactly_what_is_asked_for_is_found_newest_first(place: Place) -> None:
    put(place, *CALLS)
    for wanted in QUESTIONS:
        expected = [call for call in CALLS if wanted.matches(call)]
        source = place.source()
        found = list(source.newest(wanted))
        assert not source.away
        assert found == sorted(expected, key=lambda call: call.time, reverse=True), wanted


SECOND = [
    # a caller that the trunk wrote otherwise than rules saw it, with a rule that only noted it
    record(1, caller="5550199", caller_e164="+12025550199", called="7", noted=(
        Noted("watch", Action.BLOCK, True), Noted("both", Action.FLAG, True))),
    record(2, caller="+12025550199", caller_e164="+12025550199", rule="both", reason="rule",
           noted=(Noted("both", Action.FLAG, True),)),
    record(3, caller="5550199", caller_e164="", called="7", called_e164="+12025550007"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (CallFilter(caller="5550199"), [3, 1]),
        (CallFilter(caller="2025550199"), [2, 1]),
        (CallFilter(caller="5550199", called="7"), [3, 1]),
        (CallFilter(caller="5550199", called="2025550007"), [3]),
        (CallFilter(caller="5550199", rule="watch"), [1]),
        (CallFilter(rule="both"), [2, 1]),
        (CallFilter(caller="2025550199", called="7", rule="both"), [1]),
    ],
)
def test_each_number_and_each_rule_of_a_call_finds_it(
    place: Place, wanted: CallFilter, numbers: list[int]
) -> None:
    put(place, *SECOND)
    assert list(place.source().newest(wanted)) == [SECOND[n - 1] for n in numbers]


def test_a_long_answer_comes_whole_and_in_order(place: Place) -> None:
    # several of one millisecond, over more pages than one
    calls = [record(n, at=NOON - timedelta(days=n // 900)) for n in range(2_500)]
    calls += [record(5, id=f"{n:022x}", caller="7") for n in range(150)]
    put(place, *calls)
    found = ids(place)
    assert len(found) == len(set(found)) == 2_650
    times = [each.time for each in place.source().newest(EVERYTHING)]
    assert times == sorted(times, reverse=True)
    seven = list(place.source().newest(CallFilter(caller="7")))
    assert len(seven) == 150


def test_a_record_that_comes_again_is_not_there_twice(place: Place) -> None:
    assert put(place, record(1), record(2), record(2)) == 2
    assert put(place, record(2), record(3)) == 1
    assert ids(place) == [record(n).id for n in (3, 2, 1)]


def test_a_late_record_goes_to_the_day_of_its_own_time(place: Place) -> None:
    late = record(5, at=NOON - timedelta(days=3))
    put(place, record(1), late, record(2))
    assert place.source().days(EVERYTHING) == [DAY, DAY - timedelta(days=3)]
    assert ids(place) == [record(2).id, record(1).id, late.id]


def test_how_far_it_is_and_who_wrote_last_is_remembered(place: Place) -> None:
    put(place, record(1), fence=3, position=StreamId(7, 1))
    assert progress(place) == (StreamId(7, 1), 3)
    assert place.source().position() == StreamId(7, 1)


def test_an_older_holder_of_the_lease_is_refused_and_leaves_nothing(place: Place) -> None:
    put(place, record(1), fence=7)
    with pytest.raises(LeaseLost):
        put(place, record(2), fence=6, position=StreamId(9, 0))
    assert ids(place) == [record(1).id]
    assert progress(place) == (AT, 7)


def test_old_days_go(place: Place) -> None:
    put(place, *(record(0, at=NOON - timedelta(days=n)) for n in range(5)))
    writer = place.writer()
    assert writer.remove_before(DAY - timedelta(days=1)) == [
        DAY - timedelta(days=n) for n in (2, 3, 4)
    ]
    writer.close()
    assert place.holding().days == [DAY, DAY - timedelta(days=1)]
    assert len(ids(place)) == 2
    # what was spooled for longer than days are kept makes its day anew
    assert put(place, record(1, at=NOON - timedelta(days=4))) == 1
    assert len(ids(place)) == 3


def test_calls_of_a_span_are_counted_whatever_they_are(place: Place) -> None:
    put(place, *CALLS)
    noon = NOON.timestamp()
    source = place.source()
    assert source.count(noon + 1, noon + 3) == 3
    assert source.count(noon, noon + 90_000) == len(CALLS)
    assert source.count(noon - 90_000, noon - 1) == 0


def test_an_answer_may_be_left_early(place: Place) -> None:
    put(place, *CALLS)
    found = place.source().newest(EVERYTHING)
    assert [call.id for call in islice(found, 2)] == [CALLS[8].id, CALLS[7].id]
    found.close()


STRANGE = ["\0", "a\0b", "\ud800", "x" * 5_000, "é" * 2_000, "'; DROP TABLE ringfence_calls; --",
           "%s", "{}", "{a,b}", 'a"b\\c', "\u202e\u0000\U0010ffff", "NULL", " ", "\n"]  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE, ids=range(len(STRANGE)))
def test_what_strangers_wrote_is_kept_and_found_whatever_it_is(place: Place, strange: str) -> None:
    # a lone surrogate cannot come out of a stream, where texts are UTF-8
    written = strange.encode("utf-8", "replace").decode()
    fields = ("caller", "called", "trunk", "provider", "sip_call_id", "signer", "callee", "rule")
    call = record(1, **dict.fromkeys((*fields, "action", "label", "caller_name"), written))
    put(place, call, record(2))
    assert len(ids(place)) == 2
    for field in fields:
        wanted = CallFilter(**{field: strange})
        if field == "trunk" and "*" not in strange:
            assert call in [*place.source().newest(wanted)] or not wanted.matches(call)
        else:
            found = list(place.source().newest(wanted))
            assert found == ([call] if wanted.matches(call) else []), field


def test_an_id_that_is_none_of_ours_is_found_too(place: Place) -> None:
    for id in ("x", "y" * 9_000, "\0", "ü"):
        assert put(place, record(1, id=id)) == 1
        assert put(place, record(1, id=id)) == 0
        assert [each.id for each in place.source().newest(CallFilter(id=id))] == [id]


END = CallEnd("1795176001.7", "PJSIP/a-1", 1_795_176_003_000, 1_795_176_063_500, 16)


def test_an_end_is_shown_with_its_call_whichever_came_first(place: Place) -> None:
    calls = [record(n, uniqueid=f"1795176001.{n}", channel=f"PJSIP/a-{n - 6}") for n in (7, 8)]
    ends = [END, END._replace(uniqueid="1795176001.8", channel="PJSIP/a-2", answered=None)]
    put(place, calls[0])
    writer = place.writer()
    writer.progress()
    assert writer.write_ends(ends, 1) == 2
    assert writer.write_ends([ends[0]._replace(cause=99)], 1) == 0
    writer.close()
    put(place, calls[1])
    unanswered, answered = place.source().newest(EVERYTHING)
    assert (answered.duration, answered.cause) == (60.5, 16)
    assert unanswered.ended
    assert not unanswered.answered
    (one,) = place.source().newest(CallFilter(id=calls[0].id))
    assert one == answered


def test_an_end_by_an_older_holder_of_the_lease_is_refused(place: Place) -> None:
    put(place, record(7, uniqueid=END.uniqueid, channel=END.channel), fence=7)
    writer = place.writer()
    writer.progress()
    with pytest.raises(LeaseLost):
        writer.write_ends([END], 6)
    writer.close()
    (call,) = place.source().newest(EVERYTHING)
    assert not call.ended
