"""Where in the lines of a file the numbers are: told by the admin, or seen from the first lines.

Knows text; reads no file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

from ringfence.cli.refusals import Refused
from ringfence.cli.rule_flags import as_entry
from ringfence.lists import parse_entry

SEPARATORS = ",;\t|"
NUMBER_NAMES = (
    *("number", "phone_number", "phonenumber", "phone", "telephone_number", "telephone", "tn"),
    *("caller", "caller_id", "callerid", "caller_id_number", "caller_number", "calling_number"),
    *("company_phone_number", "e164", "did", "msisdn", "ani", "entry", "prefix", "dno"),
)
"""Headings of a column of numbers, the likeliest first."""
EXPIRY_NAMES = ("expires", "expires_at", "expiry", "expiration", "valid_until", "until")
_NO_NAME = re.compile(r"[^a-z0-9]+")


class Columns(NamedTuple):
    """How a line is read. Columns count from 0; `separator` "" is a file with one entry a line, of
    which anything behind the first separator is left out."""

    separator: str = ""
    number: int = 0
    expires: int = -1
    heading: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether a line that is one number alone has all that matters."""
        return self.number == 0 and self.expires < 0

    def cells(self, line: str) -> tuple[str, str]:
        """The text of the entry, and that of its expiry ("" where there is none)."""
        if not self.separator:
            line = line.partition("#")[0]
            for separator in SEPARATORS:
                line = line.partition(separator)[0]
            return line.strip().strip('"').strip(), ""
        row = split(line, self.separator)
        return _cell(row, self.number), _cell(row, self.expires) if self.expires >= 0 else ""

    def __str__(self) -> str:
        named = f" ({self.heading[self.number]})" if self.heading else ""
        return f"column {self.number + 1}{named}"


def find_columns(lines: Sequence[str], number: str = "", expires: str = "") -> Columns:
    """The columns of a file that begins with these lines. `number` and `expires` are headings, or
    count from 1; "" for `number` looks for the numbers. Refused where there is no such column."""
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return Columns()
    separator = max(SEPARATORS, key=lines[0].count)
    if separator not in lines[0]:
        separator = ""
    rows = [split(line, separator) for line in lines] if separator else [[x] for x in lines]
    heading = tuple(rows[0]) if _is_heading(rows, (number, expires)) else ()
    if not (number or expires or heading) and _entry_at(rows[0], 0):
        return Columns()  # as it always was: the first column, whatever stands behind it
    rows = rows[1:] if heading else rows
    at = _place(number, heading, "--column") if number else _likely(rows, heading)
    until = _place(expires, heading, "--expires-column") if expires else -1
    if not heading and at == 0 and until < 0:
        return Columns()
    return Columns(separator or ",", at, until, heading)


def expiry_heading(columns: Columns) -> str:
    """The heading of a column that looks like one of expiries; "" where there is none."""
    named = {_plain(name): name for name in columns.heading}
    return next((named[name] for name in EXPIRY_NAMES if name in named), "")


def split(line: str, separator: str) -> list[str]:
    """The cells of a line."""
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    try:
        rows = list(csv.reader([line], delimiter=separator, skipinitialspace=True))
    except csv.Error:
        rows = [line.split(separator)]
    return [cell.strip() for cell in rows[0]] if rows else []


def _cell(row: list[str], at: int) -> str:
    return row[at] if at < len(row) else ""


def _is_heading(rows: list[list[str]], wanted: tuple[str, ...]) -> bool:
    first = {_plain(name) for name in rows[0]}
    if any(_plain(name) in first for name in wanted if name and not name.isdigit()):
        return True
    if any(_is_entry(cell) for cell in rows[0]) or not all(c[:1].isalpha() for c in rows[0] if c):
        return False
    if first & {*NUMBER_NAMES, *EXPIRY_NAMES}:
        return True
    # words without a number in them, and numbers below: a single word may be a mistake
    return len(rows[0]) > 1 and any(_is_entry(cell) for row in rows[1:] for cell in row)


def _likely(rows: list[list[str]], heading: tuple[str, ...]) -> int:
    names = [_plain(name) for name in heading]
    for name in NUMBER_NAMES:
        if name in names:
            return names.index(name)
    width = max((len(row) for row in rows), default=1)
    found = [sum(_entry_at(row, at) for row in rows) for at in range(width)]
    return found.index(max(found)) if found else 0


def _place(wanted: str, heading: tuple[str, ...], option: str) -> int:
    names = [_plain(name) for name in heading]
    if _plain(wanted) in names:
        return names.index(_plain(wanted))
    if wanted.isdigit() and 0 < int(wanted) < 1_000:
        return int(wanted) - 1
    if not heading:
        raise Refused(f"{option} {wanted[:80]}: the file has no headings; give the column's place")
    raise Refused(f"{option} {wanted[:80]}: there is no such column: {', '.join(heading)[:300]}")


def _entry_at(row: list[str], at: int) -> bool:
    return at < len(row) and _is_entry(row[at])


def _is_entry(cell: str) -> bool:
    try:
        entry = parse_entry(as_entry(cell.partition("#")[0]))
    except ValueError:
        return False
    # any small number could be a short code
    return bool(entry.first or entry.prefix)


def _plain(name: str) -> str:
    return _NO_NAME.sub("_", name.strip().lower()).strip("_")
