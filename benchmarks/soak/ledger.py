"""What was in force when, and when what was out of order; knows no call and changes nothing."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Span(NamedTuple):
    """From `began` to `ended`, on the monotonic clock."""

    began: float
    ended: float
    what: str

    def meets(self, began: float, ended: float) -> bool:
        """Whether the two overlap."""
        return self.began <= ended and began <= self.ended


class Trouble:
    """Times that excuse a call at a door (``agi``, ``ari``) or a late change (``step``)."""

    def __init__(self) -> None:
        self._spans: dict[str, list[Span]] = defaultdict(list)
        self._lock = threading.Lock()

    @contextmanager
    def at(self, *places: str, what: str, after: float = 0.5) -> Iterator[None]:
        """Everything inside is trouble, and `after` seconds behind it."""
        began = time.monotonic()
        with self._lock:
            for place in places:
                self._spans[place].append(Span(began, math.inf, what))
        try:
            yield
        finally:
            with self._lock:
                for place in places:
                    spans = self._spans[place]
                    spans.remove(Span(began, math.inf, what))
                    spans.append(Span(began, time.monotonic() + after, what))

    def excuse(self, place: str, began: float, ended: float) -> str:
        """What excuses it, "" where nothing does."""
        with self._lock:
            return next((s.what for s in self._spans[place] if s.meets(began, ended)), "")

    def seconds(self, place: str) -> float:
        """How long there was trouble, spans that overlap counted once."""
        total, reached = 0.0, -math.inf
        for span in sorted(self._spans[place]):
            total += max(0.0, span.ended - max(span.began, reached))
            reached = max(reached, span.ended)
        return total


class Changed(NamedTuple):
    """A number was blocked, or no more, by a change between two moments; None: nobody knows."""

    began: float
    settled: float
    blocked: bool | None


class Ledger:
    """What was changed for each number, in order."""

    def __init__(self) -> None:
        self._changes: dict[str, list[Changed]] = defaultdict(list)
        self._lock = threading.Lock()

    def note(self, number: str, change: Changed) -> None:
        """A change was made, or tried."""
        with self._lock:
            self._changes[number].append(change)

    def possible(self, number: str, began: float, ended: float) -> set[bool]:
        """Whether a call in this time may, or must, find the number blocked."""
        with self._lock:
            states: set[bool] = {False}
            for change in self._changes[number]:
                if change.began > ended:
                    break
                after = {True, False} if change.blocked is None else {change.blocked}
                states = states | after if change.settled >= began else after
            return states
