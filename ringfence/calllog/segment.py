"""Segment files: lines of records that one writer has spooled, and the way back through them.

Owns the line's form and the reading position; knows nothing of folders, locks or Redis.

A line is ``<sequence> <CRC-32 of the record> <record>``. A line that a crash or a full disk tore
fails its check and is skipped with a count: it was never acknowledged to anybody.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from pathlib import Path
from typing import NamedTuple

CHUNK = 131_072
"""Read at once; nearly twice a line's greatest length."""
AHEAD = 250_000
"""Bytes of records that are kept in memory besides the file, as they are shipped a moment later."""

_NAME = re.compile(r"([0-9a-f]{32})\.(\d{16})\.spool", re.ASCII)


class Line(NamedTuple):
    """One spooled record."""

    sequence: int
    record: bytes


def encode_line(sequence: int, record: bytes) -> bytes:
    """The line for a record, which must not hold a line break."""
    return b"%d %08x %b\n" % (sequence, zlib.crc32(record), record)


def decode_line(raw: bytes) -> Line | None:
    """The line without its end; None where it is torn or not ours."""
    sequence, _, rest = raw.partition(b" ")
    check, _, record = rest.partition(b" ")
    try:
        if int(check, 16) == zlib.crc32(record):
            return Line(int(sequence), record)
    except ValueError:
        pass
    return None


class Segment:
    """One file. `descriptor` is open while its writer appends to it, else -1."""

    def __init__(self, path: Path, first: int, *, size: int = 0, descriptor: int = -1) -> None:
        self.path = path
        self.first = first
        self.size = size
        self.descriptor = descriptor

    def read(self, offset: int) -> bytes:
        """Up to `CHUNK` bytes from `offset`."""
        # Of an open segment by its descriptor: its records survive a deleted folder.
        if self.descriptor >= 0:
            return os.pread(self.descriptor, CHUNK, offset)
        with self.path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(CHUNK) or b""

    def close(self) -> None:
        """No more will be appended."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def segment_path(folder: Path, writer: str, first: int) -> Path:
    """The file of the segment that begins with sequence `first`."""
    return folder / f"{writer}.{first:016d}.spool"


def find_segments(folder: Path) -> dict[str, list[Segment]]:
    """All segments in a folder, by writer, oldest first; other files are left alone."""
    found: dict[str, list[Segment]] = {}
    for path in sorted(folder.iterdir()):
        if match := _NAME.fullmatch(path.name):
            segment = Segment(path, int(match[2]), size=path.stat().st_size)
            found.setdefault(match[1], []).append(segment)
    return found


class Trail:
    """One writer's segments, read in order; `acknowledged` is the last sequence known in Redis.

    `complete` trails are left by a writer that is gone: what is torn at their end stays torn.
    """

    def __init__(self, writer: str, segments: list[Segment], *, complete: bool) -> None:
        self.writer = writer
        self.acknowledged = 0
        self.damaged = 0
        self.missing = 0
        self.size = sum(segment.size for segment in segments)
        self._segments = segments
        self._complete = complete
        self._at = 0
        self._offset = 0
        self._ahead: list[Line] = []
        self._ahead_size = 0

    def extend(self, segment: Segment) -> None:
        """The writer has begun a new segment."""
        self._segments.append(segment)

    def grow(self, segment: Segment, size: int, line: Line | None = None) -> None:
        """The writer has appended `size` bytes to a segment; `line` where they are a whole one."""
        if line is not None and self._ahead_size < AHEAD and self._has_all_before(segment):
            self._ahead.append(line)
            self._ahead_size += len(line.record)
            self._offset += size
        segment.size += size
        self.size += size

    def peek(self, count: int, size: int) -> list[Line]:
        """The next lines that are not acknowledged, about `size` bytes."""
        found = self._read(count - len(self._ahead), size - self._ahead_size)
        self._ahead += found
        self._ahead_size += sum([len(line.record) for line in found])
        return self._ahead[:count]

    def acknowledge(self, sequence: int) -> None:
        """Everything up to `sequence` is in Redis: those files may go.

        The newest finished one stays. A Redis that crashed with its machine may have lost the
        last second or two of what it had acknowledged, and then asks for it again (`rewind`).
        """
        self.acknowledged = max(self.acknowledged, sequence)
        self._ahead = [line for line in self._ahead if line.sequence > self.acknowledged]
        self._ahead_size = sum([len(line.record) for line in self._ahead])
        self._remove(self._finished() - 1)

    def rewind(self, sequence: int) -> None:
        """Redis knows no record after `sequence` (any more): read again from there."""
        self.acknowledged = sequence
        self._at = self._offset = self._ahead_size = 0
        self._ahead = []

    def remove_finished(self) -> None:
        """Also the file that was kept for a rewind goes: the room is needed."""
        self._remove(self._finished())

    def remove(self) -> None:
        """Everything is in Redis, and the writer is gone."""
        self._remove(len(self._segments))

    def _has_all_before(self, segment: Segment) -> bool:
        """True where the next line of this segment, the newest, is the next one to be read."""
        newest = len(self._segments) - 1
        if self._at == newest - 1 and not segment.size:
            if self._offset < self._segments[self._at].size:
                return False
            self._at, self._offset = newest, 0
        return self._at == newest and self._offset == segment.size

    def _finished(self) -> int:
        """How many segments, from the oldest, are acknowledged whole and no longer appended to."""
        followers = self._segments[1:]
        return sum(1 for segment in followers if segment.first - 1 <= self.acknowledged)

    def _remove(self, count: int) -> None:
        for segment in self._segments[: max(count, 0)]:
            segment.close()
            with contextlib.suppress(OSError):
                segment.path.unlink()
            self.size -= segment.size
            del self._segments[0]
            if self._at:
                self._at -= 1
            else:
                self._offset = 0

    def _read(self, count: int, size: int) -> list[Line]:
        lines: list[Line] = []
        while self._at < len(self._segments) and len(lines) < count and size > 0:
            segment = self._segments[self._at]
            try:
                chunk = segment.read(self._offset)
            except FileNotFoundError:
                self.missing += 1
                chunk = b""
            raws = chunk.split(b"\n")
            torn = raws.pop()
            if not raws and len(chunk) < CHUNK:
                # the segment's end; the writer itself never leaves half a line in the last one
                last = self._at == len(self._segments) - 1
                if last and not self._complete:
                    break
                self.damaged += bool(torn)
                self._at, self._offset = self._at + 1, 0
                continue
            if not raws:
                raws = [torn]  # no line is as long as this: damaged
            for raw in raws:
                self._offset = min(self._offset + len(raw) + 1, self._offset + CHUNK)
                line = decode_line(raw)
                if line is None:
                    self.damaged += 1
                elif line.sequence > self.acknowledged:
                    lines.append(line)
                    size -= len(raw)
                    if len(lines) >= count or size <= 0:
                        break
        return lines
