"""A file, or a folder of files, that the admin may change at any time; knows nothing of what is
in them. Blocking: it is called in a thread."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".jwt"})
MAX_FILES = 1_000
MAX_BYTES = 8_000_000

Stamp = tuple[tuple[str, int, int, int], ...]


class Unreadable(Exception):  # noqa: N818 - what it is
    """The files cannot be had; one line says which and why."""


class Watched:
    """Says whether the files differ from what was read last. In a folder those count that look
    like certificates by their name: an admin's notes beside them are none of ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: Stamp | None = None

    def changed(self) -> bool:
        """Whether `read` may give something else than the last time, a refusal included."""
        try:
            return self._stamp() != self._read
        except OSError:
            return self._read != ()

    def read(self) -> dict[Path, bytes]:
        """The files by their paths. `Unreadable` says which cannot be had."""
        self._read = ()
        try:
            # Stamped before: what changes while it is read is read again.
            self._read = self._stamp()
            return {Path(name): self._content(Path(name)) for name, *_ in self._read}
        except OSError as error:
            raise Unreadable(f"{error.filename or self.path}: {error.strerror}") from None

    def _stamp(self) -> Stamp:
        paths = [self.path]
        if self.path.is_dir():
            listed = sorted(p for p in self.path.iterdir() if p.suffix.lower() in SUFFIXES)
            paths = [path for path in listed if path.is_file()][:MAX_FILES]
        stats = [(path, path.stat()) for path in paths]
        # The time of a file's inode: a file that is made readable has changed too.
        return tuple((str(p), s.st_ctime_ns, s.st_size, s.st_ino) for p, s in stats)

    def _content(self, path: Path) -> bytes:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise Unreadable(f"{path}: larger than {MAX_BYTES} bytes")
        return content
