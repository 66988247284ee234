"""Lengths of time as admins write them: ``60s``, ``15m``, ``1h``, ``7d``; knows no calendar."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def parse_duration(text: str, *, most: int = 366 * 86_400) -> int:
    """Seconds, at least 1 and at most `most`. ValueError says in one line what to write."""
    match = _DURATION.fullmatch(text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 1 <= seconds <= most:
        raise ValueError(
            f"{text[:80]!r} is no length of time: write 60s, 15m, 1h or 7d, at most "
            f"{duration_text(most)}"
        )
    return seconds


def duration_text(seconds: int) -> str:
    """The shortest way to write it: ``1h`` for 3,600."""
    for unit, length in reversed(_SECONDS.items()):
        if seconds % length == 0 and seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
