"""What a notice calls for at a moment: reminders, an alarm, a block, and how a block is lifted.

Pure: the time comes in, and what is to be written goes out as a `Move`. Asked again after the move
was made, it has nothing more to say: that is how each happens once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from ringfence.durations import parse_duration
from ringfence.providers.blocking import rules_of, waits_for_commission
from ringfence.providers.deadlines import minute, span_text
from ringfence.providers.model import Provider
from ringfence.providers.notice import RINGFENCE, Blocked, Does, Notice, Step
from ringfence.rules import Rule, encode_rule
from ringfence.store.writing.history import version_of


class Known(NamedTuple):
    """What is known of the notice's provider: None where the register has no such (good) entry.

    `left` are rules of the notice that an admin has changed or removed: that was a decision.
    """

    provider: Provider | None
    trunks: Collection[str]
    left: Collection[str] = ()


class Said(NamedTuple):
    """One line for the log, once what it says is written."""

    level: Literal["warning", "error"]
    event: str
    text: str


class Move(NamedTuple):
    """The notice as it is to be, the rules that go with it, and what is to be said of it."""

    op: str
    notice: Notice
    rules: dict[str, Rule]
    said: tuple[Said, ...] = ()


def next_move(id: str, notice: Notice, now: datetime, known: Known) -> Move | None:
    """What is to be done at `now`; None for nothing."""
    if not notice.is_open:
        return None
    now = now.replace(microsecond=0)
    if notice.blocked is not None:
        return _follow(id, notice, notice.blocked, now, known)
    if now < notice.deadline:
        return _remind(notice, now)
    rules = _rules(id, notice, known, now)
    if rules:
        return _block(id, notice, rules, now)
    if notice.alarmed is None:
        return _alarm(notice, now, _why_not_blocked(id, notice, known))
    return None


def reminders_past(notice: Notice, now: datetime) -> tuple[str, ...]:
    """The reminders whose time has come already: who writes a deadline knows of it."""
    return tuple(each for each in notice.remind if notice.deadline - _span(each) <= now)


def _remind(notice: Notice, now: datetime) -> Move | None:
    past = reminders_past(notice, now)
    if set(past) <= set(notice.reminded):
        return None
    # After some hours of standstill one line is enough.
    left = span_text(notice.deadline - now)
    text = f"{left} to the deadline, {minute(notice.deadline)}: {_what_then(notice)}"
    moved = msgspec.structs.replace(notice, reminded=past)
    moved = moved.with_step(Step(now, RINGFENCE, Does.REMINDED, f"{left} left"))
    return Move("remind", moved, {}, (Said("warning", "a notice is due soon", text),))


def _block(id: str, notice: Notice, rules: dict[str, Rule], now: datetime) -> Move:
    blocked = Blocked(now, {name: _version(rule) for name, rule in rules.items()})
    moved = msgspec.structs.replace(notice, blocked=blocked)
    text = f"by {_named(rules)}"
    moved = moved.with_step(Step(now, RINGFENCE, Does.BLOCKED, text))
    said = [Said("warning", "a provider is blocked", f"{text}; undo: ringfence notice lift {id}")]
    if waits_for_commission(notice) and notice.alarmed is None:
        alarm = _alarm(moved, now, _commission_first(id, "calls signed by it are not blocked"))
        moved, said = alarm.notice, [*said, *alarm.said]
    return Move("enforce", moved, rules, tuple(said))


def _follow(id: str, notice: Notice, blocked: Blocked, now: datetime, known: Known) -> Move | None:
    """A trunk that comes into the register later is blocked too; nothing is unblocked by that."""
    rules = _rules(id, notice, known, blocked.at)
    news = {
        name: rule
        for name, rule in rules.items()
        if name not in known.left and blocked.rules.get(name) != _version(rule)
    }
    if not news:
        return None
    versions = blocked.rules | {name: _version(rule) for name, rule in news.items()}
    moved = msgspec.structs.replace(notice, blocked=Blocked(blocked.at, versions))
    text = f"by {_named(news)}, as the register or this notice has changed"
    moved = moved.with_step(Step(now, RINGFENCE, Does.BLOCKED, text))
    said = Said("warning", "a provider's block has changed", text)
    return Move("enforce", moved, news, (said,))


def _alarm(notice: Notice, now: datetime, why: str) -> Move:
    moved = msgspec.structs.replace(notice, alarmed=now)
    moved = moved.with_step(Step(now, RINGFENCE, Does.ALARM, why))
    return Move("alarm", moved, {}, (Said("error", "a notice's deadline has passed", why),))


def _rules(id: str, notice: Notice, known: Known, at: datetime) -> dict[str, Rule]:
    if known.provider is None or not notice.at_deadline.blocks:
        return {}
    return rules_of(id, notice, known.provider, known.trunks, at)


def _why_not_blocked(id: str, notice: Notice, known: Known) -> str:
    if not notice.at_deadline.blocks:
        return f"still open: `ringfence notice show {id}`"
    if known.provider is None:
        return f"not blocked: provider {notice.provider} is not in the register, or refused there"
    if waits_for_commission(notice):
        return _commission_first(id, "not blocked")
    ways = []
    if notice.at_deadline.direct:
        ways.append("trunk or address")
    if notice.at_deadline.signer:
        ways.append("signer")
    return f"not blocked: the register has no {' or '.join(ways)} of {notice.provider}"


def _commission_first(id: str, what: str) -> str:
    return (
        f"{what}: the Commission must be told first, (k)(4): send `ringfence notice text {id}`, "
        f"then `ringfence notice step {id} --commission`"
    )


def _what_then(notice: Notice) -> str:
    then = str(notice.at_deadline)
    if waits_for_commission(notice):
        then += ", but the Commission is not told yet, so only an alarm for that"
    return then


def lifted(notice: Notice, step: Step) -> tuple[Notice, tuple[str, ...]]:
    """The notice without its block, and the rules that go."""
    rules = tuple(notice.blocked.rules) if notice.blocked else ()
    moved = msgspec.structs.replace(notice, status="lifted", blocked=None)
    return moved.with_step(step), rules


def resolved(notice: Notice, step: Step) -> Notice:
    """The notice, settled."""
    return msgspec.structs.replace(notice, status="resolved").with_step(step)


def extended(notice: Notice, deadline: datetime, step: Step) -> Notice:
    """The notice with another deadline; what is still to come of its reminders comes again."""
    moved = msgspec.structs.replace(notice, deadline=deadline, alarmed=None)
    moved = msgspec.structs.replace(moved, reminded=reminders_past(moved, step.at))
    return moved.with_step(step)


def _span(text: str) -> timedelta:
    return timedelta(seconds=parse_duration(text))


def _version(rule: Rule) -> str:
    return version_of(encode_rule(rule))


def _named(rules: Collection[str]) -> str:
    return f"rule {', '.join(rules)}" if len(rules) == 1 else f"rules {', '.join(rules)}"
