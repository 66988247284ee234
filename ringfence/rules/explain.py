"""Why a call would get its verdict, rule by rule, for `ringfence check`; slow and complete."""

from __future__ import annotations

import msgspec

from ringfence.call import Call
from ringfence.rules.compile import CompiledRule, RuleBook
from ringfence.rules.emergency import emergency
from ringfence.rules.match import Lists
from ringfence.verdict import Action


class Step(msgspec.Struct, frozen=True):
    """One rule and the call. `outcome` is one of: matched, noted, no match, off, expired, not
    reached; `why` the evidence field by field, or the first field that did not match."""

    rule: str
    action: str
    outcome: str
    why: str


def explain(
    book: RuleBook, call: Call, lists: Lists, now: float, *, monitor: bool = False
) -> list[Step]:
    """Every rule in order of evaluation; the emergency guard is the first step where it applies."""
    steps: list[Step] = []
    ended = False
    if why := emergency(call, lists, now):
        steps.append(Step("(emergency)", Action.ALLOW, "matched", why))
        ended = True
    for compiled in book.rules:
        step = _step(compiled, call, lists, now, monitor=monitor, ended=ended)
        ended = ended or step.outcome == "matched"
        steps.append(step)
    return steps


def _step(
    compiled: CompiledRule, call: Call, lists: Lists, now: float, *, monitor: bool, ended: bool
) -> Step:
    rule = compiled.rule
    if not rule.enabled:
        return Step(rule.id, rule.action, "off", "disabled")
    if compiled.expires <= now:
        return Step(rule.id, rule.action, "expired", f"on {rule.expires_at:%Y-%m-%d %H:%M %Z}")
    if ended:
        return Step(rule.id, rule.action, "not reached", "")
    evidence = compiled.test(call, lists, now)
    if evidence is None:
        missed = next(f for f in compiled.fields if not f.test(call, lists, now))
        return Step(rule.id, rule.action, "no match", missed.name)
    why = ", ".join(evidence) or "no conditions"
    if monitor or rule.mode == "monitor":
        return Step(rule.id, rule.action, "noted", why)
    if rule.action is Action.FLAG:
        return Step(rule.id, rule.action, "noted", why)
    return Step(rule.id, rule.action, "matched", why)
