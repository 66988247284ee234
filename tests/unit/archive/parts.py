"""Records as the archive's tests put them in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ringfence.archive.day import day_and_ms
from ringfence.archive.writing import Entry
from ringfence.calllog.record import CallRecord, encode_record, utc_text

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Put = Callable[..., int]


def record(number: int = 0, *, at: datetime = NOON, **fields: Any) -> CallRecord:
    """The `number`th call, a second after the one before."""
    moment = at + timedelta(seconds=number)
    usual = {
        "id": f"{int(moment.timestamp() * 1000):012x}{number:010x}",
        "time": utc_text(moment.timestamp()),
        "trunk": "carrier-a",
        "caller": "3015550199",
        "caller_e164": "+13015550199",
        "called": "12025550123",
        "called_e164": "+12025550123",
        "action": "allow",
        "reason": "no-rule",
    }
    return CallRecord(**{**usual, **fields})


def entry(record: CallRecord) -> Entry:
    """On its way into the archive."""
    day, at = day_and_ms(datetime.fromisoformat(record.time))
    return Entry(day, at, record, encode_record(record))
