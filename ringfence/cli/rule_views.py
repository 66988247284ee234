"""How rules look to an admin: a line in a table, all facts of one; knows no store."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ringfence.cli.output import moment
from ringfence.rules import Rule, RuleRefused, decode_rule
from ringfence.rules.compile import compile_rule
from ringfence.rules.model import values_of
from ringfence.verdict import Action, sip_code

COLUMNS = ("rule", "priority", "action", "when", "state", "expires", "added", "note")


class Shown(NamedTuple):
    """A rule as it stands in Redis; `rule` is None where it cannot be read, `refused` says why."""

    id: str
    rule: Rule | None
    refused: str


def read_rule(rule_id: str, text: bytes) -> Shown:
    """A rule to show, refused or not."""
    try:
        rule = decode_rule(rule_id, text)
        compile_rule(rule)
    except RuleRefused as error:
        return Shown(rule_id, None, error.reason)
    return Shown(rule_id, rule, "")


def order(shown: Shown) -> tuple[int, int, str]:
    """Order of evaluation; refused ones first, as they want looking at."""
    return (0, 0, shown.id) if shown.rule is None else (1, shown.rule.priority, shown.id)


def row(shown: Shown, now: datetime) -> tuple[str, ...]:
    """One line of `ringfence rule list`."""
    rule = shown.rule
    if rule is None:
        return (shown.id, "", "", "", "REFUSED", "", "", shown.refused)
    added = " ".join(part for part in (rule.added_by, moment(rule.added_at)) if part)
    return (
        rule.id,
        str(rule.priority),
        str(rule.action),
        conditions(rule),
        state(rule, now),
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
    """``caller +1900* or @scammers, trunk carrier-b*``."""
    fields = []
    for name in rule.when.__struct_fields__:
        if values := values_of(getattr(rule.when, name)):
            text = " or ".join(values[:4]) + (f" or {len(values) - 4} more" if values[4:] else "")
            fields.append(f"{name} {text}")
    return ", ".join(fields) or "every call"


def response(rule: Rule) -> str:
    """What the caller or the called party gets."""
    if rule.action is Action.FLAG:
        return f"label {rule.respond.label!r}"
    if rule.action is Action.ALLOW:
        return ""
    code = f"SIP {rule.respond.sip or sip_code(rule.basis)}"
    return f"plays {rule.respond.prompt}, then {code}" if rule.action is Action.INTERCEPT else code


def details(shown: Shown, now: datetime) -> list[tuple[str, str]]:
    """Why, since when, who, and how to undo it."""
    rule = shown.rule
    undo = f"ringfence rule remove {shown.id}"
    if rule is None:
        return [
            ("rule", shown.id),
            ("state", "REFUSED"),
            ("reason", shown.refused),
            ("in force", "its last good version, if it had one"),
            ("mend", f"ringfence rule set {shown.id} FILE"),
            ("undo", undo),
        ]
    on = rule.enabled
    return [
        ("rule", rule.id),
        ("state", state(rule, now)),
        ("action", str(rule.action)),
        ("when", conditions(rule)),
        ("response", response(rule)),
        ("why", rule.note or "(no note)"),
        ("basis", str(rule.basis)),
        ("since", moment(rule.added_at) or "(not known: written by hand)"),
        ("added by", rule.added_by or "(not known: written by hand)"),
        ("until", moment(rule.expires_at) or "for good"),
        ("priority", str(rule.priority)),
        ("switch " + ("off" if on else "on"),
         f"ringfence rule {'disable' if on else 'enable'} {rule.id}"),
        ("undo", undo),
    ]  # fmt: skip


def document(shown: Shown) -> dict[str, Any]:
    """A rule for `--json`."""
    if shown.rule is None:
        return {"id": shown.id, "refused": shown.refused}
    built: dict[str, Any] = msgspec.to_builtins(shown.rule)
    return {**built, "when": msgspec.to_builtins(shown.rule.when)}
