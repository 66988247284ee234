"""Reads a file of numbers, twice: all of it is checked before any is written. Writes nothing."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

import click

from ringfence.cli.list_columns import find_columns
from ringfence.cli.output import parse_moment
from ringfence.cli.refusals import Refused
from ringfence.cli.rule_flags import as_entry
from ringfence.lists import parse_entry
from ringfence.store.imports.entry_set import EntrySet

MOST_SHOWN = 20
MAX_LINE = 4_096
FIRST_LINES = 50
BLOCK = 1 << 16
# Nearly every line of a long file; such a one is an entry in canonical form already.
_PLAIN = re.compile(rb"\+[1-9]\d{6,14}\r?\n?")
_PLAIN_LINES = re.compile(rb"(?:\+[1-9]\d{6,14}\r?\n)+")
_SECONDS = re.compile(r"\d{9,11}(?:\.\d*)?", re.ASCII)
_NEVER = ("", "never", "inf", "+inf")
KNOWN_TIMES = 10_000


class BadLine(NamedTuple):
    """A line that holds no entry."""

    number: int
    reason: str


class Checked(NamedTuple):
    """What a first reading found: lines with an entry, lines that hold none (`shown`: the first of
    them), and entries that have run out already."""

    good: int
    bad: int
    shown: list[BadLine]
    run_out: int


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


class NumberFile:
    """Entries with their expiries in a file. `expires` (inf: never) is that of lines without one.

    After `check` it is `Wanted` by an import, and stays small: numbers take a few bytes each.
    """

    def __init__(
        self,
        file: IO[bytes],
        *,
        column: str = "",
        expires_column: str = "",
        expires: float = math.inf,
        now: datetime | None = None,
    ) -> None:
        self._file = file
        self._expires = expires
        self._now = now or datetime.now(UTC)
        self._times: dict[str, float] = {}
        self.columns = find_columns(self._first_lines(), column, expires_column)
        self._heading = bool(self.columns.heading)
        self.entries = EntrySet()
        self.expiring = expires < math.inf

    def check(
        self,
        tell: Callable[[int], object] = lambda done: None,
        refuse: Callable[[BadLine], object] = lambda line: None,
    ) -> Checked:
        """Read it all; `tell` hears of bytes, `refuse` of each line that holds no entry."""
        good = bad = run_out = 0
        shown: list[BadLine] = []
        waiting: list[str] = []
        for number, item in self._lines():
            if isinstance(item, bytes):
                some = item.split()
                self.entries.numbers.update(map(int, some))
                good += len(some)
                tell(self._file.tell())
                continue
            try:
                text, until = self._read(item)
            except ValueError as error:
                bad += 1
                refused = BadLine(number, str(error))
                refuse(refused)
                if len(shown) < MOST_SHOWN:
                    shown.append(refused)
                continue
            if not text:
                continue
            if until <= self._now.timestamp():
                run_out += 1
                continue
            good += 1
            self.expiring = self.expiring or until < math.inf
            waiting.append(text)
            if len(waiting) >= FIRST_LINES * 100:
                self.entries.update(waiting)
                waiting = []
                tell(self._file.tell())
        self.entries.update(waiting)
        return Checked(good, bad, shown, run_out)

    def dated(self) -> Iterator[tuple[str, float]]:
        """The entries of lines that hold one, each until when it is in the list."""
        now = self._now.timestamp()
        for _, item in self._lines():
            if isinstance(item, bytes):
                for text in item.decode().split():
                    yield text, self._expires
                continue
            try:
                text, until = self._read(item)
            except ValueError:
                continue
            if text and until > now:
                yield text, until

    @property
    def size(self) -> int:
        """In bytes."""
        return os.fstat(self._file.fileno()).st_size

    def _read(self, line: str) -> tuple[str, float]:
        number, expires = self.columns.cells(line)
        number = number.partition("#")[0].strip() if self.columns.separator else number
        if not number:
            return "", 0.0
        text = parse_entry(as_entry(number)).text
        return text, self._until(expires)

    def _until(self, text: str) -> float:
        if self.columns.expires < 0 or not text:
            return self._expires
        if (known := self._times.get(text)) is not None:
            return known
        if len(self._times) >= KNOWN_TIMES:
            self._times.clear()
        until = self._times[text] = _moment(text, self._now)
        return until

    def _first_lines(self) -> list[str]:
        self._file.seek(0)
        lines = []
        for number in range(1, FIRST_LINES + 1):
            raw = self._line()
            if number == 1 and raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise Refused("the file is UTF-16: save it as UTF-8 or plain text")
            if not raw:
                break
            lines.append(_decoded(raw, number))
        return lines

    def _lines(self) -> Iterator[tuple[int, str | bytes]]:
        """Lines with something in them; as bytes many at once that are plain numbers and need no
        look any more, with the number of the first."""
        self._file.seek(0)
        number, plain = 1, self.columns.is_plain
        if self._heading:
            number += self._skip_heading()
        while raw := self._line():
            if plain and _PLAIN.fullmatch(raw):
                block = raw + self._file.read(BLOCK)
                match = _PLAIN_LINES.match(block)
                taken = block[: match.end()] if match else raw
                self._file.seek(len(taken) - len(block), os.SEEK_CUR)
                yield number, taken
                number += max(1, taken.count(b"\n"))
                continue
            text = _decoded(raw, number)
            if text and not text.startswith("#"):
                yield number, text
            number += 1

    def _line(self) -> bytes:
        """The next line; of one without end only how it begins."""
        raw = rest = self._file.readline(MAX_LINE)
        while len(rest) == MAX_LINE and not rest.endswith(b"\n"):
            rest = self._file.readline(MAX_LINE)
        return raw

    def _skip_heading(self) -> int:
        skipped = 0
        while raw := self._line():
            skipped += 1
            text = _decoded(raw, skipped)
            if text and not text.startswith("#"):
                break
        return skipped


def _decoded(raw: bytes, number: int) -> str:
    # utf-8-sig: spreadsheets put a mark in front of the first line
    return raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()


def _moment(text: str, now: datetime) -> float:
    if text.lower() in _NEVER:
        return math.inf
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        return parse_moment(text, now).timestamp()
    except (click.BadParameter, OverflowError):
        raise ValueError(
            f"{text[:80]!r} is no expiry: write 2027-01-31, 2027-01-31T08:00:00Z, 7d, Unix "
            "seconds, or nothing for never"
        ) from None
