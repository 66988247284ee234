"""Hours of the week in a time zone; knows wall clocks, nothing of calls.

A schedule is by the clock on the wall there, daylight saving time included: an hour that comes
twice in autumn is in both times, one that spring leaves out never comes. Hours that end before
they begin go over midnight and belong to the day on which they begin.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ringfence.call import Call
from ringfence.rules.conditions.condition import Compiled, Lists

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLE = "mon-fri 08:00-17:30 America/New_York"
DAY = 86_400

_HOURS = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,3}", re.ASCII)
_SPACED = re.compile(r"\s*([,-])\s*")


class Week(NamedTuple):
    """Days of the week (Monday is 0), and from when until when in seconds after midnight."""

    days: frozenset[int]
    begin: int
    end: int
    zone: ZoneInfo

    def holds(self, local: datetime) -> bool:
        """Whether this moment, in `zone`, is one of them."""
        second = local.hour * 3600 + local.minute * 60 + local.second
        day = local.weekday()
        if self.begin < self.end:
            return day in self.days and self.begin <= second < self.end
        if second >= self.begin:
            return day in self.days
        return second < self.end and (day - 1) % 7 in self.days


def schedule_value(field: str, text: str) -> Compiled:
    """The condition of one schedule, ``mon-fri 08:00-17:30 America/New_York``."""
    week = parse_schedule(text)
    zone = week.zone

    def test(call: Call, lists: Lists, now: float) -> str:
        local = datetime.fromtimestamp(now, zone)
        if not week.holds(local):
            return ""
        return f"{text} ({DAYS[local.weekday()]} {local:%H:%M})"

    return Compiled(test)


def parse_schedule(text: str) -> Week:
    """Days, hours or both, then the time zone. ValueError says in one line what to write."""
    *parts, name = _SPACED.sub(r"\1", text).split() or [""]
    hours = [part for part in parts if ":" in part]
    days = [part for part in parts if ":" not in part]
    if ":" in name or _days_or_none(name):
        raise ValueError(f"{text[:80]!r} has no time zone: write {EXAMPLE}")
    if not parts or len(hours) > 1 or len(days) > 1:
        raise ValueError(f"{text[:80]!r}: write days, hours or both, as in {EXAMPLE}")
    begin, end = _hours(hours[0]) if hours else (0, DAY)
    return Week(_days(days[0]) if days else frozenset(range(7)), begin, end, _zone(name))


def _days(text: str) -> frozenset[int]:
    found = _days_or_none(text)
    if found is None:
        raise ValueError(f"{text[:80]!r} are no days: write mon-fri, sat,sun or mon,wed-fri")
    return found


def _days_or_none(text: str) -> frozenset[int] | None:
    days: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            return None
        begin = DAYS.index(first)
        length = (DAYS.index(last) - begin) % 7 if dash else 0
        days |= {(begin + n) % 7 for n in range(length + 1)}
    return frozenset(days)


def _hours(text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(text)
    if match:
        numbers = [int(number) for number in match.groups()]
        begin = numbers[0] * 3600 + numbers[1] * 60
        end = numbers[2] * 3600 + numbers[3] * 60
        if begin < DAY and end <= DAY and numbers[1] < 60 and numbers[3] < 60 and begin != end:
            return begin, end
    raise ValueError(
        f"{text[:80]!r} are no hours: write 08:00-17:30, 22:00-06:00, or none for the whole day"
    )


def _zone(name: str) -> ZoneInfo:
    try:
        if _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        pass  # not there, a folder such as America, or a file that is no zone
    raise ValueError(f"{name[:80]!r} is no time zone: write one such as America/New_York or UTC")
