"""Owns how much processor time processes have had; it must not know what they do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_TICK = 1.0 / os.sysconf("SC_CLK_TCK")
_FIRST, _LAST = 11, 15
"""utime, stime, and both of the children that have ended: a forked script is its parent's cost."""


def spent(pids: Mapping[str, int]) -> dict[str, float]:
    """Seconds so far, by name; 0 for a process that has ended."""
    return {name: _of(pid) for name, pid in pids.items()}


def since(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """Seconds between two looks, without the processes that had none."""
    gone = {name: now[name] - before.get(name, 0.0) for name in now}
    return {name: round(seconds, 3) for name, seconds in gone.items() if seconds > 0}


def _of(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    # The name stands in brackets and may hold anything.
    fields = text.rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[_FIRST:_LAST]) * _TICK
