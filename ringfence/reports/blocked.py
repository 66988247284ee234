"""The blocked calls of one called number, by basis: what a subscriber may ask for.

47 CFR 64.1200(k)(10) asks for the calls that analytics blocked in 28 days: date, time, calling
number. Everything that kept a call away is here, each by its name. Pure: knows no store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime, tzinfo

import msgspec

from ringfence.calllog.filter import decided_by
from ringfence.calllog.record import CallRecord
from ringfence.reports.kept_away import kept_away, went_on_all_the_same

MOST_LISTED = 100_000
"""Calls that are listed one by one; all are counted."""
NO_BASIS = "none"


class BlockedCall(msgspec.Struct, frozen=True):
    """One call that did not reach the called number. `time` is UTC, `rule` what decided."""

    time: str
    caller: str
    called: str
    means: str
    basis: str
    rule: str
    sip: int
    trunk: str
    id: str


class BlockedReport:
    """Takes records of one called number, newest first; `bases`, if any, are those wanted."""

    def __init__(self, called: str, bases: Collection[str] = (), most: int = MOST_LISTED) -> None:
        self.called = called
        self._bases = frozenset(bases)
        self._most = most
        self.calls: list[BlockedCall] = []
        self.by_basis: Counter[str] = Counter()
        self.by_means: Counter[str] = Counter()
        self.attempts = 0
        self.went_on = 0

    def add(self, record: CallRecord) -> None:
        """Take in one call to the number."""
        if self.called.startswith("+") and record.called_e164 not in ("", self.called):
            return  # found by its last ten digits, which a number of another country may have too
        self.attempts += 1
        means = kept_away(record)
        if not means:
            self.went_on += went_on_all_the_same(record)
            return
        basis = record.basis or NO_BASIS
        if self._bases and basis not in self._bases:
            return
        self.by_basis[basis] += 1
        self.by_means[means] += 1
        if len(self.calls) < self._most:
            self.calls.append(_call(record, means, basis))

    @property
    def count(self) -> int:
        """How many calls did not get through."""
        return self.by_means.total()


def local_time(call: BlockedCall, zone: tzinfo) -> str:
    """When the call came, by the clock on the wall there: ``2026-11-21 13:51:08 EST``."""
    try:
        at = datetime.fromisoformat(call.time).astimezone(zone)
    except (ValueError, OverflowError):
        return call.time  # a record that somebody wrote by hand
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def _call(record: CallRecord, means: str, basis: str) -> BlockedCall:
    caller = record.caller_e164 or record.caller
    if record.anonymous:
        # whoever asked to be withheld is withheld from the called party, here too
        caller = "anonymous"
    return BlockedCall(
        time=record.time,
        caller=caller,
        called=record.called_e164 or record.called,
        means=means,
        basis=basis,
        rule=decided_by(record),
        sip=record.sip,
        trunk=record.trunk,
        id=record.id,
    )
