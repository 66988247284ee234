"""Plain lists and do-not-originate files: one number, prefix or range a line, or a column of a CSV
file. Knows no store. Unlike `ringfence list import` it refuses the whole file for one bad line, as
nobody looks on when it is fetched by itself."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import IO

from ringfence.call import clean
from ringfence.feeds.plan import Asked, Entries, Plan
from ringfence.feeds.refused import FeedRefused
from ringfence.feeds.tables import rows_of
from ringfence.lists import parse_entry
from ringfence.numbers import normalise
from ringfence.store.imports.entry_set import EntrySet

EXPECTED = "a file of numbers"
DNO_LIST = "dno"
HEADINGS = (
    *("number", "phone_number", "phonenumber", "phone", "telephone_number", "telephone", "tn"),
    *("caller", "caller_id", "caller_id_number", "e164", "did", "entry", "prefix", "dno"),
)
SHORTEST_PREFIX = 4
"""Digits: ``+1202*``. A slip of the pen such as ``+1*`` would block the country."""
WIDEST_RANGE = 10_000_000
"""As many as such a prefix has in North America."""
BATCH = 10_000
_PLAIN = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_DIALLED = re.compile(r"\+?[0-9(][0-9 ().-]{6,}", re.ASCII)
_NO_NAME = re.compile(r"[^a-z0-9]+")


def plan(file: IO[bytes], asked: Asked) -> Plan:
    """All entries, none of which runs out."""
    entries, waiting, total = EntrySet(), [], 0
    for text in _entries(file, asked):
        total += 1
        waiting.append(text)
        if len(waiting) >= BATCH:
            entries.update(waiting)
            waiting = []
    entries.update(waiting)
    return Plan(
        rows=total, lists={asked.options.list or asked.name: Entries([(entries, math.inf)])}
    )


def _entries(file: IO[bytes], asked: Asked) -> Iterator[str]:
    at, begun = 0, False
    for number, cells in rows_of(file, EXPECTED, tell=asked.tell):
        if cells[0].startswith("#"):
            continue
        if not begun:
            begun = True
            at, is_heading = _column(cells, asked.options.column)
            if is_heading:
                continue
        text = (cells[at] if at < len(cells) else "").partition("#")[0].strip()
        yield text if _PLAIN.fullmatch(text) else _entry(text, number)


def _entry(text: str, number: int) -> str:
    try:
        entry = parse_entry(text)
    except ValueError:
        found = normalise(text).e164 if _DIALLED.fullmatch(text) else ""
        if not found:
            raise FeedRefused(
                f"line {number}: expected +12025550123, +1900* or +12025550100-+12025550199, "
                f"found {clean(text, 60)!r}"
            ) from None
        return found
    if entry.prefix and len(entry.prefix) < SHORTEST_PREFIX:
        raise FeedRefused(
            f"line {number}: expected a prefix of {SHORTEST_PREFIX} digits or more, found "
            f"{entry.text}"
        )
    if entry.last - entry.first >= WIDEST_RANGE:
        raise FeedRefused(
            f"line {number}: expected a range of {WIDEST_RANGE} numbers or fewer, found "
            f"{entry.text}"
        )
    return entry.text


def _column(first: Sequence[str], wanted: str) -> tuple[int, bool]:
    """Where the numbers are, and whether the first line is a heading."""
    names = [_plain(cell) for cell in first]
    if wanted.isdigit() and int(wanted) > 0:
        at = int(wanted) - 1
        return at, at < len(names) and not any(c.isdigit() for c in names[at])
    if wanted:
        if _plain(wanted) not in names:
            raise FeedRefused(
                f"expected a column {clean(wanted, 60)}, found {clean(', '.join(first), 200)}"
            )
        return names.index(_plain(wanted)), True
    for name in HEADINGS:
        if name in names:
            return names.index(name), True
    return 0, False


def _plain(name: str) -> str:
    return _NO_NAME.sub("_", name.lower()).strip("_")
