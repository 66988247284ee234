"""By which rules a number had been blocked, told from call records; pure: asks no store."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ringfence.calllog.filter import decided_by
from ringfence.calllog.record import CallRecord
from ringfence.redress.model import MOST_RULES, BlockedBy
from ringfence.reports.kept_away import kept_away
from ringfence.rules.choice import BEYOND_REDRESS


class Blockers:
    """Takes the records of one caller, in any order; as large as there are rules."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], BlockedBy] = {}
        self.calls = 0

    def add(self, record: CallRecord) -> None:
        """Count a call that did not get through."""
        if not kept_away(record):
            return
        self.calls += 1
        rule = decided_by(record)
        was = self._found.get((rule, record.basis), BlockedBy(rule, 0, "", record.basis))
        self._found[rule, record.basis] = msgspec.structs.replace(
            was, calls=was.calls + 1, last=max(was.last, record.time)
        )

    @property
    def found(self) -> tuple[BlockedBy, ...]:
        """What blocked the number, the most frequent first."""
        ordered = sorted(self._found.values(), key=lambda each: (-each.calls, each.rule))
        return tuple(ordered[:MOST_RULES])


def beyond_redress(blocked_by: Collection[BlockedBy]) -> tuple[BlockedBy, ...]:
    """What goes on blocking the number after a lift: duties, and called customers' own wishes."""
    kept = {str(basis) for basis in BEYOND_REDRESS}
    return tuple(each for each in blocked_by if each.basis in kept)
