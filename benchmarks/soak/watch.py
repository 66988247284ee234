"""Looks at Ringfence from outside while it runs: its log, its memory, what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 2.0


class LogFile:
    """Ringfence's JSON log, read on from wherever one was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._workers: dict[int, int] = {}
        self._seen = 0
        self._reading = threading.Lock()

    def end(self) -> int:
        """Where it ends now."""
        return self._path.stat().st_size if self._path.exists() else 0

    def since(self, at: int) -> list[dict[str, Any]]:
        """Whole lines from there on; one that is no JSON comes as ``{"raw": …}``."""
        with self._path.open("rb") as file:
            file.seek(at)
            whole = file.read().rpartition(b"\n")[0]
        return [_decoded(line) for line in whole.decode(errors="replace").splitlines()]

    def wait(self, at: int, enough: Callable[[list[dict[str, Any]]], bool], seconds: float) -> bool:
        """Poll until what was logged since `at` is enough; False where it never is."""
        until = time.monotonic() + seconds
        while not enough(self.since(at)):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def complaints(self) -> Counter[str]:
        """Warnings, errors and lines that are no JSON, counted by what they say."""
        found: Counter[str] = Counter()
        for line in self.since(0):
            if "raw" in line:
                found[f"raw: {line['raw'][:100]}"] += 1
            elif line.get("level") in ("warning", "error", "critical"):
                why = " ".join(str(line.get(k, "")) for k in ("why", "reason", "part", "exception"))
                found[f"{line['level']}: {line.get('event')} {why.strip()[-90:]}".strip()] += 1
        return found

    def workers(self) -> dict[int, int]:
        """Process id by worker, of those that got ready last."""
        # Read on from the last look: the whole of it, again and again, would load the machine more
        # than the calls do.
        with self._reading, self._path.open("rb") as file:
            file.seek(self._seen)
            whole, newline, _ = file.read().rpartition(b"\n")
            self._seen += len(whole) + len(newline)
            for line in whole.splitlines():
                if b'"ready"' in line and (said := _decoded(line.decode())).get("event") == "ready":
                    self._workers[said["worker"]] = said["pid"]
            return dict(self._workers)


def _decoded(line: str) -> dict[str, Any]:
    try:
        decoded: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"raw": line}
    return decoded


class MemoryWatch(threading.Thread):
    """Resident memory of processes over time, in MB."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        super().__init__(name="memory")
        self._pids = pids
        self._over = threading.Event()
        self.samples: dict[int, list[tuple[float, float]]] = defaultdict(list)

    def stop(self) -> None:
        """No more samples."""
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            for pid in self._pids():
                with contextlib.suppress(OSError):
                    self.samples[pid].append((time.monotonic(), _rss(pid)))


def _rss(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def processes_of(folder: Path) -> Iterator[str]:
    """Processes that have `folder` on their command line or in their environment."""
    wanted = str(folder).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if wanted in command or wanted in (entry / "environ").read_bytes():
                    yield f"{entry.name} {command.replace(bytes(1), b' ').decode()[:120]}"
