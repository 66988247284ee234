"""What is asked of call records, and whether one is asked for; knows neither stream nor archive."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from ringfence.callid import CALL_ID, time_of
from ringfence.calllog.record import CallRecord, utc_text

_NO_DIGIT = re.compile(r"\D", re.ASCII)
_NUMBER = re.compile(r"\+?[\d\s().-]+", re.ASCII)


class CallFilter(NamedTuple):
    """What is asked for; an empty field asks nothing.

    Numbers match on their last ten digits, as traceback answers are looked up. `trunk` may hold
    ``*``. `rule` also finds calls that a rule only noted, and those that ``(score)``, ``(callee)``
    or ``(emergency)`` decided. `since` and `until` are Unix seconds; both belong to the span.
    """

    caller: str = ""
    called: str = ""
    trunk: str = ""
    rule: str = ""
    action: str = ""
    id: str = ""
    since: float = 0.0
    callee: str = ""
    until: float = 0.0
    provider: str = ""
    sip_call_id: str = ""
    signer: str = ""

    def matches(self, record: CallRecord) -> bool:
        """Whether a record is asked for."""
        return (
            (not self.id or record.id == self.id)
            and (not self.action or record.action == self.action)
            and (not self.trunk or fnmatchcase(record.trunk, self.trunk))
            and (not self.provider or record.provider == self.provider)
            and (not self.sip_call_id or record.sip_call_id == self.sip_call_id)
            and (not self.signer or record.signer == self.signer)
            and (not self.callee or record.callee == self.callee)
            and (not self.rule or self._is_rule(record))
            and (not self.since or record.time >= utc_text(self.since))
            and (not self.until or record.time <= utc_text(self.until))
            and (not self.caller or self._is_caller(record))
            and (not self.called or _same(self.called, (record.called_e164, record.called)))
        )

    def _is_rule(self, record: CallRecord) -> bool:
        return self.rule == decided_by(record) or any(
            self.rule == note.rule for note in record.noted
        )

    def _is_caller(self, record: CallRecord) -> bool:
        if self.caller == "anonymous":
            return record.anonymous
        return _same(self.caller, (record.caller_e164, record.caller))

    @property
    def earliest(self) -> float:
        """The Unix second before which nothing can match; 0 where there is none."""
        return max(self.since, time_of(self.id)) if CALL_ID.fullmatch(self.id) else self.since


EVERYTHING = CallFilter()


def decided_by(record: CallRecord) -> str:
    """The rule that ended the evaluation, or in brackets what did instead."""
    return record.rule or f"({record.reason})"


def is_number(text: str) -> bool:
    """Whether `text` is looked up by its digits; everything else must be there as it is."""
    return bool(_NUMBER.fullmatch(text))


def last_ten(text: str) -> str:
    """The last ten digits in front of an ``@``: what numbers are told apart by."""
    bare = text.removeprefix("+")
    if bare.isascii() and bare.isdigit():
        return bare[-10:]
    return _NO_DIGIT.sub("", text.partition("@")[0])[-10:]


def _same(wanted: str, written: tuple[str, str]) -> bool:
    if not is_number(wanted):
        return wanted in written
    digits = last_ten(wanted)
    return bool(digits) and any(last_ten(text) == digits for text in written)
