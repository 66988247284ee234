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
NOT_RECORDED = ("answered share", "average duration", "share of short calls")
"""What a record does not tell: it is written at call set-up."""
LEVELS = ("A", "B", "C", "none")
VERIFICATIONS = ("passed", "failed", "none")
# Evidence of a number in a list, at the beginning of a condition's: what callers wrote is behind.
_LISTED = re.compile(r"(?:^|, )call(?:er|ed) @([A-Za-z0-9][A-Za-z0-9_.-]{0,63}) \(")


class Traffic:
    """The calls of one trunk or provider."""

    __slots__ = (
        "anonymous", "attempts", "attestation", "called", "callers", "complaints", "invalid",
        "lists", "means", "verification",
    )  # fmt: skip

    def __init__(self) -> None:
        self.attempts = self.anonymous = self.invalid = self.complaints = 0
        self.means: Counter[str] = Counter()
        self.attestation: Counter[str] = Counter()
        self.verification: Counter[str] = Counter()
        self.lists: Counter[str] = Counter()
        self.callers, self.called = Distinct(), Distinct()

    def add(self, record: CallRecord, complaints: tuple[str, ...]) -> None:
        """Take in one call."""
        self.attempts += 1
        if means := kept_away(record):
            self.means[means] += 1
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

    def document(self) -> dict[str, Any]:
        """Everything, for scripts."""
        return {
            "attempts": self.attempts,
            "let_through": self.attempts - self.kept_away,
            "kept_away": dict(self.means),
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
    complaint lists' names."""

    def __init__(self, by: By, complaints: tuple[str, ...] = COMPLAINTS) -> None:
        self._by = by
        self._complaints = complaints
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
        group.add(record, self._complaints)

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
