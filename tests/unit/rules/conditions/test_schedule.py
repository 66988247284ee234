"""Hours of the week by the clock on the wall, summer and winter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringfence.call import Call
from ringfence.numbers import ANONYMOUS
from ringfence.rules.match import compile_value

CALL = Call(caller=ANONYMOUS, called=ANONYMOUS)
OFFICE = "mon-fri 08:00-17:30 America/New_York"


def within(schedule: str, moment: str) -> bool:
    at = datetime.fromisoformat(moment).timestamp()
    return bool(compile_value("schedule", schedule).test(CALL, {}, at))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20T13:00:00Z", True),  # Friday 08:00 in New York, winter
        ("2026-11-20T12:59:59Z", False),
        ("2026-11-20T22:29:59Z", True),
        ("2026-11-20T22:30:00Z", False),
        ("2026-11-21T15:00:00Z", False),  # Saturday
        ("2026-07-10T12:00:00Z", True),  # Friday 08:00, summer
        ("2026-07-10T11:59:59Z", False),
        ("2026-07-10T21:30:00Z", False),
    ],
)
def test_the_contracts_schedule_follows_summer_and_winter(moment: str, expected: bool) -> None:
    assert within(OFFICE, moment) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20T22:00:00Z", True),  # Friday
        ("2026-11-21T05:59:59Z", True),  # the night that began on Friday
        ("2026-11-21T06:00:00Z", False),
        ("2026-11-21T22:00:00Z", False),  # Saturday's own night
        ("2026-11-20T05:00:00Z", False),  # the night that began on Thursday
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(
    moment: str, expected: bool
) -> None:
    assert within("fri 22:00-06:00 UTC", moment) is expected


def test_an_hour_that_comes_twice_is_in_both_times() -> None:
    # New York, 1 November 2026: 01:30 comes at 05:30 UTC and again at 06:30
    for moment in ("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"):
        assert within("sun 01:00-02:00 America/New_York", moment)
    assert not within("sun 01:00-02:00 America/New_York", "2026-11-01T07:30:00Z")


def test_an_hour_that_is_left_out_never_comes() -> None:
    # New York, 8 March 2026: 01:59 is followed by 03:00, at 07:00 UTC
    for minute in range(0, 180, 10):
        at = datetime(2026, 3, 8, 6, tzinfo=UTC) + timedelta(minutes=minute)
        assert not within("sun 02:00-03:00 America/New_York", at.isoformat())


@pytest.mark.parametrize(
    ("days", "on"),
    [
        ("mon-fri", "0123 4"),
        ("sat,sun", "56"),
        ("fri-mon", "4560"),
        ("mon,wed-fri", "0234"),
        ("sun", "6"),
        ("tue-tue", "1"),
        ("Mon - Fri", "01234"),
        ("mon, tue", "01"),
    ],
)
def test_days_are_lists_and_ranges_that_may_go_over_the_weekend(days: str, on: str) -> None:
    for day in range(7):
        moment = f"2026-11-{16 + day}T12:00:00Z"  # the 16th is a Monday
        assert within(f"{days} UTC", moment) is (str(day) in on)


def test_without_days_every_day_is_meant_and_without_hours_the_whole_day() -> None:
    assert within("09:00-10:00 UTC", "2026-11-22T09:30:00Z")
    for moment in ("2026-11-22T00:00:00Z", "2026-11-22T23:59:59Z"):
        assert within("sun UTC", moment)
        assert within("sun 00:00-24:00 UTC", moment)
    assert not within("sun 22:00-24:00 UTC", "2026-11-23T00:00:00Z")


def test_the_evidence_says_what_time_it_was_there() -> None:
    at = datetime(2026, 11, 20, 14, 5, tzinfo=UTC).timestamp()
    said = compile_value("schedule", OFFICE).test(CALL, {}, at)
    assert said == f"{OFFICE} (fri 09:05)"


@pytest.mark.parametrize(
    ("schedule", "hint"),
    [
        ("", "no days|write days"),
        ("UTC", "write days, hours or both"),
        ("mon-fri", "no time zone"),
        ("08:00-17:30", "no time zone"),
        ("mon-fri 08:00-17:30", "no time zone"),
        ("monday UTC", "are no days"),
        ("mon-fry UTC", "are no days"),
        ("mon,,tue UTC", "are no days"),
        ("mon tue UTC", "write days"),
        ("08:00-09:00 10:00-11:00 UTC", "write days"),
        ("8-17 UTC", "are no days"),
        ("08:00-25:00 UTC", "are no hours"),
        ("24:00-08:00 UTC", "are no hours"),
        ("08:60-09:00 UTC", "are no hours"),
        ("08:00-08:00 UTC", "are no hours"),
        ("8:00-17:3 UTC", "are no hours"),
        ("mon Mars/Olympus", "no time zone"),
        ("mon America", "no time zone"),
        ("mon ../../etc/passwd", "no time zone"),
        ("mon /etc/localtime", "no time zone"),
        ("mon " + "x" * 300, "no time zone"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_to_write(schedule: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint) as refused:
        compile_value("schedule", schedule)
    assert "\n" not in str(refused.value)


NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = (
    *("UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"),
    *("Pacific/Apia", "America/St_Johns"),
)
# Hours around the changes of the clock in these zones, besides any time in two years.
MOMENTS = st.integers(1_767_225_600, 1_830_297_600) | st.builds(
    lambda day, second: day + second,
    st.sampled_from([1_772_928_000, 1_774_742_400, 1_793_491_200, 1_792_886_400, 1_775_260_800]),
    st.integers(0, 2 * 86_400),
)


def plainly(days: frozenset[int], begin: int, end: int, zone: str, at: int) -> bool:
    """Lay the hours of the day before and of the day itself out on the wall's calendar."""
    wall = datetime.fromtimestamp(at, ZoneInfo(zone)).replace(tzinfo=None)
    midnight = wall.replace(hour=0, minute=0, second=0)
    for first in (midnight - timedelta(days=1), midnight):
        length = end - begin if end > begin else end - begin + 1440
        starts = first + timedelta(minutes=begin)
        if first.weekday() in days and starts <= wall < starts + timedelta(minutes=length):
            return True
    return False


@settings(max_examples=300, deadline=None)
@given(
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.sampled_from(ZONES),
    MOMENTS,
)
@example(frozenset({4}), 1320, 360, "America/New_York", 1_793_491_200)
def test_a_schedule_holds_when_its_hours_laid_out_on_a_calendar_do(
    days: frozenset[int], begin: int, end: int, zone: str, at: int
) -> None:
    if begin == end or (begin, end) == (0, 0):
        return
    names = ",".join(NAMES[day] for day in days)
    hours = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    test: Callable[..., str] = compile_value("schedule", f"{names} {hours} {zone}").test
    assert bool(test(CALL, {}, float(at))) is plainly(days, begin, end, zone, at)
