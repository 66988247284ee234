"""When a notice is due, by its kind; pure: reads no clock and knows no notice.

The traceback's clock is that of 47 CFR 64.1200(n)(1): business hours 08:00 to 17:30, Monday to
Friday without federal holidays, by the local time of the office that answers. A request outside
them counts as received when they next begin, and the 24 hours stand still over days that are none.
Where the rule can be read in two ways the earlier deadline is taken.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ringfence.providers.holidays import is_business_day

OPENS, CLOSES = time(8, 0), time(17, 30)
TRACEBACK = timedelta(hours=24)
FIRST_YEAR, LAST_YEAR = 1990, 2199
"""Of all times that admins write. Nearer to the ends of the calendar a zone or a span goes past
them, and one such notice or dispute would keep the others from being looked at."""
_DAY = timedelta(days=1)


class Kind(StrEnum):
    """Kinds of notices (47 CFR 64.1200(k)(4), (n)(1) to (3))."""

    LETTER = "ftc-fcc-letter"
    SUSPECTED = "suspected-traffic"
    INITIAL_ORDER = "initial-order"
    FINAL_ORDER = "final-order"
    TRACEBACK = "traceback"
    OWN = "own"


SPANS: dict[Kind, timedelta] = {
    Kind.LETTER: timedelta(hours=48),
    Kind.SUSPECTED: timedelta(days=14),
    Kind.INITIAL_ORDER: timedelta(days=14),
    Kind.FINAL_ORDER: timedelta(days=30),
}
"""How long a kind gives: from its release where that is known, else from when it was received."""


def deadline_of(
    kind: Kind, received: datetime, released: datetime | None = None, timezone: str = ""
) -> datetime:
    """When a notice is due, in UTC. ValueError says what is missing."""
    if kind is Kind.TRACEBACK:
        if not timezone:
            raise ValueError("a traceback's clock needs a time zone, such as America/New_York")
        return business_deadline(received, zone_of(timezone))
    if kind is Kind.OWN:
        raise ValueError("a notice of your own needs a deadline")
    return (released or received).astimezone(UTC) + SPANS[kind]


def business_deadline(
    received: datetime, zone: ZoneInfo, length: timedelta = TRACEBACK
) -> datetime:
    """When `length` has passed on the rule's clock, in UTC."""
    at = counts_from(received, zone)
    left = length
    while True:
        day = at.astimezone(zone).date()
        if is_business_day(day):
            end = _moment(day + _DAY, time(), zone)
            if at + left <= end:
                return at + left
            left -= end - at
        at = _moment(day + _DAY, time(), zone)


def counts_from(received: datetime, zone: ZoneInfo) -> datetime:
    """When a request counts as received, in UTC: at once, or when business hours next begin."""
    local = received.astimezone(zone)
    day = local.date()
    if is_business_day(day) and local.time() <= CLOSES:
        return max(received.astimezone(UTC), _moment(day, OPENS, zone))
    day += _DAY
    while not is_business_day(day):
        day += _DAY
    return _moment(day, OPENS, zone)


def zone_of(name: str) -> ZoneInfo:
    """The time zone. ValueError in one line where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name[:80]!r} is no time zone: write one such as America/New_York"
        ) from None


def refuse_odd_time(name: str, at: datetime) -> None:
    """ValueError where `at` can only be a slip of the pen."""
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"{name} {at.isoformat()}: write a year from {FIRST_YEAR} to {LAST_YEAR}")


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    # Arithmetic is done in UTC: that of a zone's own times leaves out the hour that a clock skips.
    return datetime.combine(day, at, zone).astimezone(UTC)


def minute(at: datetime) -> str:
    """A point in time in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def span_text(span: timedelta) -> str:
    """``2d 3h``, ``3h 20m``, ``12m``: the two largest parts."""
    minutes = abs(int(span.total_seconds())) // 60
    parts = [(minutes // 1_440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m")]
    while parts[0][0] == 0 and len(parts) > 1:
        parts.pop(0)
    return " ".join(f"{count}{unit}" for count, unit in parts[:2] if count) or "0m"
