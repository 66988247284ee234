"""From the flags of `ringfence notice add` to a notice; whether it is in order, the core says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec

from ringfence.cli.callee_changes import canonical
from ringfence.cli.output import parse_moment, parse_past
from ringfence.providers.deadlines import Kind, deadline_of, minute, refuse_odd_time
from ringfence.providers.notice import USUAL, AtDeadline, Notice, Traffic
from ringfence.providers.progress import reminders_past

F = TypeVar("F", bound=Callable[..., Any])


def notice_flags(function: F) -> F:
    """Adds the flags that say what a notice is about."""
    for option in reversed((
        click.option("--kind", type=click.Choice([str(kind) for kind in Kind]), required=True),
        click.option("--provider", default="", metavar="ID", help="Of the register."),
        click.option("--title", default="", help="What it is called, such as its number."),
        click.option("--received", metavar="WHEN", help="A span ago (2h), or a time; else now."),
        click.option("--released", metavar="WHEN", help="When it was released, if that counts."),
        click.option("--deadline", metavar="WHEN", help="Instead of the one that its kind has."),
        click.option("--timezone", metavar="ZONE",
                     help="Of the office that answers a traceback; else notices.timezone."),
        click.option("--at-deadline", type=click.Choice([str(each) for each in AtDeadline]),
                     help="Instead of what is usual for its kind."),
        click.option("--basis", type=click.Choice(["provider-notice", "policy"]),
                     help="Of a block for a notice of your own: (k)(4), or your policy."),
        click.option("--hang-up", is_flag=True, help="End calls in progress, too."),
        click.option("--caller", multiple=True, metavar="NUMBER",
                     help="Of the traffic: number, prefix or range; repeatable."),
        click.option("--called", multiple=True, metavar="NUMBER", help="The same; repeatable."),
        click.option("--from", "since", metavar="WHEN", help="When the traffic began."),
        click.option("--until", metavar="WHEN", help="When it was seen last."),
        click.option("--campaign", default="", help="What the calls are about."),
        click.option("--text", default="", help="What else it says of the traffic."),
        click.option("--remind", multiple=True, metavar="SPAN",
                     help="So long before the deadline; repeatable; else 24h, 4h and 1h."),
    )):  # fmt: skip
        function = option(function)
    return function


def notice_of(flags: dict[str, Any], timezone: str, who: str, now: datetime) -> Notice:
    """The notice that the flags mean. UsageError or ValueError says what is wrong."""
    kind = Kind(flags["kind"])
    received = _past("--received", flags["received"], now) or now
    released = _past("--released", flags["released"], now)
    for option, at in (("--received", received), ("--released", released)):
        # A year too late, and the deadline would be so too.
        if at and at > now:
            raise click.UsageError(f"{option} {minute(at)} is yet to come")
    timezone = flags["timezone"] or (timezone if kind is Kind.TRACEBACK else "")
    if flags["deadline"]:
        deadline = _checked("--deadline", parse_moment(flags["deadline"], now))
        if deadline <= received:
            raise click.UsageError(f"--deadline {minute(deadline)} is before it was received")
    else:
        deadline = _deadline(kind, received, released, timezone)
    given: dict[str, Any] = {"remind": flags["remind"]} if flags["remind"] else {}
    at_deadline = flags["at_deadline"] or USUAL.get(kind, AtDeadline.ALARM)
    return Notice(
        kind=kind,
        received=received,
        deadline=deadline,
        provider=flags["provider"],
        title=flags["title"],
        released=released,
        timezone=timezone,
        traffic=Traffic(
            callers=canonical(flags["caller"]),
            called=canonical(flags["called"]),
            since=_past("--from", flags["since"], now),
            until=_past("--until", flags["until"], now),
            campaign=flags["campaign"],
            text=flags["text"],
        ),
        at_deadline=AtDeadline(at_deadline),
        basis=flags["basis"],
        hang_up=flags["hang_up"],
        added_by=who[:200],
        added_at=now,
        **given,
    )


def without_zone(flags: dict[str, Any]) -> list[str]:
    """Notes on times that were given without a zone: hours decide when a block may come."""
    found = []
    for name in ("received", "released", "deadline"):
        text = flags[name] or ""
        with contextlib.suppress(ValueError):
            at = datetime.fromisoformat(text)
            if at.tzinfo is None:
                found.append(
                    f"--{name} {text} is taken as {minute(at.replace(tzinfo=UTC))}: where hours "
                    "matter, give a time with its zone, as 2026-11-20T14:00-05:00"
                )
    return found


def without_past_reminders(notice: Notice, now: datetime) -> Notice:
    """The notice with those reminders ticked off whose time has come: its writer knows."""
    return msgspec.structs.replace(notice, reminded=reminders_past(notice, now))


def _deadline(kind: Kind, received: datetime, released: datetime | None, timezone: str) -> datetime:
    try:
        return deadline_of(kind, received, released, timezone)
    except ValueError as error:
        option = "--timezone" if kind is Kind.TRACEBACK else "--deadline"
        raise click.UsageError(f"{error}: give {option}") from None


def _past(option: str, text: str | None, now: datetime) -> datetime | None:
    return _checked(option, parse_past(text, now).replace(microsecond=0)) if text else None


def _checked(option: str, at: datetime) -> datetime:
    try:
        refuse_odd_time(option, at)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return at
