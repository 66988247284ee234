"""From the flags of `ringfence rule add|set` to a rule; whether it is in order, the core says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from ringfence.cli.output import parse_moment
from ringfence.cli.refusals import Refused
from ringfence.lists import parse_entry
from ringfence.numbers import normalise
from ringfence.rules import MAX_RULE_BYTES, Rule, decode_rule
from ringfence.verdict import Action, Basis

F = TypeVar("F", bound=Callable[..., Any])

_CONDITIONS = {
    "caller": "Calling number: +12025550123, '+1900*', a range, @list, '~pattern', anonymous, "
    "invalid, neighbour, own, same, tollfree, emergency.",
    "called": "Called number, in the same forms, emergency aside.",
    "country": "The caller's, as an ISO code: US.",
    "caller_name": "Caller's name as it is written, or '~pattern'.",
    "user_agent": "User-Agent header as it is written, or '~pattern'.",
    "trunk": "Trunk (PJSIP endpoint), * allowed.",
    "provider": "Provider that the trunk's settings name, * allowed.",
    "source_ip": "Source address or CIDR.",
    "attestation": "A, B, C or none.",
    "verification": "passed, failed or none.",
    "origid": "Origination id of the attestation.",
    "schedule": "'mon-fri 08:00-17:30 America/New_York'.",
}
_DIALLED = re.compile(r"[0-9][0-9 ().-]{6,}")


def rule_flags(function: F) -> F:
    """Adds the flags of a rule to a command."""
    options = [
        click.option(f"--{name.replace('_', '-')}", name, multiple=True, metavar="VALUE", help=text)
        for name, text in _CONDITIONS.items()
    ]
    options += [
        click.option("--every-call", is_flag=True, help="Yes, this rule has no condition."),
        click.option("--action", type=click.Choice([str(action) for action in Action])),
        click.option("--prompt", help="Sound that an intercept plays."),
        click.option("--sip", type=int, help="SIP code instead of the basis's own."),
        click.option("--label", help="What a flag puts in front of the caller name."),
        click.option("--basis", type=click.Choice([str(basis) for basis in Basis])),
        click.option("--mode", type=click.Choice(["enforce", "monitor"])),
        click.option("--priority", type=int, help="Lowest first; 100 where none is given."),
        click.option("--expires", metavar="WHEN", help="7d, 2027-01-31 or a time with its zone."),
        click.option("--note", help="Why, for the next admin."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def rule_of(rule_id: str, source: str, flags: dict[str, Any], who: str, now: datetime) -> Rule:
    """The rule that a command line describes, by flags or as JSON in a file or on stdin."""
    given = {name: value for name, value in flags.items() if value not in (None, (), False)}
    if source:
        if given:
            raise click.UsageError(
                f"a rule comes from {source} or from flags, not from both: leave out "
                f"--{next(iter(given)).replace('_', '-')}"
            )
        rule = decode_rule(rule_id, _read(source))
    else:
        rule = decode_rule(rule_id, msgspec.json.encode(_document(rule_id, given, now)))
    return msgspec.structs.replace(rule, added_by=who[:200], added_at=now.replace(microsecond=0))


def _document(rule_id: str, given: dict[str, Any], now: datetime) -> dict[str, Any]:
    if "action" not in given:
        raise click.UsageError("--action is missing: one of " + ", ".join(Action))
    when = {name: [_value(name, v) for v in given[name]] for name in _CONDITIONS if name in given}
    if not when and "every_call" not in given:
        raise click.UsageError(
            "no condition: give one such as --caller, or --every-call if every call is meant"
        )
    document: dict[str, Any] = {"id": rule_id, "when": when}
    for name in ("action", "basis", "mode", "priority", "note"):
        if name in given:
            document[name] = given[name]
    document["respond"] = {n: given[n] for n in ("prompt", "sip", "label") if n in given}
    if "expires" in given:
        expires = parse_moment(given["expires"], now)
        if expires <= now:
            raise click.UsageError(f"--expires {given['expires']} is in the past")
        document["expires_at"] = expires
    return document


def _value(field: str, text: str) -> str:
    if field not in ("caller", "called"):
        return text
    excluded = "!" if text.startswith("!") else ""
    return excluded + as_entry(text.removeprefix("!"))


def as_entry(text: str) -> str:
    """A number as an admin writes it, in E.164: 202-555-0123 is +12025550123.

    Without a + it is read as dialled in the US. Left as it is where it is no plain number.
    """
    text = text.strip()
    if _DIALLED.fullmatch(text):
        return normalise(text).e164 or text
    try:
        return parse_entry(text).text
    except ValueError:
        return text


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read(MAX_RULE_BYTES + 1)
    try:
        with Path(source).open("rb") as file:
            return file.read(MAX_RULE_BYTES + 1)
    except OSError as error:
        raise Refused(f"{source}: {error.strerror}") from None
