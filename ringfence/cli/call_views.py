"""How calls look to an admin: a line in a table, and all that is known of one; knows no store.

The whole trail of a call answers, top down: what was decided, why, which rules had a part in it,
who added those, and how to undo it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from ringfence.calllog.record import CallRecord, utc_text
from ringfence.cli.output import moment
from ringfence.cli.rule_views import Shown, conditions, state
from ringfence.durations import duration_text
from ringfence.store.writing.history import Change
from ringfence.verdict import Action, Noted, Reason

COLUMNS = ("time", "caller", "called", "trunk", "att", "verdict", "rule", "sip", "ms", "outcome",
           "id")  # fmt: skip

Fact = tuple[str, str]


class Behind(NamedTuple):
    """A rule behind a call: as it stands `now`, and where it was changed since the call the last
    such change, and what it was `then`."""

    now: Shown | None = None
    changed: Change | None = None
    then: Shown | None = None


_TOLD = frozenset({
    "id", "time", "caller", "caller_e164", "caller_name", "anonymous", "called", "called_e164",
    "trunk", "provider", "attestation", "verification", "action", "reason", "rule", "basis", "sip",
    "label", "prompt", "detail", "callee", "score", "treatment", "challenge", "matched", "noted",
    "also", "outcome", "answered", "ended", "duration", "cause",
})  # fmt: skip
"""Fields that the trail says in its own words; the others follow as they are."""

_REASONS: dict[str, str] = {
    Reason.NO_RULE: "no rule ended it",
    Reason.EMERGENCY: "the emergency guard, which stands before all rules",
    Reason.SCORE: "the score reached a threshold",
    Reason.CALLEE: "the called customer's own choice",
    Reason.REDRESS: "a dispute, which ended the blocking of this caller",
    Reason.FAIL_OPEN: "screening failed, and calls then go on (fail open)",
    Reason.FAIL_CLOSED: "screening failed, and calls then are refused (fail closed)",
}


def row(record: CallRecord) -> tuple[str, ...]:
    """One line of `ringfence calls`."""
    noted = ", ".join(f"({note.rule.strip('()')})" for note in record.noted)
    return (
        record.time,
        record.caller_e164 or ("anonymous" if record.anonymous else record.caller[:24]),
        record.called_e164 or record.called[:24],
        record.trunk,
        record.attestation,
        record.action,
        record.rule or noted or record.reason,
        str(record.sip or ""),
        f"{record.ms:.3f}",
        record.outcome,
        record.id,
    )


def concerned(record: CallRecord) -> list[str]:
    """The rules that had a part in the verdict or only noted the call, the one that decided first.

    What is in brackets is no rule.
    """
    names = dict.fromkeys([record.rule, *(note.rule for note in record.noted)])
    return [name for name in names if name and name[0] != "("]


def trail(record: CallRecord, rules: Mapping[str, Behind], now: datetime) -> list[Fact]:
    """All that is known of a call; `rules` are those of `concerned`."""
    return [
        ("call", record.id),
        ("time", record.time),
        ("caller", _number(record.caller_e164, record.caller, record.anonymous)),
        ("caller's name", record.caller_name),
        ("called", _number(record.called_e164, record.called)),
        ("trunk", record.trunk + (f" (provider {record.provider})" if record.provider else "")),
        ("attestation", _attestation(record)),
        ("verdict", _verdict(record)),
        *_why(record),
        ("outcome", record.outcome),
        ("end", _end(record)),
        *_rules(record, rules, now),
        *_others(record),
    ]


def _number(e164: str, written: str, anonymous: bool = False) -> str:
    text = e164 or written
    extra = [f"written {written}"] if e164 and written not in ("", e164) else []
    extra += ["anonymous"] if anonymous else []
    return f"{text} ({', '.join(extra)})" if text and extra else text or ", ".join(extra)


def _attestation(record: CallRecord) -> str:
    held = "" if record.verification == "none" else f", verification {record.verification}"
    return record.attestation + held


def _verdict(record: CallRecord) -> str:
    treatment = record.treatment
    parts = [record.action]
    if record.prompt:
        parts.append(f"prompt {record.prompt}")
    if treatment.language:
        parts.append(f"language {treatment.language}")
    if treatment.repeat > 1:
        parts.append(f"{treatment.repeat} times")
    if treatment.answer:
        parts.append("in an answered call")
    if record.action == Action.CHALLENGE:
        parts.append(f"{treatment.tries} tries, result: {record.challenge or 'none'}")
    elif record.action == Action.INTERCEPT and treatment.then != "reject":
        parts.append(f"then {treatment.then}")
    if treatment.context:
        parts.append(f"to {treatment.extension or record.called}@{treatment.context}")
    if record.sip:
        parts.append(f"SIP {record.sip}")
    if record.label:
        parts.append(f"label {record.label!r}")
    return ", ".join(parts)


def _end(record: CallRecord) -> str:
    if not record.ended:
        return ""
    cause = f"cause {record.cause}" if record.cause else "no cause given"
    if not record.answered:
        return f"never answered, ended {record.ended}, {cause}"
    return (f"answered {record.answered}, ended {record.ended} after {record.duration:.1f} s, "
            f"{cause}")  # fmt: skip


def _why(record: CallRecord) -> Iterator[Fact]:
    reason = f"rule {record.rule}" if record.rule else _REASONS.get(record.reason, record.reason)
    yield "decided by", reason
    # an unconditional rule has nothing to show
    yield "because", ", ".join(record.matched) or ("it meets every call" if record.rule else "")
    yield "detail", record.detail
    yield "basis", record.basis
    yield "callee", record.callee
    if record.score or any(note.points for note in record.noted):
        parts = [f"{note.rule} {note.points:+d}" for note in record.noted if counted(note)]
        yield "score", f"{record.score}: {', '.join(parts)}" if parts else str(record.score)
    for note in record.noted:
        yield "noted", _note(note)
    for each in record.also:
        # only a caller with a number can be put on a list
        yield "put on a list", f"{each.list} for {duration_text(each.seconds)}, by rule {each.rule}"


def counted(note: Noted) -> bool:
    """Whether its points are in the score."""
    return bool(note.points) and not note.monitor


def _note(note: Noted) -> str:
    points = f" {note.points:+d}" if note.points else ""
    would = "would have been " if note.monitor else ""
    why = f": {note.why}" if note.why else ""
    return f"{note.rule}, {would}{note.action}{points}{why}"


def _rules(record: CallRecord, rules: Mapping[str, Behind], now: datetime) -> Iterator[Fact]:
    for rule_id in concerned(record):
        behind = rules.get(rule_id, Behind())
        yield f"rule {rule_id}", "; ".join(_rule(rule_id, behind, record, now))
        if rule_id == record.rule or any(n.rule == rule_id and counted(n) for n in record.noted):
            yield from _undo(rule_id, behind, now)
    if record.reason == Reason.CALLEE and record.callee:
        yield "see", f"ringfence callee show {record.callee}"


def _rule(rule_id: str, behind: Behind, record: CallRecord, now: datetime) -> Iterator[str]:
    stands, changed = behind.now, behind.changed
    history = f"ringfence rule history {rule_id}"
    if rule := (behind.then or stands or Shown(rule_id, None, "")).rule:
        since = moment(rule.added_at)
        by = f"added by {rule.added_by or '(not known: written by hand)'}"
        yield f"{by}, {since}" if since else by
        if rule.note:
            yield rule.note
        yield f"meets {conditions(rule)}"
    if changed:
        did = "REMOVED" if stands is None else "CHANGED"
        yield f"{did} since, by {changed.who}, {moment(changed.at)}: {history}"
    elif stands and rule and rule.added_at and utc_text(rule.added_at.timestamp()) > record.time:
        yield f"CHANGED since: {history}"
    if stands is None:
        yield "there is no such rule now" if changed else f"there is no such rule now: {history}"
    elif stands.rule is None:
        yield f"REFUSED as it stands now: {stands.refused}"
    else:
        yield f"now {state(stands.rule, now)}"


def _undo(rule_id: str, behind: Behind, now: datetime) -> Iterator[Fact]:
    stands = behind.now
    if stands is None:
        return
    yield "see", f"ringfence rule show {rule_id}"
    if stands.rule is None:
        yield "undo", f"ringfence rule remove {rule_id}"
    elif state(stands.rule, now) in ("on", "monitor"):
        yield "undo", f"ringfence rule disable {rule_id}"


def _others(record: CallRecord) -> Iterator[Fact]:
    for name, value in msgspec.to_builtins(record).items():
        if name in _TOLD:
            continue
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", str(each)) for key, each in value.items())
        elif isinstance(value, list | tuple):
            yield from ((name, _text(each)) for each in value)
        else:
            yield name, str(value)


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
