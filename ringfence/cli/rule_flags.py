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

from ringfence.cli.hit_views import SHOWN
from ringfence.cli.output import parse_moment
from ringfence.cli.refusals import Refused
from ringfence.cli.rule_counting import FACTS, RATE_FORM, SPREAD_FORM, also_of, rate_of, spread_of
from ringfence.lists import parse_entry
from ringfence.numbers import normalise
from ringfence.rules import MAX_RULE_BYTES, Rule, decode_rule
from ringfence.rules.respond import DEFAULT_LABEL
from ringfence.strict_json import refuse_repeated_names
from ringfence.verdict import Action, Basis

F = TypeVar("F", bound=Callable[..., Any])

_CONDITIONS = {
    "caller": "Calling number: +12025550123, '+1900*', +12025550100-+12025550199, @list, "
    "'~pattern', anonymous, invalid (cannot exist), unallocated (with feed nxx), neighbour (first "
    "six digits of the called number), own (in list own), same (as the called number), tollfree, "
    "emergency.",
    "called": "Called number, in the same forms, emergency aside.",
    "country": "The caller's, as an ISO code: US.",
    "caller_name": "Caller's name as it is written, or '~pattern'.",
    "user_agent": "User-Agent header as it is written, or '~pattern'; where the dialplan hands it "
    "on (RINGFENCE_HEADERS=User-Agent).",
    "trunk": "Trunk (PJSIP endpoint), * allowed.",
    "provider": "Provider that the trunk's settings name, * allowed.",
    "source_ip": "Source address or CIDR.",
    "attestation": "A, B, C or none.",
    "verification": "passed, failed or none.",
    "reason": "Why no signature counts, where Ringfence verifies itself: no-identity, stale, "
    "bad-signature, untrusted, revoked, orig-mismatch, ...",
    "signer": "Service provider code of who signed; of tokens that Ringfence verified itself.",
    "diverter": "The same of one who sent the call on to another number, and signed that.",
    "origid": "Origination id of the attestation.",
    "schedule": "'mon-fri 08:00-17:30 America/New_York', '22:00-06:00 UTC', 'sat,sun UTC'.",
}
_RESPOND = ("prompt", "sip", "label", "language", "answer", "repeat", "then", "context",
            "extension", "tries", "remember")  # fmt: skip
_DIALLED = re.compile(r"[0-9(][0-9 ().-]{6,}", re.ASCII)
# +1 (202) 555-0123; without a separator it is an entry as it stands
_SEPARATED = re.compile(r"\+[0-9]+[ (.-][0-9 ().-]{4,}", re.ASCII)
_ACTS_ON = {
    "points": ("score",),
    "prompt": ("intercept", "challenge"),
    "language": ("intercept", "challenge"),
    "answer": ("intercept",),
    "repeat": ("intercept",),
    "then": ("intercept",),
    "context": ("divert", "intercept"),
    "extension": ("divert", "intercept"),
    "tries": ("challenge",),
    "remember": ("challenge",),
    "sip": ("block", "intercept", "challenge"),
    "label": ("flag",),
}


def rule_flags(function: F) -> F:
    """Adds the flags of a rule to a command."""
    options = [
        click.option(f"--{name.replace('_', '-')}", name, multiple=True, metavar="VALUE", help=text)
        for name, text in _CONDITIONS.items()
    ]
    options += [
        click.option("--rate", metavar="TEXT", help=f"So many calls: {RATE_FORM}; per "
                     f"{', '.join(FACTS)}, or several: 'caller and trunk'."),
        click.option("--spread", metavar="TEXT",
                     help=f"So many different ones: {SPREAD_FORM}; of and per the same."),
        click.option("--score-at-least", type=int, metavar="N",
                     help="So many points from the rules before it."),
        click.option("--every-call", is_flag=True, help="Yes, this rule has no condition."),
        click.option("--action", type=click.Choice([str(action) for action in Action])),
        click.option("--points", type=int, help="What action score adds; may be below 0."),
        click.option("--also", multiple=True, metavar="LIST:TIME",
                     help="Put the caller on a list for a time, such as caught:1h; repeatable."),
        click.option("--prompt", multiple=True, metavar="SOUND",
                     help="What an intercept or a challenge plays; repeatable."),
        click.option("--language", help="In which prompts are played: es, en_GB."),
        click.option("--answer", is_flag=True,
                     help="Answer before an intercept's prompt, else early media."),
        click.option("--repeat", type=int, help="How often an intercept plays it."),
        click.option("--then", type=click.Choice(["reject", "continue", "divert"]),
                     help="What follows an intercept; reject where none is given."),
        click.option("--context", help="Of the dialplan, where a divert goes."),
        click.option("--extension", help="There; the called number where none is given."),
        click.option("--tries", type=int,
                     help="Tries at a challenge: 1 to 5; 3 where none is given."),
        click.option("--remember", metavar="SPAN",
                     help="How long who passed a challenge is not asked again: 24h; 0s: never."),
        click.option("--sip", type=int, help="SIP code instead of the basis's own."),
        click.option("--label", help="What a flag puts in front of the caller name; "
                     f"{DEFAULT_LABEL} where none is given."),
        click.option("--basis", type=click.Choice([str(basis) for basis in Basis]),
                     help="On what ground: decides the SIP code, and whom opt-outs spare."),
        click.option("--mode", type=click.Choice(["enforce", "monitor"]),
                     help="monitor: only notes what it would have done."),
        click.option("--priority", type=int, help="Lowest first; 100 where none is given."),
        click.option("--expires", metavar="WHEN", help="7d, 2027-01-31 or a time with its zone."),
        click.option("--note", help="Why, for the next admin."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def rule_of(rule_id: str, source: str, flags: dict[str, Any], who: str, now: datetime) -> Rule:
    """The rule that a command line describes, by flags or as JSON in a file or on stdin."""
    # by identity: 0 is a priority, and equal to False
    given = {n: v for n, v in flags.items() if v is not None and v is not False and v != ()}
    if source:
        if given:
            raise click.UsageError(
                f"a rule comes from {source} or from flags, not from both: leave out "
                f"--{next(iter(given)).replace('_', '-')}"
            )
        rule = decode_rule(rule_id, _without_version(_read(source)))
    else:
        rule = decode_rule(rule_id, msgspec.json.encode(_document(rule_id, given, now)))
    return msgspec.structs.replace(rule, added_by=who[:200], added_at=now.replace(microsecond=0))


def _without_version(text: bytes) -> bytes:
    # `show --json` says which version it shows, and its hits; what it shows can be set again
    try:
        document = msgspec.json.decode(text)
        refuse_repeated_names(text)
    except (ValueError, RecursionError):
        return text  # and what is wrong with it, the core says
    if not isinstance(document, dict) or document.pop("version", None) is None:
        return text
    for name in SHOWN:
        document.pop(name, None)
    return msgspec.json.encode(document)


def _document(rule_id: str, given: dict[str, Any], now: datetime) -> dict[str, Any]:
    if "action" not in given:
        raise click.UsageError("--action is missing: one of " + ", ".join(Action))
    for name, actions in _ACTS_ON.items():
        if name in given and given["action"] not in actions:
            raise click.UsageError(
                f"--{name} does nothing with action {given['action']}: it goes with "
                + " or ".join(actions)
            )
    for name in _CONDITIONS:
        if "" in given.get(name, ()):
            raise click.UsageError(
                f"--{name.replace('_', '-')} is empty: give it a value or leave it out"
            )
    when: dict[str, Any] = {
        name: [_value(name, v) for v in given[name]] for name in _CONDITIONS if name in given
    }
    if "rate" in given:
        when["rate"] = rate_of(given["rate"])
    if "spread" in given:
        when["spread"] = spread_of(given["spread"])
    if "score_at_least" in given:
        when["score"] = {"at_least": given["score_at_least"]}
    if not when and "every_call" not in given:
        raise click.UsageError(
            "no condition: give one such as --caller, or --every-call if every call is meant"
        )
    document: dict[str, Any] = {"id": rule_id, "when": when}
    for name in ("action", "points", "basis", "mode", "priority", "note"):
        if name in given:
            document[name] = given[name]
    if respond := {name: given[name] for name in _RESPOND if name in given}:
        if len(prompts := respond.get("prompt", ())) == 1:
            respond["prompt"] = prompts[0]
        document["respond"] = respond
    if "also" in given:
        document["also"] = [also_of(text) for text in given["also"]]
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

    Without a + it is read as dialled in the US. Left as it is where it is no one number.
    """
    text = text.strip()
    if _DIALLED.fullmatch(text) or _SEPARATED.fullmatch(text):
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
