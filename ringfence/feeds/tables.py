"""Rows of a file, strictly: whatever is not of the expected form refuses all of it.

Knows text and cells; nothing of what they mean. One line at a time is in memory.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import IO

from ringfence.call import clean
from ringfence.feeds.refused import FeedRefused, NotThere

MAX_LINE = 65_536
TELL_EVERY = 2_000
_PACKED = {b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "packed by gzip"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def look_at(file: IO[bytes], expected: str) -> None:
    """Refuse what is no text, and what servers answer in place of a file."""
    file.seek(0)
    first = file.read(1_024)
    file.seek(0)
    if not first.strip():
        raise FeedRefused(f"expected {expected}, found an empty file")
    for magic, what in _PACKED.items():
        if first.startswith(magic):
            raise FeedRefused(f"expected {expected}, found {what}: unpack it first")
    if first.startswith(_UTF16):
        raise FeedRefused(f"expected {expected}, found UTF-16: save it as UTF-8")
    if first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise NotThere(f"expected {expected}, found a web page")
    if b"\0" in first:
        raise FeedRefused(f"expected {expected}, found no text")


def rows_of(
    file: IO[bytes],
    expected: str,
    *,
    separator: str = ",",
    tell: Callable[[int], object] = lambda done: None,
) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line that has any, with the number of the line they end on.

    Separated by tabs, quotation marks are letters as any other.
    """
    look_at(file, expected)
    is_plain = separator == "\t"
    reader = csv.reader(
        _lines(file),
        delimiter=separator,
        strict=True,
        quoting=csv.QUOTE_NONE if is_plain else csv.QUOTE_MINIMAL,
    )
    try:
        for done, cells in enumerate(reader):
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
            if done % TELL_EVERY == 0:
                tell(file.tell())
    except csv.Error as error:
        said = f"{error}: the file is cut off or no CSV"
        if "new-line character" in str(error):
            said = "a carriage return within a line: save the file with LF or CRLF at their ends"
        raise FeedRefused(f"line {reader.line_num}: {said}") from None


def checked_header(found: Sequence[str], wanted: Sequence[str], expected: str) -> None:
    """Refuse a header that is not exactly this one, by the first cell that differs."""
    for at, name in enumerate(wanted):
        if at >= len(found):
            raise FeedRefused(
                f"expected {expected} with {len(wanted)} columns, found {len(found)}: no {name}"
            )
        if found[at] != name:
            raise FeedRefused(
                f"expected {expected} with {name} in column {at + 1}, found "
                f"{clean(found[at], 60)!r}"
            )
    if len(found) > len(wanted):
        more = clean(found[len(wanted)], 60)
        raise FeedRefused(
            f"expected {expected} with {len(wanted)} columns, found {len(found)}: {more!r} is new"
        )


def columns_of(found: Sequence[str], wanted: Sequence[str], expected: str) -> dict[str, int]:
    """Where each of these columns is, in whatever order; no other may be there."""
    names = [name.lower() for name in found]
    for name in wanted:
        if names.count(name) != 1:
            there = "none" if name not in names else "several"
            raise FeedRefused(f"expected {expected} with a column {name}, found {there}")
    for name in names:
        if name not in wanted:
            raise FeedRefused(f"expected {expected}, found a column {clean(name, 60)!r} more")
    return {name: names.index(name) for name in wanted}


def checked_width(number: int, cells: Sequence[str], width: int) -> None:
    """Refuse a line with more or fewer cells than the header."""
    if len(cells) != width:
        raise FeedRefused(
            f"line {number}: expected {width} cells, found {len(cells)}: the file is cut off or "
            "has changed"
        )


def day_of(text: str, number: int) -> date:
    """``2026-03-05``, with or without a time behind it, or ``03/05/2026``."""
    try:
        if text[2:3] == "/":
            return datetime.strptime(text[:10], "%m/%d/%Y").date()  # noqa: DTZ007 - a day
        return date.fromisoformat(text[:10])
    except ValueError:
        raise FeedRefused(f"line {number}: expected a date, found {clean(text, 40)!r}") from None


def _lines(file: IO[bytes]) -> Iterator[str]:
    number = 0
    while raw := file.readline(MAX_LINE):
        number += 1
        if len(raw) >= MAX_LINE and not raw.endswith(b"\n"):
            raise FeedRefused(f"line {number}: longer than {MAX_LINE} bytes: no such file has that")
        if b"\0" in raw:
            raise FeedRefused(f"line {number}: expected text, found a zero byte")
        # utf-8-sig: spreadsheets put a mark in front of the first line
        yield raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace")
