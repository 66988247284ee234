"""One call against all rules: the verdict. Pure: no clock, no store, no channel."""

from __future__ import annotations

from ringfence.call import Call
from ringfence.rules.compile import RuleBook
from ringfence.rules.emergency import emergency
from ringfence.rules.match import Lists
from ringfence.rules.model import Rule
from ringfence.verdict import Action, Noted, Reason, Verdict, sip_code


def evaluate(
    book: RuleBook, call: Call, lists: Lists, now: float, *, monitor: bool = False
) -> Verdict:
    """What the rules say of `call` at `now` (Unix seconds).

    The emergency guard comes first. Then lowest priority first, then by id: `flag` and monitor
    rules are noted and the evaluation goes on, anything else ends it; without an end the call is
    let through. With `monitor` every rule only notes.
    """
    if why := emergency(call, lists, now):
        return Verdict(action=Action.ALLOW, reason=Reason.EMERGENCY, matched=(why,))
    noted: list[Noted] = []
    flag: Rule | None = None
    flag_evidence: tuple[str, ...] = ()
    for compiled in book.lookup.candidates(call, lists, now):
        if not compiled.in_force(now):
            continue
        evidence = compiled.test(call, lists, now)
        if evidence is None:
            continue
        rule = compiled.rule
        if monitor or rule.mode == "monitor":
            noted.append(Noted(rule.id, rule.action, True))
        elif rule.action is Action.FLAG:
            noted.append(Noted(rule.id, rule.action, False))
            if flag is None:
                flag, flag_evidence = rule, evidence
        else:
            return _ended_by(rule, evidence, flag, tuple(noted))
    if flag is None:
        return Verdict(action=Action.ALLOW, reason=Reason.NO_RULE, noted=tuple(noted))
    return Verdict(
        action=Action.FLAG,
        reason=Reason.RULE,
        rule=flag.id,
        label=flag.respond.label,
        basis=flag.basis,
        matched=flag_evidence,
        noted=tuple(noted),
    )


def _ended_by(
    rule: Rule, evidence: tuple[str, ...], flag: Rule | None, noted: tuple[Noted, ...]
) -> Verdict:
    action, label, sip, prompt = rule.action, "", 0, ""
    if action is Action.ALLOW:
        if flag is not None:
            action, label = Action.FLAG, flag.respond.label
    else:
        sip = rule.respond.sip or sip_code(rule.basis)
        prompt = rule.respond.prompt if action is Action.INTERCEPT else ""
    return Verdict(
        action=action,
        reason=Reason.RULE,
        rule=rule.id,
        label=label,
        sip=sip,
        prompt=prompt,
        basis=rule.basis,
        matched=evidence,
        noted=noted,
    )
