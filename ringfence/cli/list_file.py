"""Reads a file of numbers, twice: all of it is checked before any is written. Writes nothing."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from ringfence.cli.refusals import Refused
from ringfence.cli.rule_flags import as_entry
from ringfence.lists import parse_entry

MOST_SHOWN = 20
MAX_LINE = 4_096
# Nearly every line of a long file; such a one is an entry in canonical form already.
_PLAIN = re.compile(rb"\+[1-9]\d{6,14}\r?\n?")


class BadLine(NamedTuple):
    """A line that holds no entry."""

    number: int
    reason: str


class Checked(NamedTuple):
    """What a first reading found: how many entries, and which lines hold none."""

    good: int
    bad: int
    shown: list[BadLine]


@contextlib.contextmanager
def opened(source: str) -> Iterator[IO[bytes]]:
    """The file, or stdin kept in a temporary one, as it is read twice."""
    if source != "-":
        try:
            file = Path(source).open("rb")  # noqa: SIM115 - closed below
        except OSError as error:
            raise Refused(f"{source}: {error.strerror}") from None
        with file:
            yield file
        return
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        yield kept


def check(file: IO[bytes]) -> Checked:
    """Read it all and write nothing."""
    good = bad = 0
    shown: list[BadLine] = []
    for number, line in _lines(file):
        try:
            _entry(line)
            good += 1
        except ValueError as error:
            bad += 1
            if len(shown) < MOST_SHOWN:
                shown.append(BadLine(number, str(error)))
    return Checked(good, bad, shown)


def entries(file: IO[bytes]) -> Iterator[str]:
    """The entries of lines that hold one."""
    for _, line in _lines(file):
        try:
            yield _entry(line)
        except ValueError:
            continue


def _entry(line: str | bytes) -> str:
    return line.decode() if isinstance(line, bytes) else parse_entry(as_entry(line)).text


def _lines(file: IO[bytes]) -> Iterator[tuple[int, str | bytes]]:
    """Lines with something in them: up to a comment, and of a CSV file the first column.

    Bytes where a line is one plain number and needs no look any more.
    """
    file.seek(0)
    number = 0
    while raw := file.readline(MAX_LINE):
        number += 1
        if _PLAIN.fullmatch(raw):
            yield number, raw.rstrip()
            continue
        # utf-8-sig: spreadsheets put a mark in front of the first line
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace")
        text = text.partition("#")[0]
        text = text.partition(",")[0].partition(";")[0].strip().strip('"').strip()
        if text:
            yield number, text
