"""A rule as admins write it in Redis, decoded strictly; knows nothing of calls.

Whatever is wrong with a rule is found here or in `match`, by name and before it is in force,
never while a call waits.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringfence.rules.respond import Listing, Listings, Respond
from ringfence.rules.velocity import Rate, Spread
from ringfence.strict_json import refuse_repeated_names
from ringfence.verdict import Action, Basis

RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
MAX_RULE_BYTES = 65_536

Value = Annotated[str, Meta(min_length=1, max_length=200)]
_Several = Meta(min_length=1, max_length=1000)
Values = Value | Annotated[tuple[Value, ...], _Several]


class RuleRefused(ValueError):  # noqa: N818 - the field's word: a rule is refused
    """A rule that cannot be taken into force, and in one line why."""

    def __init__(self, rule_id: str, reason: str) -> None:
        super().__init__(f"rule {rule_id}: {reason}")
        self.rule_id = rule_id
        self.reason = reason


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Hours of the week: days, hours or both, in a time zone.

    ``mon-fri 08:00-17:30 America/New_York`` in one text means the same.
    """

    timezone: Value
    days: Value = ""
    hours: Value = ""

    def __post_init__(self) -> None:
        if any("!" in part or " " in part for part in (self.timezone, self.days, self.hours)):
            # the text that is made of it would say something else
            raise ValueError(
                "no ! or space inside a schedule; to exclude one, write it as "
                "'!mon-fri 08:00-17:30 America/New_York'"
            )

    @property
    def text(self) -> str:
        """The schedule in one text."""
        return " ".join(part for part in (self.days, self.hours, self.timezone) if part)


Schedules = Schedule | Value | Annotated[tuple[Schedule | Value, ...], _Several]


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least so many points, of the rules before this one."""

    at_least: Annotated[int, Meta(ge=1, le=100_000)]


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The conditions: within a field any value matches, across fields all must."""

    caller: Values = ()
    called: Values = ()
    country: Values = ()
    caller_name: Values = ()
    user_agent: Values = ()
    trunk: Values = ()
    provider: Values = ()
    source_ip: Values = ()
    attestation: Values = ()
    verification: Values = ()
    reason: Values = ()
    signer: Values = ()
    diverter: Values = ()
    origid: Values = ()
    schedule: Schedules = ()
    rate: Rate | None = None
    spread: Spread | None = None
    score: Score | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule. `expires_at` needs a time zone; lowest `priority` first, then `id`.

    `points` are what action score adds; `also` are lists that the caller goes on for a time.
    """

    action: Action
    id: str = ""
    priority: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    when: When = When()
    points: Annotated[int, Meta(ge=-100_000, le=100_000)] = 0
    respond: Respond = Respond()
    also: Listings = ()
    basis: Basis = Basis.POLICY
    mode: Literal["enforce", "monitor"] = "enforce"
    enabled: bool = True
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    added_by: Annotated[str, Meta(max_length=200)] = ""
    added_at: Annotated[datetime, Meta(tz=True)] | None = None
    note: Annotated[str, Meta(max_length=4000)] = ""

    def __post_init__(self) -> None:
        if (self.action is Action.SCORE) != bool(self.points):
            raise ValueError(
                "action score needs points, such as 40"
                if self.action is Action.SCORE
                else "points are for action score"
            )
        if self.action is Action.DIVERT and not self.respond.context:
            raise ValueError("action divert needs respond.context, a context of the dialplan")

    @property
    def listings(self) -> tuple[Listing, ...]:
        """The lists of `also`, whether one was written or several."""
        return (self.also,) if isinstance(self.also, Listing) else self.also


_decoder = msgspec.json.Decoder(Rule)


def decode_rule(rule_id: str, text: bytes | str) -> Rule:
    """The rule in `text` (JSON of the contract) under the id `rule_id`.

    Raises `RuleRefused` with one line that names the field and what it takes.
    """
    shown = rule_id if RULE_ID.fullmatch(rule_id) else repr(rule_id[:64])
    if shown != rule_id:
        raise RuleRefused(
            shown, "an id has 1 to 64 letters, digits, _ . - and starts with none of . - _"
        )
    if len(text) > MAX_RULE_BYTES:
        raise RuleRefused(
            rule_id, f"larger than {MAX_RULE_BYTES} bytes: put the numbers into a list"
        )
    try:
        rule = _decoder.decode(text)
        refuse_repeated_names(text)
    except (ValueError, RecursionError) as error:
        raise RuleRefused(rule_id, _in_one_line(error)) from None
    if rule.id not in ("", rule_id):
        raise RuleRefused(rule_id, f"its own id says {rule.id[:64]!r}: make both the same")
    return msgspec.structs.replace(rule, id=rule_id)


def encode_rule(rule: Rule) -> bytes:
    """The JSON that is kept in Redis: only what differs from the defaults."""
    return msgspec.json.encode(rule)


def values_of(values: Values | Schedules) -> tuple[str, ...]:
    """A field's values as text, whether one was written or several."""
    if not values:
        return ()  # most fields of most rules
    if isinstance(values, str | Schedule):
        values = (values,)
    return tuple(each.text if isinstance(each, Schedule) else each for each in values)


_UNKNOWN = "Invalid enum value "
_A_TIME = "a time with its zone, such as 2027-01-31T00:00:00Z"
_TAKES = {
    "action": f"one of {', '.join(Action)}",
    "basis": f"one of {', '.join(Basis)}",
    "mode": "enforce or monitor",
    "expires_at": _A_TIME,
    "added_at": _A_TIME,
    "respond.sip": "400 to 699",
    "respond.label": "up to 32 letters, digits, spaces, ? ! * # : . _ + - and [ ] in pairs",
    "respond.prompt": "a sound's name of up to 128 letters, digits, _ / . -",
    "respond.language": "a language of Asterisk's, such as en or es_MX",
    "respond.context": "a context's name of up to 79 letters, digits, _ . -",
    "respond.extension": "an extension of up to 79 letters, digits, _ . * # + -",
}


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    for field, takes in _TAKES.items():
        # admins need not read regular expressions
        if text.endswith(f"at `$.{field}`"):
            value, _, _ = text.removeprefix(_UNKNOWN).rpartition(" - at ")
            return f"{field} takes {takes}" + (
                f", not {value[:80]}" if text.startswith(_UNKNOWN) else ""
            )
    # msgspec writes paths as $.when.caller; admins know no dollar
    return text.replace("$.", "").replace("`$`", "the rule").replace(" - at ", ", at ")[:300]
