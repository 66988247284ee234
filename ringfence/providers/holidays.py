"""The federal legal holidays of the United States (5 U.S.C. 6103); knows no clock."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

_MON, _THU, _SAT, _SUN = 0, 3, 5, 6
_DAY = timedelta(days=1)
JUNETEENTH_SINCE = 2021


@lru_cache(maxsize=64)
def federal_holidays(year: int) -> frozenset[date]:
    """The days of this year that are kept as holidays.

    One that falls on a Sunday is kept on the Monday too, one on a Saturday on the Friday before:
    New Year's Day of 2028 on the last day of 2027. Inauguration Day is left out, as it is kept in
    and around Washington alone.
    """
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    fixed.append(date(year + 1, 1, 1))
    if year >= JUNETEENTH_SINCE:
        fixed.append(date(year, 6, 19))
    floating = [
        _nth(year, 1, _MON, 3),
        _nth(year, 2, _MON, 3),
        _last_monday_of_may(year),
        _nth(year, 9, _MON, 1),
        _nth(year, 10, _MON, 2),
        _nth(year, 11, _THU, 4),
    ]
    days = {*floating, *fixed, *(_observed(day) for day in fixed)}
    return frozenset(day for day in days if day.year == year)


def is_business_day(day: date) -> bool:
    """Monday to Friday, and no federal holiday."""
    return day.weekday() < _SAT and day not in federal_holidays(day.year)


def _observed(day: date) -> date:
    if day.weekday() == _SAT:
        return day - _DAY
    return day + _DAY if day.weekday() == _SUN else day


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + _DAY * ((weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - _DAY * last.weekday()
