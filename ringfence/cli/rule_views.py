"""How rules look to an admin: a line in a table, all facts of one; knows no store."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ringfence.cli.hit_views import hit_cells, hit_details
from ringfence.cli.output import moment
from ringfence.rules import Rule, RuleRefused, decode_rule
from ringfence.rules.compile import compile_rule
from ringfence.rules.model import Score, values_of
from ringfence.rules.respond import DEFAULT_LABEL, DEFAULT_PROMPT
from ringfence.rules.velocity import Rate, Spread, counters_of
from ringfence.store.counting.hits import Hits
from ringfence.store.writing.history import version_of
from ringfence.verdict import Action, Basis, sip_code

COLUMNS = ("rule", "priority", "action", "when", "state", "hits", "last hit", "expires", "added",
           "note")  # fmt: skip


class Shown(NamedTuple):
    """A rule as it stands in Redis; `rule` is None where it cannot be read, `refused` says why."""

    id: str
    rule: Rule | None
    refused: str
    version: str = ""


def read_rule(rule_id: str, text: bytes) -> Shown:
    """A rule to show, refused or not."""
    try:
        rule = decode_rule(rule_id, text)
        compile_rule(rule)
    except RuleRefused as error:
        return Shown(rule_id, None, error.reason, version_of(text))
    return Shown(rule_id, rule, "", version_of(text))


def order(shown: Shown) -> tuple[int, int, str]:
    """Order of evaluation; refused ones first, as they want looking at."""
    return (0, 0, shown.id) if shown.rule is None else (1, shown.rule.priority, shown.id)


def row(shown: Shown, hits: Hits, now: datetime) -> tuple[str, ...]:
    """One line of `ringfence rule list`."""
    rule = shown.rule
    if rule is None:
        return (shown.id, "", "", "", "REFUSED", *hit_cells(hits), "", "", shown.refused)
    added = " ".join(part for part in (rule.added_by, moment(rule.added_at)) if part)
    return (
        rule.id,
        str(rule.priority),
        deed(rule),
        conditions(rule),
        state(rule, now),
        *hit_cells(hits),
        moment(rule.expires_at),
        added or "by hand",
        rule.note,
    )


def state(rule: Rule, now: datetime) -> str:
    """In one word what the rule does now."""
    if not rule.enabled:
        return "off"
    if rule.expires_at and rule.expires_at <= now:
        return "expired"
    return "monitor" if rule.mode == "monitor" else "on"


def conditions(rule: Rule) -> str:
    """``caller +1900* or @list but not @known, trunk carrier-b*, rate 10 in 1m per caller``."""
    when = rule.when
    fields = []
    for name in when.__struct_fields__:
        value = getattr(when, name)
        if isinstance(value, Rate | Spread | Score):
            continue
        if values := values_of(value):
            fields.append(f"{name} {_values(values)}")
    fields += [f"{c.kind} {c.text}" for c in counters_of(rule.id, when.rate, when.spread)]
    if when.score:
        fields.append(f"score at least {when.score.at_least}")
    return ", ".join(fields) or "every call"


def _values(values: tuple[str, ...]) -> str:
    # any value is enough, but not an excluded one: `or` between the two would say the opposite
    wanted = [value for value in values if not value.startswith("!")]
    excluded = [value[1:] for value in values if value.startswith("!")]
    parts = [_few(wanted)] if wanted else []
    parts += [f"not {_few(excluded)}"] if excluded else []
    return " but ".join(parts)


def _few(values: list[str]) -> str:
    return " or ".join(values[:4]) + (f" or {len(values) - 4} more" if values[4:] else "")


def deed(rule: Rule) -> str:
    """The action, with the points that it adds or a label of its own."""
    match rule.action:
        case Action.SCORE:
            return f"{rule.action} {rule.points:+d}"
        case Action.FLAG if rule.respond.label != DEFAULT_LABEL:
            return f"{rule.action} {rule.respond.label!r}"
    return str(rule.action)


def response(rule: Rule) -> str:
    """What the caller or the called party gets."""
    respond = rule.respond
    code = f"SIP {respond.sip or sip_code(rule.basis)}"
    if rule.basis is Basis.IDENTITY and not respond.sip:
        code = "the failure's own SIP code (428, 403, 436, 437, 438)"
    match rule.action:
        case Action.ALLOW:
            return ""
        case Action.FLAG:
            return f"label {respond.label!r}"
        case Action.SCORE:
            return f"{rule.points:+d} points"
        case Action.DIVERT:
            return f"goes to {_place(rule)}"
        case Action.CHALLENGE:
            tries = "1 try" if respond.tries == 1 else f"{respond.tries} tries"
            kept = "" if respond.remember == "0s" else f", a pass is kept for {respond.remember}"
            return f"press a digit{_how(rule)}: {tries}{kept}, else {code}"
        case Action.INTERCEPT:
            prompts = ", ".join(respond.prompts) or DEFAULT_PROMPT
            then = {"continue": "lets it go on", "divert": f"sends it to {_place(rule)}"}
            return f"plays {prompts}{_how(rule)}, then {then.get(respond.then, code)}"
    return code


def _place(rule: Rule) -> str:
    return f"{rule.respond.extension or '(the called number)'}@{rule.respond.context}"


def _how(rule: Rule) -> str:
    respond = rule.respond
    parts = [
        f"in {respond.language}" if respond.language else "",
        f"{respond.repeat} times" if respond.repeat > 1 else "",
        "in an answered call" if respond.answer else "",
    ]
    return "".join(f" {part}" for part in parts if part)


def _also(rule: Rule) -> str:
    return ", ".join(f"list {each.list} for {each.for_}" for each in rule.listings)


def details(shown: Shown, hits: Hits, now: datetime) -> list[tuple[str, str]]:
    """Why, since when, who, how often, and how to undo it."""
    rule = shown.rule
    undo = [
        ("undo", f"ringfence rule undo {shown.id}"),
        ("remove", f"ringfence rule remove {shown.id}"),
    ]
    if rule is None:
        return [
            ("rule", shown.id),
            ("state", "REFUSED"),
            ("reason", shown.refused),
            ("in force", "its last good version, if it had one"),
            *hit_details(hits),
            ("mend", f"ringfence rule set {shown.id} FILE"),
            ("version", shown.version),
            ("history", f"ringfence rule history {shown.id}"),
            *undo,
        ]
    on = rule.enabled
    return [
        ("rule", rule.id),
        ("state", state(rule, now)),
        ("action", str(rule.action)),
        ("when", conditions(rule)),
        ("response", response(rule)),
        ("caller goes on", _also(rule)),
        ("why", rule.note or "(no note)"),
        ("basis", str(rule.basis)),
        ("since", moment(rule.added_at) or "(not known: written by hand)"),
        ("added by", rule.added_by or "(not known: written by hand)"),
        ("until", moment(rule.expires_at) or "for good"),
        ("priority", str(rule.priority)),
        *hit_details(hits),
        ("switch " + ("off" if on else "on"),
         f"ringfence rule {'disable' if on else 'enable'} {rule.id}"),
        ("version", shown.version),
        ("history", f"ringfence rule history {shown.id}"),
        *undo,
    ]  # fmt: skip


def document(shown: Shown) -> dict[str, Any]:
    """A rule for `--json`."""
    if shown.rule is None:
        return {"id": shown.id, "version": shown.version, "refused": shown.refused}
    built: dict[str, Any] = msgspec.to_builtins(shown.rule)
    when = msgspec.to_builtins(shown.rule.when)
    return {**built, "when": when, "version": shown.version}
