"""Which record an end belongs to, and what is none."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from ringfence.calllog.ended import CallEnd, days_of, decode_end, encode_end, key_of, with_end
from ringfence.calllog.record import CallRecord, encode_record

NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
END = CallEnd(f"{NOON}.17", "PJSIP/carrier-a-0000001", NOON * 1000 + 4_000, NOON * 1000 + 9_500, 16)


def test_an_end_goes_through_redis_as_it_was() -> None:
    assert decode_end(encode_end(END)) == END
    unanswered = END._replace(answered=None)
    assert decode_end(encode_end(unanswered)) == unanswered


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff", b'["1.2","a",null]', b'["1.2","a",null,"x",0]',
     b'["1.2","a",5000,4000,16]', b'["1.2","a",-5,4000,16]', b'["1.2","a",null,4000,-1]',
     b'["1.2","a",null,99999999999999999,0]', b"[" * 10_000],
)  # fmt: skip
def test_what_is_no_end_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_end(data)


def test_two_channels_of_one_uniqueid_are_told_apart() -> None:
    keys = {
        key_of(uniqueid, channel)
        for uniqueid in (f"{NOON}.1", f"{NOON}.2", f"pbx-1-{NOON}.1", f"{NOON + 86_400}.1")
        for channel in ("PJSIP/a-1", "PJSIP/b-1")
    }
    assert len(keys) == 8
    assert all(key is not None and 0 <= key < 2**63 for key in keys)


def test_ends_of_one_second_lie_beside_each_other() -> None:
    keys = [key_of(f"{NOON + n // 10}.{n}", "PJSIP/a-1") or 0 for n in range(100)]
    assert [key >> 46 for key in keys] == sorted(key >> 46 for key in keys)


@pytest.mark.parametrize("uniqueid", ["", "x", "17", "1.2", "asterisk-x.y", "99999999999.1", "\0"])
def test_a_uniqueid_without_its_time_has_no_end(uniqueid: str) -> None:
    assert key_of(uniqueid, "PJSIP/a-1") is None
    assert days_of(END._replace(uniqueid=uniqueid)) == []


def at(hour: int, minute: int, system: str = "") -> CallEnd:
    second = int(datetime(2026, 11, 20, hour, minute, tzinfo=UTC).timestamp())
    return CallEnd(f"{system}{second}.1", "PJSIP/a-1", None, second * 1000 + 5_000, 16)


def test_an_end_near_midnight_belongs_to_either_day() -> None:
    day, before, after = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 21)
    assert days_of(at(12, 0)) == [day]
    assert days_of(at(12, 0, "pbx-1-")) == [day]
    assert days_of(at(23, 50)) == [day, after]
    assert days_of(at(0, 0)) == [before, day]


def test_a_clock_that_is_far_off_writes_into_no_day() -> None:
    assert days_of(END._replace(ended=END.ended + 40 * 86_400_000)) == []
    assert days_of(END._replace(ended=END.ended - 86_400_000)) == []


def test_a_record_is_told_its_end_and_the_stream_never_has_it() -> None:
    record = CallRecord(id="c1", time="2026-11-20T12:00:00.010Z")
    ended = with_end(record, *END[2:])
    assert (ended.answered, ended.ended) == ("2026-11-20T12:00:04.000Z", "2026-11-20T12:00:09.500Z")
    assert (ended.duration, ended.cause) == (5.5, 16)
    alone = with_end(record, None, END.ended, 19)
    assert (alone.answered, alone.duration) == ("", 0.0)
    assert {"answered", "duration"}.isdisjoint(msgspec.to_builtins(alone))
    assert encode_record(record) == b'{"id":"c1","time":"2026-11-20T12:00:00.010Z"}'
