"""The clock of the rules: business hours, days that do not count, and what each kind gives."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ringfence.providers.deadlines import (
    CLOSES,
    OPENS,
    Kind,
    business_deadline,
    counts_from,
    deadline_of,
    minute,
    span_text,
    zone_of,
)
from ringfence.providers.holidays import federal_holidays, is_business_day

EAST = ZoneInfo("America/New_York")
ZONES = ("America/New_York", "America/Los_Angeles", "America/Phoenix", "Pacific/Honolulu", "UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def local(text: str, zone: ZoneInfo = EAST) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-20 15:00", "2026-11-23 15:00"),  # the rule's own example: Friday to Monday
        ("2026-11-17 09:00", "2026-11-18 09:00"),
        ("2026-11-17 17:30", "2026-11-18 17:30"),
        ("2026-11-17 17:31", "2026-11-19 08:00"),  # counts from Wednesday, 08:00
        ("2026-11-17 06:00", "2026-11-18 08:00"),  # counts from 08:00
        ("2026-11-20 18:00", "2026-11-24 08:00"),  # Friday evening counts from Monday
        ("2026-11-21 12:00", "2026-11-24 08:00"),
        ("2026-11-25 10:00", "2026-11-27 10:00"),  # Thanksgiving stands between
        ("2026-07-02 12:00", "2026-07-06 12:00"),  # the fourth is a Saturday: Friday is kept
        ("2027-12-30 12:00", "2028-01-03 12:00"),  # New Year's Day 2028 is kept in 2027
        ("2026-03-06 15:00", "2026-03-09 15:00"),  # clocks go forward on the Sunday between
    ],
)
def test_a_traceback_is_due_after_24_hours_on_the_clock_of_business_days(
    received: str, due: str
) -> None:
    assert business_deadline(local(received), EAST) == local(due)


def test_the_office_that_answers_decides_what_time_it_is() -> None:
    received = datetime(2026, 11, 17, 23, 0, tzinfo=UTC)  # 18:00 in New York, 15:00 in Los Angeles
    west = ZoneInfo("America/Los_Angeles")
    assert business_deadline(received, EAST) == local("2026-11-19 08:00")
    assert business_deadline(received, west) == local("2026-11-18 15:00", west)


@settings(max_examples=30)
@given(
    some.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=some.just(UTC)),  # noqa: DTZ001
    some.sampled_from(ZONES),
)
def test_the_clock_runs_24_hours_of_business_days_and_no_others(
    received: datetime, name: str
) -> None:
    zone = ZoneInfo(name)
    begins, due = counts_from(received, zone), business_deadline(received, zone)
    assert received <= begins
    assert begins.astimezone(zone).time() >= OPENS
    assert begins.astimezone(zone).time() <= CLOSES
    assert is_business_day(begins.astimezone(zone).date())
    assert is_business_day(due.astimezone(zone).date())
    ran, at = timedelta(), begins
    while at < due:
        step = min(timedelta(minutes=1), due - at)
        if is_business_day(at.astimezone(zone).date()):
            ran += step
        # days that do not count are left out at once
        at += step if is_business_day(at.astimezone(zone).date()) else timedelta(minutes=30)
    assert ran == 24 * HOUR


@given(
    some.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=some.just(UTC)),  # noqa: DTZ001
    some.timedeltas(timedelta(), timedelta(days=9)),
    some.sampled_from(ZONES),
)
def test_who_asks_later_is_never_due_earlier(
    received: datetime, later: timedelta, name: str
) -> None:
    zone = ZoneInfo(name)
    assert business_deadline(received, zone) <= business_deadline(received + later, zone)


def test_the_federal_holidays_of_a_year_with_two_that_are_kept_on_another_day() -> None:
    named = [
        "01-01", "01-19", "02-16", "05-25", "06-19", "07-03", "07-04", "09-07", "10-12", "11-11",
        "11-26", "12-25",
    ]  # fmt: skip
    assert sorted(federal_holidays(2026)) == [date.fromisoformat(f"2026-{day}") for day in named]
    assert date(2022, 12, 26) in federal_holidays(2022)  # Christmas was a Sunday
    assert date(2021, 12, 31) in federal_holidays(2021)  # for New Year's Day of 2022
    assert date(2020, 6, 19) not in federal_holidays(2020)


@given(some.integers(2021, 2100))
def test_every_year_has_eleven_holidays_on_business_days(year: int) -> None:
    kept = {day for day in federal_holidays(year) if day.weekday() < 5}
    # New Year's Day of the next year may be one more, and this year's then belonged to the last
    assert len(kept) in (10, 11, 12)
    assert not any(is_business_day(day) for day in kept)


RECEIVED = datetime(2020, 4, 3, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "gives"),
    [
        (Kind.LETTER, 48 * HOUR),
        (Kind.SUSPECTED, 14 * DAY),
        (Kind.INITIAL_ORDER, 14 * DAY),
        (Kind.FINAL_ORDER, 30 * DAY),
    ],
)
def test_each_kind_gives_its_time_from_the_release_where_that_is_known(
    kind: Kind, gives: timedelta
) -> None:
    assert deadline_of(kind, RECEIVED) == RECEIVED + gives
    assert deadline_of(kind, RECEIVED, RECEIVED - DAY) == RECEIVED - DAY + gives


def test_what_a_deadline_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="America/New_York"):
        deadline_of(Kind.TRACEBACK, RECEIVED)
    with pytest.raises(ValueError, match="deadline"):
        deadline_of(Kind.OWN, RECEIVED)
    for name in ("Mars/Olympus", "", "../etc", "a" * 300):
        with pytest.raises(ValueError, match="no time zone") as refused:
            zone_of(name)
        assert "\n" not in str(refused.value)
    assert deadline_of(Kind.TRACEBACK, RECEIVED, timezone="UTC") == datetime(
        2020, 4, 6, 15, 0, tzinfo=UTC
    )


def test_spans_are_told_by_their_two_largest_parts() -> None:
    told = {48 * HOUR: "2d", 47.5 * HOUR: "1d 23h", 0.2 * HOUR: "12m", 0 * HOUR: "0m"}
    assert {span: span_text(span) for span in told} == told
    assert span_text(-27 * HOUR) == "1d 3h"
    assert minute(local("2026-11-20 15:00")) == "2026-11-20 20:00Z"
