"""What came over each trunk, or from each provider: counts, mixes, distinct numbers. Pure.

Memory is bounded by the number of trunks or providers, however many calls there were.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from ringfence.calllog.record import CallRecord
from ringfence.numbering import standing
from ringfence.numbers import Number, normalise
from ringfence.reports.distinct import Distinct
from ringfence.reports.kept_away import kept_away

By = Literal["trunk", "provider"]
UNKNOWN = {"trunk": "(no trunk)", "provider": "(no provider)"}
OTHERS = "(others)"
MOST_GROUPS = 1_000
COMPLAINTS = ("complaints-", "phoneblock")
"""How the names of lists begin that the feeds fill with what people complained about."""
OF_ENDS = ("answered share", "average duration", "share of short calls")
"""What is only known of calls whose end was heard."""
SHORT = 6.0
"""Seconds: an answered call that is not longer is short. Carriers draw the line for their surcharge
on short calls there, and most who hear a robocall have hung up by then."""
LEVELS = ("A", "B", "C", "none")
VERIFICATIONS = ("passed", "failed", "none")
# Evidence of a number in a list, at the beginning of a condition's: what callers wrote is behind.
_LISTED = re.compile(r"(?:^|, )call(?:er|ed) @([A-Za-z0-9][A-Za-z0-9_.-]{0,63}) \(")


class Traffic:
    """The calls of one trunk or provider."""

    __slots__ = (
        "anonymous", "answered", "attempts", "attestation", "called", "callers", "complaints",
        "ended", "invalid", "lists", "means", "seconds", "short", "verification",
    )  # fmt: skip

    def __init__(self) -> None:
        self.attempts = self.anonymous = self.invalid = self.complaints = 0
        self.ended = self.answered = self.short = 0
        self.seconds = 0.0
        self.means: Counter[str] = Counter()
        self.attestation: Counter[str] = Counter()
        self.verification: Counter[str] = Counter()
        self.lists: Counter[str] = Counter()
        self.callers, self.called = Distinct(), Distinct()

    def add(self, record: CallRecord, complaints: tuple[str, ...], short: float) -> None:
        """Take in one call."""
        self.attempts += 1
        if means := kept_away(record):
            self.means[means] += 1
        elif record.ended:
            # an announcement to a blocked caller is no answered call
            self.ended += 1
            if record.answered:
                self.answered += 1
                self.seconds += record.duration
                self.short += record.duration <= short
        self.attestation[record.attestation] += 1
        self.verification[record.verification] += 1
        caller = record.caller_e164 or record.caller
        self.anonymous += record.anonymous
        if caller and not (record.anonymous and not record.caller_e164):
            self.callers.add(caller)
            self.invalid += bool(standing(_number(record)).flaw)
        if called := record.called_e164 or record.called:
            self.called.add(called)
        if listed := lists_hit(record):
            self.lists.update(listed)
            self.complaints += any(name.startswith(complaints) for name in listed)

    @property
    def kept_away(self) -> int:
        """Calls that did not get through."""
        return self.means.total()

    @property
    def average(self) -> float | None:
        """Seconds of an answered call; None where there is none."""
        return self.seconds / self.answered if self.answered else None

    def document(self) -> dict[str, Any]:
        """Everything, for scripts; None where there is nothing to count."""
        return {
            "attempts": self.attempts,
            "let_through": self.attempts - self.kept_away,
            "kept_away": dict(self.means),
            "end_known": self.ended,
            "answered": self.answered if self.ended else None,
            "answered_share": round(self.answered / self.ended, 4) if self.ended else None,
            "average_duration": None if self.average is None else round(self.average, 1),
            "short": self.short if self.answered else None,
            "short_share": round(self.short / self.answered, 4) if self.answered else None,
            "callers": self.callers.count,
            "callers_exact": self.callers.is_exact,
            "called": self.called.count,
            "called_exact": self.called.is_exact,
            "anonymous": self.anonymous,
            "invalid": self.invalid,
            "complaints": self.complaints,
            "lists": dict(self.lists.most_common()),
            "attestation": {level: self.attestation[level] for level in LEVELS},
            "verification": {word: self.verification[word] for word in VERIFICATIONS},
        }


class TrafficReport:
    """Takes records one by one, in any order; `complaints` are the beginnings of
    complaint lists' names, `short` is how many seconds a short call has at most."""

    def __init__(
        self, by: By, complaints: tuple[str, ...] = COMPLAINTS, short: float = SHORT
    ) -> None:
        self._by = by
        self._complaints = complaints
        self.short = short
        self.groups: dict[str, Traffic] = {}
        self.attempts = 0

    def add(self, record: CallRecord) -> None:
        """Take in one call."""
        self.attempts += 1
        name = getattr(record, self._by) or UNKNOWN[self._by]
        group = self.groups.get(name)
        if group is None:
            if len(self.groups) >= MOST_GROUPS:
                name = OTHERS
            group = self.groups.setdefault(name, Traffic())
        group.add(record, self._complaints, self.short)

    @property
    def let_through(self) -> int:
        """Calls that nothing kept away."""
        return sum(each.attempts - each.kept_away for each in self.groups.values())

    @property
    def ended(self) -> int:
        """Those of them whose end is known."""
        return sum(each.ended for each in self.groups.values())

    @property
    def ordered(self) -> list[tuple[str, Traffic]]:
        """The groups, the busiest first."""
        return sorted(self.groups.items(), key=lambda item: (-item[1].attempts, item[0]))


def _number(record: CallRecord) -> Number:
    e164 = record.caller_e164
    digits = e164[1:]
    if digits.isascii() and digits.isdigit():
        # read once already, when the call was screened
        return Number(e164, int(digits), e164)
    return normalise(record.caller)


def lists_hit(record: CallRecord) -> set[str]:
    """The lists that a number of the call was found in, by rules that matched or were noted."""
    return set(_names(record))


def _names(record: CallRecord) -> Iterator[str]:
    for text in (*record.matched, *(note.why for note in record.noted)):
        if "@" in text:
            yield from _LISTED.findall(text)
