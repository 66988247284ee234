"""How notices look to an admin: a line in a table, all of one at a glance; knows no store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ringfence.calllog.record import CallRecord
from ringfence.providers.blocking import waits_for_commission
from ringfence.providers.deadlines import minute, span_text
from ringfence.providers.notice import Does, Notice, decode_notice
from ringfence.providers.traffic import was_blocked
from ringfence.store.writing.history import version_of

COLUMNS = ("notice", "kind", "provider", "state", "due", "left", "then", "title")
CALL_COLUMNS = ("time", "caller", "called", "trunk", "signer", "att", "verdict", "rule", "id")


class Seen(NamedTuple):
    """Calls of a notice's traffic since its time."""

    total: int = 0
    blocked: int = 0
    last: str = ""

    def plus(self, record: CallRecord) -> Seen:
        """One call more, of any time."""
        blocked = self.blocked + was_blocked(record)
        return Seen(self.total + 1, blocked, max(self.last, record.time))


def row(id: str, text: bytes, now: datetime) -> tuple[str, ...]:
    """One line of `ringfence notice list`."""
    try:
        notice = decode_notice(id, text)
    except ValueError as error:
        return (id, "", "", "REFUSED", "", "", "", str(error))
    return (
        id,
        str(notice.kind),
        notice.provider,
        state(notice, now),
        minute(notice.deadline),
        left(notice, now),
        str(notice.at_deadline),
        notice.title,
    )


def state(notice: Notice, now: datetime) -> str:
    """How it stands, in a word or two."""
    if not notice.is_open:
        return notice.status
    if notice.blocked:
        return "BLOCKED"
    if now < notice.deadline:
        return "open"
    return "OVERDUE, not blocked" if notice.at_deadline.blocks else "OVERDUE"


def left(notice: Notice, now: datetime) -> str:
    """The countdown: ``1d 23h``; with a minus where it is over; "" where nobody counts any more."""
    if not notice.is_open:
        return ""
    sign = "" if now < notice.deadline else "-"
    return sign + span_text(notice.deadline - now)


def details(id: str, text: bytes, seen: Seen, now: datetime) -> list[tuple[str, str]]:
    """All of one notice."""
    notice, traffic = decode_notice(id, text), decode_notice(id, text).traffic
    return [
        ("notice", id),
        ("title", notice.title),
        ("kind", str(notice.kind)),
        ("state", state(notice, now)),
        ("provider", notice.provider),
        ("released", minute(notice.released) if notice.released else ""),
        ("received", minute(notice.received)),
        ("deadline", minute(notice.deadline)),
        ("left", left(notice, now)),
        ("then", _then(notice)),
        ("the Commission", _commission(notice)),
        ("campaign", traffic.campaign),
        ("callers", " ".join(traffic.callers)),
        ("called", " ".join(traffic.called)),
        ("from", minute(traffic.since) if traffic.since else ""),
        ("until", minute(traffic.until) if traffic.until else ""),
        ("traffic", traffic.text),
        ("calls since", _seen(id, seen)),
        ("rules", " ".join(notice.blocked.rules) if notice.blocked else ""),
        *(("step", each) for each in _steps(notice)),
        ("added by", notice.added_by or "(not known: written by hand)"),
        ("version", version_of(text)),
        ("history", f"ringfence notice history {id}"),
        *_todo(id, notice),
    ]


def document(id: str, text: bytes, now: datetime, seen: Seen | None = None) -> dict[str, Any]:
    """The notice for scripts."""
    found: dict[str, Any] = {"notice": id, "version": version_of(text)}
    try:
        notice = decode_notice(id, text)
    except ValueError as error:
        return {**found, "refused": str(error)}
    found |= {
        "state": state(notice, now),
        "basis": notice.ground,
        "seconds_left": int((notice.deadline - now).total_seconds()),
        **msgspec.to_builtins(notice),
    }
    if seen is not None:
        found["calls"] = seen._asdict()
    return found


def call_row(record: CallRecord) -> tuple[str, ...]:
    """One line of `ringfence notice calls`."""
    return (
        record.time,
        record.caller_e164 or ("anonymous" if record.anonymous else record.caller[:24]),
        record.called_e164 or record.called[:24],
        record.trunk,
        record.signer,
        record.attestation,
        record.action,
        record.rule or record.reason,
        record.id,
    )


def hits_text(hits: Mapping[str, int]) -> str:
    """``notice-x-trunks 17, notice-x-signers 2``."""
    return ", ".join(f"{rule} {count}" for rule, count in hits.items())


def _then(notice: Notice) -> str:
    text = str(notice.at_deadline)
    if notice.at_deadline.blocks:
        text += f" (basis {notice.ground})"
    return text + (", calls in progress are ended" if notice.hang_up else "")


def _commission(notice: Notice) -> str:
    if told := notice.commission_told:
        return f"was told {minute(told)}"
    return "is to be told first, (k)(4)" if waits_for_commission(notice) else ""


def _seen(id: str, seen: Seen) -> str:
    if not seen.total:
        return "none of this traffic since the notice"
    return f"{seen.total}, {seen.blocked} of them blocked, the last {seen.last}: " \
           f"ringfence notice calls {id}"  # fmt: skip


def _steps(notice: Notice) -> Iterator[str]:
    for step in notice.steps:
        does = "" if step.does is Does.NOTE else f"{step.does}: "
        yield f"{minute(step.at)} {step.who}: {does}{step.text}".rstrip(": ")


def _todo(id: str, notice: Notice) -> Iterator[tuple[str, str]]:
    if not notice.is_open:
        return
    if waits_for_commission(notice):
        yield "to do", f"ringfence notice text {id}, then ringfence notice step {id} --commission"
    if notice.blocked:
        yield "undo", f"ringfence notice lift {id}"
    else:
        yield "when it is settled", f"ringfence notice resolve {id}"
