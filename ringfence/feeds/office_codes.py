"""NANPA's central-office codes (`NPA-NXX`) of the US: which are assigned. Knows no store.

The list that comes of it has a number of seven digits for each code, ``+1202555``, which a bitmap
holds in a few bits, and ``+1202000`` for each area code that the file speaks of: only within those
does a code that is missing mean anything. These marks run out, so that of a file that nobody
refreshes nothing is concluded.
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import IO

from ringfence.feeds.model import DAY
from ringfence.feeds.plan import Asked, Entries, Plan
from ringfence.feeds.refused import FeedRefused
from ringfence.feeds.tables import checked_header, day_of, rows_of
from ringfence.rules.conditions.numbering_lists import OFFICE_CODES
from ringfence.store.imports.entry_set import EntrySet

EXPECTED = "NANPA's central-office codes"
HEADER = (
    *("State", "NPA-NXX", "OCN", "Company", "RateCenter", "EffectiveDate", "Use", "AssignDate"),
    *("Initial/Growth", "Pooled Code", "In Service"),
)
USE = HEADER.index("Use")
UPDATED = "File Updated"
VALID_DAYS = 60
_VACANT = "VC"
_CODE = re.compile(r"([2-9]\d\d)-?([2-9]\d\d)", re.ASCII)
_DATE = re.compile(r"\d\d/\d\d/\d{4}", re.ASCII)


def plan(file: IO[bytes], asked: Asked) -> Plan:
    """The codes that are given to somebody, kept in reserve or closed: all but the vacant ones."""
    rows = rows_of(file, EXPECTED, separator="\t", tell=asked.tell)
    _, header = next(rows, (0, []))
    dated = _checked_header(header)
    codes = EntrySet()
    areas: set[str] = set()
    waiting: list[int] = []
    total = 0
    for number, cells in rows:
        if not len(HEADER) <= len(cells) <= len(HEADER) + 1:
            raise FeedRefused(
                f"line {number}: expected {len(HEADER)} cells, found {len(cells)}: the file is "
                "cut off or has changed"
            )
        match = _CODE.fullmatch(cells[1])
        if not match:
            raise FeedRefused(f"line {number}: expected 202-555, found {cells[1][:20]!r}")
        total += 1
        areas.add(match[1])
        if cells[USE] != _VACANT:
            waiting.append(int(f"1{match[1]}{match[2]}"))
    codes.numbers.update(waiting)
    marks = EntrySet(f"+1{area}000" for area in areas)
    until = asked.now + VALID_DAYS * DAY
    return Plan(
        rows=total,
        lists={OFFICE_CODES: Entries([(codes, math.inf), (marks, until)])},
        dated=dated.isoformat(),
        notes=(f"{len(areas)} area codes, good for {VALID_DAYS} days",),
    )


def _checked_header(found: list[str]) -> date:
    checked_header(found[: len(HEADER)], HEADER, EXPECTED)
    last = found[len(HEADER)] if len(found) == len(HEADER) + 1 else ""
    match = _DATE.search(last)
    if not last.startswith(UPDATED) or not match:
        raise FeedRefused(
            f"expected {EXPECTED} with {UPDATED!r} and a date in column {len(HEADER) + 1}, found "
            f"{last[:60]!r}"
        )
    return day_of(match[0], 1)
