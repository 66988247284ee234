"""Complaints to the FTC (Do Not Call, a file a day) and to the FCC (one large file). No store.

What people report is not verified by anybody: it becomes points of a score, and never an entry of
a list of numbers that must not originate calls.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from statistics import median
from typing import IO, Any

from ringfence.feeds.counts import (
    WINDOW,
    Counts,
    day_number,
    expiries,
    pack,
    unpack,
    without_old,
)
from ringfence.feeds.plan import Asked, Entries, Plan
from ringfence.feeds.refused import FeedRefused
from ringfence.feeds.tables import (
    checked_header,
    checked_width,
    columns_of,
    day_of,
    look_at,
    rows_of,
)
from ringfence.numbering import standing
from ringfence.numbers import normalise

FTC = "a day's Do Not Call complaints of the FTC"
FTC_HEADER = (
    *("Company_Phone_Number", "Created_Date", "Violation_Date", "Consumer_City"),
    *("Consumer_State", "Consumer_Area_Code", "Subject", "Recorded_Message_Or_Robocall"),
)
FCC = "the FCC's unwanted-call complaints"
FCC_COLUMNS = (
    *("id", "issue_date", "issue_time", "issue_type", "method", "issue", "caller_id_number"),
    *("type_of_call_or_messge", "advertiser_business_phone_number", "state", "zip", "location_1"),
)
WHOLE = "all"
MAX_OBJECT = 65_536
_PART = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SPACE = re.compile(r"\s*")
_SIGN = re.compile(r"\s*(\S)")
_EPOCH = date(1970, 1, 1).toordinal()


def plan_ftc(file: IO[bytes], asked: Asked) -> Plan:
    """One day's file in the place of what it brought before; it counts with those of other days."""
    rows = rows_of(file, FTC, tell=asked.tell)
    _, header = next(rows, (0, []))
    checked_header(header, FTC_HEADER, FTC)
    today, counts = day_number(asked.now), _Counting()
    for number, cells in rows:
        checked_width(number, cells, len(FTC_HEADER))
        counts.add(cells[0], day_of(cells[1], number), today)
    # A file is revised under its name; what its rows say of their day may go over midnight.
    named = _PART.findall(asked.place)
    part = named[-1] if named else counts.newest.isoformat() if counts.newest else ""
    others = {name: data for name, data in asked.parts.items() if name != part}
    usual = [sum(map(Counter.total, unpack(data).values())) for data in asked.parts.values()]
    return _plan(counts, asked, others, part, usual=int(median(usual)) if usual else None)


def plan_fcc(file: IO[bytes], asked: Asked) -> Plan:
    """The whole of it, as CSV or JSON; only the last months are kept."""
    look_at(file, FCC)
    is_json = file.read(1_024).lstrip().startswith(b"[")
    file.seek(0)
    today, counts = day_number(asked.now), _Counting()
    if is_json:
        for number, each in enumerate(_objects(file, asked), 1):
            given = each.get("caller_id_number", "")
            day = day_of(str(each.get("issue_date", "")), number)
            counts.add(given if isinstance(given, str) else "", day, today)
    else:
        rows = rows_of(file, FCC, tell=asked.tell)
        _, header = next(rows, (0, []))
        at = columns_of(header, FCC_COLUMNS, FCC)
        for number, cells in rows:
            checked_width(number, cells, len(FCC_COLUMNS))
            counts.add(
                cells[at["caller_id_number"]], day_of(cells[at["issue_date"]], number), today
            )
    return _plan(counts, asked, {}, WHOLE, usual=None)


class _Counting:
    """Rows on their way in. Of days that do not count any more nothing is kept."""

    def __init__(self) -> None:
        self.counts: Counts = {}
        self.rows = self.left_out = 0
        self.newest: date | None = None

    def add(self, given: str, day: date, today: int) -> None:
        self.rows += 1
        self.newest = max(day, self.newest or day)
        # a day to come would keep a number on a list for too long
        at = min(day.toordinal() - _EPOCH, today)
        if at <= today - WINDOW:
            return
        number = normalise(given)
        if not number.e164 or standing(number).flaw:
            self.left_out += 1
            return
        self.counts.setdefault(at, Counter())[number.key] += 1


def _plan(
    counted: _Counting, asked: Asked, others: dict[str, bytes], part: str, usual: int | None
) -> Plan:
    today = day_number(asked.now)
    gone = []

    def all_counts() -> Iterator[Counts]:
        # one part at a time: three months of them are half a million complaints
        yield counted.counts
        for name, data in others.items():
            counts = without_old(unpack(data), today)
            yield counts
            if not counts:
                gone.append(name)

    found = expiries(all_counts(), today)
    lists = {f"complaints-{asked.name}-{level}": Entries(groups) for level, groups in found.items()}
    newest = counted.newest.isoformat() if counted.newest else ""
    old = counted.rows and not counted.counts
    return Plan(
        rows=counted.rows,
        lists=lists,
        dated=newest,
        left_out=counted.left_out,
        usual=usual,
        put={part: pack(counted.counts)} if part else {},
        cut=tuple(gone),
        notes=(f"no complaint in it counts: the newest is of {newest}",) if old else (),
    )


def _objects(file: IO[bytes], asked: Asked) -> Iterator[dict[str, Any]]:
    """The objects of an array, one at a time, whatever the lines they stand in."""
    file.seek(0)
    buffer = _Buffer(file, asked)
    if not buffer.takes("["):
        raise _no_array(buffer)
    first = True
    while not buffer.takes("]"):
        if not first and not buffer.takes(","):
            raise _no_array(buffer)
        first = False
        found = buffer.take_object()
        if unknown := found.keys() - set(FCC_COLUMNS):
            raise FeedRefused(f"expected {FCC}, found a field {sorted(unknown)[0][:60]!r} more")
        yield found


def _no_array(buffer: _Buffer) -> FeedRefused:
    return FeedRefused(
        f"expected {FCC} as a JSON array of objects, found {buffer.ahead!r}: cut off or changed"
    )


class _Buffer:
    """A stretch of the text, as long as one object needs it."""

    def __init__(self, file: IO[bytes], asked: Asked) -> None:
        self._file = file
        self._tell = asked.tell
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        self._parse = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._ended = False

    @property
    def ahead(self) -> str:
        """Some of what comes next."""
        return self._text[self._at : self._at + 40] or "the end of the file"

    def takes(self, sign: str) -> bool:
        """Go past `sign` if it comes next."""
        while not (match := _SIGN.match(self._text, self._at)) and self._more():
            pass
        if match is None or match[1] != sign:
            return False
        self._at = match.end()
        return True

    def take_object(self) -> dict[str, Any]:
        while True:
            start = _SPACE.match(self._text, self._at)
            try:
                found, at = self._parse(self._text, start.end() if start else self._at)
            except (ValueError, RecursionError):
                if len(self._text) - self._at <= MAX_OBJECT and self._more():
                    continue
                raise _no_array(self) from None
            if not isinstance(found, dict):
                raise _no_array(self)
            self._at = at
            return found

    def _more(self) -> bool:
        if self._ended:
            return False
        data = self._file.read(MAX_OBJECT)
        self._ended = not data
        self._text = self._text[self._at :] + self._decode(data, final=self._ended)
        self._at = 0
        self._tell(self._file.tell())
        return True
