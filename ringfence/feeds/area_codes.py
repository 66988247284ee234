"""NANPA's report of area codes (`npa_report.csv`): which are assigned. Knows no store.

The list that comes of it has a prefix for each, and a mark that it is complete: from then on the
word `invalid` goes by it and not by what is installed.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import IO

from ringfence.feeds.model import DAY
from ringfence.feeds.plan import Asked, Entries, Plan
from ringfence.feeds.refused import FeedRefused
from ringfence.feeds.tables import checked_header, checked_width, day_of, rows_of
from ringfence.rules.conditions.numbering_lists import AREA_CODES, COMPLETE
from ringfence.store.imports.entry_set import EntrySet

EXPECTED = "NANPA's report of area codes"
HEADER = (
    *("NPA_ID", "type_of_code", "ASSIGNABLE", "EXPLANATION", "RESERVED", "ASSIGNED"),
    *("ASSIGNMENT_DT", "USE", "LOCATION", "COUNTRY", "IN_SERVICE", "IN_SERVICE_DT", "STATUS"),
    *("PLANNING_LETTERS", "NOTES", "OVERLAY", "OVERLAY_COMPLEX", "PARENT_NPA_ID", "SERVICE"),
    *("TIME_ZONE", "AREA_SERVED", "MAP", "IN_JEOPARDY", "RELIEF_PLANNING_IN_PROGRESS"),
    *("HOME_NPA_LOCAL_CALLS", "HOME_NPA_TOLL_CALLS", "FOREIGN_NPA_LOCAL_CALLS"),
    *("FOREIGN_NPA_TOLL_CALLS", "PERM_HNPA_LOCAL_CALLS", "PERM_HNPA_TOLL_CALLS"),
    *("PERM_HNPA_FOREIGN_LOCAL_CALLS", "DIALING_PLAN_NOTES"),
)
FIRST, LAST = 200, 999
VALID_DAYS = 400
"""An area code is announced a year or more before it is in service: for so long after the report's
date its silence about one means something."""


def plan(file: IO[bytes], asked: Asked) -> Plan:
    """The assigned area codes. FeedRefused unless it speaks of each code there can be, once."""
    rows = rows_of(file, EXPECTED, tell=asked.tell)
    _, first = next(rows, (0, [""]))
    if first[0] != "File Date" or len(first) < 2:
        raise FeedRefused(f"expected {EXPECTED} to begin with File Date, found {first[0][:60]!r}")
    dated = day_of(first[1], 1)
    number, header = next(rows, (2, []))
    checked_header(header, HEADER, EXPECTED)
    assigned: list[str] = []
    seen: set[int] = set()
    for number, cells in rows:
        checked_width(number, cells, len(HEADER))
        row = dict(zip(HEADER, cells, strict=True))
        code = row["NPA_ID"]
        if not (len(code) == 3 and code.isascii() and code.isdigit()) or int(code) in seen:
            raise FeedRefused(f"line {number}: expected one area code more, found {code[:20]!r}")
        seen.add(int(code))
        if _is_assigned(row, number):
            assigned.append(code)
    missing = [code for code in range(FIRST, LAST + 1) if code not in seen]
    if missing:
        raise FeedRefused(
            f"expected all codes from {FIRST} to {LAST}, found {len(seen)}: the first that is "
            f"missing is {missing[0]}; the file is cut off or no full report"
        )
    begun = datetime(dated.year, dated.month, dated.day, tzinfo=UTC).timestamp()
    if begun > asked.now + DAY:
        # or it would count for ever
        raise FeedRefused(f"line 1: expected a date that has come, found {dated.isoformat()}")
    until = begun + VALID_DAYS * DAY
    codes = EntrySet(f"+1{code}*" for code in assigned)
    return Plan(
        rows=len(assigned),
        lists={AREA_CODES: Entries([(codes, math.inf), (EntrySet([COMPLETE.e164]), until)])},
        dated=dated.isoformat(),
        notes=() if until > asked.now else (_OLD.format(dated=dated),),
    )


_OLD = "the report is of {dated}: too old for `invalid` to go by it"


def _is_assigned(row: dict[str, str], number: int) -> bool:
    for name, words in (("ASSIGNED", ("Yes", "No")), ("IN_SERVICE", ("Y", "N"))):
        if row[name] not in words:
            raise FeedRefused(
                f"line {number}: expected {' or '.join(words)} in {name}, found {row[name][:20]!r}"
            )
    # A place's code that is to be opened soon counts: the report may be a while old by then. One
    # that is only set aside (822, for toll-free calls some day) does not.
    return row["ASSIGNED"] == "Yes" and (row["IN_SERVICE"] == "Y" or row["USE"] == "G")
