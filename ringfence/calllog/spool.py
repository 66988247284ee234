"""The write-ahead spool: each record is in a file before anything else is done with it.

Owns numbering, the bounds and what happens when the disk is full; knows nothing of Redis or of
what a record says.

A record survives the death of Ringfence (it is in the kernel's hands when `append` returns), not
that of the machine in the next seconds: an fsync costs milliseconds, on the way of a call.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import deque
from collections.abc import Callable
from uuid import uuid4

from ringfence.calllog.folders import SpoolFolder
from ringfence.calllog.losses import LossLog
from ringfence.calllog.segment import Line, Segment, Trail, encode_line, segment_path

SPOOL_LIMIT = 256 * 1024 * 1024
"""Bytes on disk: some quarter of a million calls, eight minutes at 500 a second."""
SEGMENT_SIZE = 4 * 1024 * 1024
MEMORY_LIMIT = 8 * 1024 * 1024
"""Bytes kept while the disk takes none."""
RETRY_SECONDS = 1.0


class Spool:
    """Numbered records of one run of one worker, kept until Redis has them.

    The writer id is new for each run. Numbers then start at 1 and never meet those of a run
    that was killed with records that only it and Redis knew.
    """

    def __init__(
        self,
        folder: SpoolFolder,
        losses: LossLog,
        *,
        limit: int = SPOOL_LIMIT,
        segment_size: int = SEGMENT_SIZE,
        timer: Callable[[], float] = time.monotonic,
        write: Callable[[int, bytes], int] = os.write,
        truncate: Callable[[int, int], None] = os.ftruncate,
    ) -> None:
        self.writer = uuid4().hex
        self.leftovers = folder.leftovers()
        self._folder = folder
        self._losses = losses
        self._limit = limit
        # with fewer segments than this, the one that is written to would be most of the room
        self._segment_size = min(segment_size, limit // 4)
        self._timer = timer
        self._os_write = write
        self._os_truncate = truncate
        self._trail = Trail(self.writer, [], complete=False)
        self._segment: Segment | None = None
        self._torn = False
        self._memory: deque[Line] = deque()
        self._memory_size = 0
        self._retry_at = 0.0
        self._last = 0

    @property
    def size(self) -> int:
        """Bytes on disk, with what earlier runs of this worker have left."""
        size = self._trail.size
        for trail in self.leftovers:
            size += trail.size
        return size

    @property
    def pending(self) -> int:
        """Records of this run that Redis has not acknowledged."""
        return self._last - self._trail.acknowledged

    @property
    def acknowledged(self) -> int:
        """The last number that Redis has."""
        return self._trail.acknowledged

    @property
    def damaged(self) -> int:
        """Lines that failed their check, and files that somebody took away."""
        return self._trail.damaged + self._trail.missing

    def append(self, record: bytes) -> bool:
        """Keep a record; False, with a count in the log, where there is no room. Never raises."""
        line = encode_line(self._last + 1, record)
        if self._memory and not self._write_back():
            return self._remember(record)
        if self.size + len(line) > self._limit:
            self._trail.remove_finished()
            if self.size + len(line) > self._limit:
                self._losses.count("the spool is full: bring Redis back, or allow a larger spool")
                return False
        try:
            self._write(line, Line(self._last + 1, record))
        except OSError as error:
            self._retry_at = self._timer() + RETRY_SECONDS
            self._losses.failing(error)
            return self._remember(record)
        self._last += 1
        return True

    def peek(self, count: int, size: int) -> list[Line]:
        """The next records to ship, in order."""
        # What is in memory is always younger than what is on disk.
        if lines := self._trail.peek(count, size):
            return lines
        return [self._memory[n] for n in range(min(count, len(self._memory)))]

    def acknowledge(self, sequence: int) -> None:
        """Redis has everything up to `sequence`."""
        self._trail.acknowledge(sequence)
        while self._memory and self._memory[0].sequence <= sequence:
            self._memory_size -= len(self._memory.popleft().record)

    def rewind(self, sequence: int) -> None:
        """Redis has nothing after `sequence`: ship again what is still here."""
        self._trail.rewind(sequence)

    def close(self) -> bool:
        """Let go of the files; they go too if Redis has everything, which is then True."""
        if self._memory:
            self._retry_at = 0.0
            if not self._write_back():
                self._losses.count("the disk took no records until the end", len(self._memory))
        self._end_segment()
        done = not self.peek(1, 1)
        if done:
            self._trail.remove()
        return done

    def _write(self, raw: bytes, line: Line) -> None:
        segment = self._segment
        if segment is None or segment.size + len(raw) > self._segment_size:
            segment = self._begin_segment(line.sequence)
        if self._torn:
            raw = b"\n" + raw  # ends the half line, which then fails its check
        written = self._os_write(segment.descriptor, raw)
        if written == len(raw):
            self._torn = False
            self._trail.grow(segment, written, line)
            return
        try:
            self._os_truncate(segment.descriptor, segment.size)
        except OSError:
            self._torn = True
            self._trail.grow(segment, written)
        raise OSError(errno.ENOSPC, "the disk took half a line")

    def _begin_segment(self, sequence: int) -> Segment:
        path = segment_path(self._folder.path, self.writer, sequence)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        self._end_segment()
        self._segment = Segment(path, sequence, descriptor=descriptor)
        self._torn = False
        self._trail.extend(self._segment)
        return self._segment

    def _end_segment(self) -> None:
        if self._segment:
            self._segment.close()
            self._segment = None

    def _remember(self, record: bytes) -> bool:
        if self._memory_size + len(record) > MEMORY_LIMIT:
            self._losses.count("the disk takes no records, and memory for them is full: make room")
            return False
        self._last += 1
        self._memory.append(Line(self._last, record))
        self._memory_size += len(record)
        return True

    def _write_back(self) -> bool:
        """What memory holds goes to the disk if that works again; True when memory is empty."""
        if self._timer() < self._retry_at:
            return False
        while self._memory:
            line = self._memory[0]
            with contextlib.suppress(OSError):
                self._write(encode_line(*line), line)
                self._memory_size -= len(self._memory.popleft().record)
                continue
            self._retry_at = self._timer() + RETRY_SECONDS
            return False
        return True
