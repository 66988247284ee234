"""Counts in memory which rules were hit; owns what counts as a hit, knows no Redis.

It runs where call records are put aside, after the caller has the answer, but on the same
processor as the next call: a call without a hit costs a quarter of a microsecond here.
"""

from __future__ import annotations

from itertools import islice

import msgspec

from ringfence.rules.evaluate import CALLEE, THRESHOLDS
from ringfence.rules.explain import EMERGENCY
from ringfence.verdict import Reason, Verdict

NO_RULES = {Reason.EMERGENCY: EMERGENCY, Reason.CALLEE: CALLEE, Reason.SCORE: THRESHOLDS}
"""What decides calls and is no rule is counted by a name that no rule can have."""

AT_MOST = 100_000
"""Ids that wait while Redis is away. More than there are rules: these are in memory themselves."""


class Tally(msgspec.Struct, array_like=True):
    """How often one rule was hit, and when last in Unix seconds; `would` in monitor mode."""

    hits: int = 0
    would_hits: int = 0
    last_hit: float = 0.0
    last_would_hit: float = 0.0


Tallies = dict[str, Tally]


class Tallier:
    """Takes verdicts one by one and gives them away added up."""

    def __init__(self) -> None:
        self._counts: Tallies = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, verdict: Verdict, at: float) -> None:
        """Count a call's verdict. A rule is hit where it ended the evaluation or had a part in it
        (a label, points, a challenge passed before), whatever then became of the call.
        """
        reason, noted = verdict.reason, verdict.noted
        if reason is Reason.NO_RULE and not noted:
            return
        if decided := verdict.rule or NO_RULES.get(reason, ""):
            self._hit(decided, at)
        for note in noted:
            if note.monitor:
                if count := self._of(note.rule):
                    count.would_hits += 1
                    count.last_would_hit = max(count.last_would_hit, at)
            elif note.rule != decided:
                # a flag is noted, and it is the verdict's rule too where nothing came after it
                self._hit(note.rule, at)

    def take(self, most: int) -> Tallies:
        """Up to `most` rules with what was counted since the last time."""
        if len(self._counts) <= most:
            taken, self._counts = self._counts, {}
        else:
            names = list(islice(self._counts, most))
            taken = {name: self._counts.pop(name) for name in names}
        return taken

    def _hit(self, name: str, at: float) -> None:
        if count := self._of(name):
            count.hits += 1
            count.last_hit = max(count.last_hit, at)

    def _of(self, name: str) -> Tally | None:
        count = self._counts.get(name)
        if count is None and len(self._counts) < AT_MOST:
            count = self._counts[name] = Tally()
        return count
