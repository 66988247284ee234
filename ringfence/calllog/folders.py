"""Spool folders: one for each worker, locked while it runs; knows nothing of what is in a line.

``<root>/<worker>/lock`` carries the lock. Its file is never deleted: two processes could then
hold locks on two files of one name.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ringfence.calllog.segment import Trail, find_segments

_WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_MOST_OF_ONE_NAME = 100


class SpoolFailed(RuntimeError):  # noqa: N818 - what happened, in the past
    """There is no spool folder to write to; the text says in one line why and what to do."""


class SpoolFolder:
    """A folder that this process holds the lock of."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def leftovers(self) -> list[Trail]:
        """What writers that are gone have left, with or without all of it being in Redis."""
        found = find_segments(self.path)
        return [Trail(writer, segments, complete=True) for writer, segments in found.items()]

    def release(self) -> None:
        """Whoever wants the folder may have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def own_folder(root: Path, worker: str) -> SpoolFolder:
    """The folder of a worker, or ``<worker>.1`` and so on where another process holds it.

    That is so while a neighbour drains what an earlier process of this name has left.
    """
    if not _WORKER.fullmatch(worker):
        raise SpoolFailed(
            f"worker name {worker[:80]!r}: write 1 to 64 letters, digits, _ . - and start with a "
            "letter or a digit"
        )
    try:
        for n in range(_MOST_OF_ONE_NAME):
            path = root / (f"{worker}.{n}" if n else worker)
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder := _lock(path):
                return folder
    except OSError as error:
        raise SpoolFailed(
            f"spool folder {root}: {error.strerror}; let Ringfence write there, or set "
            "RINGFENCE_STATE_DIR"
        ) from None
    raise SpoolFailed(f"spool folder {root / worker}: held by {_MOST_OF_ONE_NAME} processes")


def orphans(root: Path) -> Iterator[SpoolFolder]:
    """Folders with records whose worker does not run, locked; the taker must release each."""
    try:
        paths = sorted(path for path in root.iterdir() if path.is_dir())
    except OSError:
        return
    for path in paths:
        try:
            # Looked at before it is locked, so that a worker that starts finds its folder free.
            folder = _lock(path) if find_segments(path) else None
        except OSError:
            continue  # it went away, or is not ours to read
        if folder:
            yield folder


def _lock(path: Path) -> SpoolFolder | None:
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return SpoolFolder(path, lock)
