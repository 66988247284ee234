"""What each rule did: calls that it kept away, let through, only noted. Pure.

The hits of rules count the same from memory, without the calls behind them; here is what became of
each call.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ringfence.calllog.filter import decided_by
from ringfence.calllog.record import CallRecord
from ringfence.reports.kept_away import kept_away
from ringfence.reports.traffic import OTHERS
from ringfence.verdict import Action

MOST_RULES = 20_000
NOBODY = "(no-rule)"
"""Where no rule ended the evaluation: the call was let through."""


class Deeds:
    """What one rule did. `had_part` are calls that it flagged or scored on their way; `would` those
    that it only noted, in monitor mode; `went_on` those that it decided and that got through."""

    __slots__ = ("basis", "had_part", "last", "means", "went_on", "would")

    def __init__(self) -> None:
        self.means: Counter[str] = Counter()
        self.went_on = self.had_part = self.would = 0
        self.basis = self.last = ""

    @property
    def calls(self) -> int:
        """Calls that it had anything to do with."""
        return self.means.total() + self.went_on + self.had_part + self.would

    def document(self) -> dict[str, Any]:
        """Everything, for scripts."""
        return {
            "basis": self.basis,
            "calls": self.calls,
            "kept_away": dict(self.means),
            "let_through": self.went_on,
            "had_part": self.had_part,
            "would": self.would,
            "last": self.last,
        }


class RulesReport:
    """Takes records one by one, in any order."""

    def __init__(self) -> None:
        self.rules: dict[str, Deeds] = {}
        self.attempts = 0

    def add(self, record: CallRecord) -> None:
        """Take in one call."""
        self.attempts += 1
        decided = decided_by(record)
        deeds = self._of(decided, record)
        deeds.basis = deeds.basis or record.basis
        if means := kept_away(record):
            deeds.means[means] += 1
        elif record.action != Action.FLAG or not any(n.rule == decided for n in record.noted):
            deeds.went_on += 1
        for note in record.noted:
            if note.monitor:
                self._of(note.rule, record).would += 1
            else:
                self._of(note.rule, record).had_part += 1

    @property
    def ordered(self) -> list[tuple[str, Deeds]]:
        """The rules, the busiest first; last, the calls that none of them ended."""
        return sorted(
            self.rules.items(), key=lambda item: (item[0] == NOBODY, -item[1].calls, item[0])
        )

    def _of(self, rule: str, record: CallRecord) -> Deeds:
        found = self.rules.get(rule)
        if found is None:
            name = rule if len(self.rules) < MOST_RULES else OTHERS
            found = self.rules.setdefault(name, Deeds())
        found.last = max(found.last, record.time)
        return found
