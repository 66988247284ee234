"""What was fetched, kept in a folder that several workers share; knows nothing of its meaning.

One file for each address, written beside and renamed, so that a reader sees the old one or the new
one. A file that is damaged is as good as none. What strangers made us fetch lies apart from what
has proved to be of use, so that they never crowd it out. Blocking: it is called in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

MAGIC = b"ringfence fetched 1\n"
DIGEST = 16
SLACK = 4_096
"""For what stands in a file besides the body."""
MAX_NEW = 1_024
MAX_PROVEN = 4_096
SUFFIX = ".kept"
STALE_SECONDS = 3_600
"""What a killed worker left half-written, or locked, goes after this."""


class Kept(msgspec.Struct, frozen=True):
    """One fetched body. `at` is when it came, in Unix seconds."""

    address: str
    at: float
    body: bytes


class DiskCache:
    """The folder; made where it is missing. Bodies are at most `limit` bytes."""

    def __init__(
        self, folder: Path, limit: int, *, most_new: int = MAX_NEW, most_proven: int = MAX_PROVEN
    ) -> None:
        self._limit = limit
        self._most = {folder / "proven": most_proven, folder / "new": most_new}
        self._proven, self._new = self._most
        self._saved = 0

    @property
    def is_crowded(self) -> bool:
        """Whether so much was saved since it was pruned that it may be far above its bounds."""
        return self._saved > self._most[self._new] // 4

    def lock(self, address: str) -> Path:
        """The file by which workers take turns at that address."""
        return (self._new / _name(address)).with_suffix(".lock")

    def load(self, address: str) -> Kept | None:
        """What was kept of that address; None for nothing, or nothing that can be used."""
        for folder in self._most:
            kept = self._read(folder / _name(address))
            if kept and kept.address == address:
                return kept
        return None

    def save(self, kept: Kept) -> None:
        """Keep it. OSError where that fails."""
        packed = msgspec.msgpack.encode(kept)
        name = _name(kept.address)
        folder = self._proven if (self._proven / name).exists() else self._new
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=".new.", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                # Not forced onto the disk: what a crash tears is seen by its digest.
                file.write(MAGIC + packed + _digest(packed))
            Path(beside).replace(folder / name)
            self._saved += 1
        except BaseException:
            with contextlib.suppress(OSError):
                Path(beside).unlink()
            raise

    def prove(self, address: str) -> None:
        """What is kept of that address is of use."""
        name = _name(address)
        with contextlib.suppress(OSError):
            self._proven.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._new / name).replace(self._proven / name)

    def newest(self, most: int) -> Iterator[tuple[Kept, bool]]:
        """What was kept last and whether it is proven: those first, and the newest of each."""
        for folder in self._most:
            for _, path in self._files(folder)[:most]:
                if kept := self._read(path):
                    yield kept, folder == self._proven

    def prune(self, now: float, oldest: float) -> None:
        """Remove what was kept before `oldest`, all beyond the bound, and what was left behind."""
        self._saved = 0
        for folder, most in self._most.items():
            for place, (at, path) in enumerate(self._files(folder)):
                if place >= most or at < oldest:
                    _remove(path)
            for path in self._listed(folder, ".new.*", "*.lock"):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < now - STALE_SECONDS:
                        _remove(path)

    def _files(self, folder: Path) -> list[tuple[float, Path]]:
        found: list[tuple[float, Path]] = []
        for path in self._listed(folder, f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                found.append((path.stat().st_mtime, path))
        return sorted(found, reverse=True)

    def _listed(self, folder: Path, *patterns: str) -> Iterator[Path]:
        with contextlib.suppress(OSError):
            for pattern in patterns:
                yield from folder.glob(pattern)

    def _read(self, path: Path) -> Kept | None:
        try:
            with path.open("rb") as file:
                data = file.read(self._limit + SLACK)
        except OSError:
            return None
        packed, digest = data[len(MAGIC) : -DIGEST], data[-DIGEST:]
        if not data.startswith(MAGIC) or _digest(packed) != digest:
            return None
        try:
            return msgspec.msgpack.decode(packed, type=Kept)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


def _digest(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=DIGEST).digest()


def _name(address: str) -> str:
    # Strangers write no file names.
    return hashlib.sha256(address.encode()).hexdigest()[:40] + SUFFIX


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
