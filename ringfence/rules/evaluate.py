"""One call against all rules: the verdict. Pure: no clock, no store, no channel, no counter."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.call import Call
from ringfence.rules.choice import NO_CHOICE, Choice
from ringfence.rules.compile import CompiledRule, RuleBook
from ringfence.rules.emergency import emergency
from ringfence.rules.match import Lists
from ringfence.rules.model import Rule
from ringfence.rules.respond import DEFAULT_LABEL, DEFAULT_PROMPT, PASSED_LIST
from ringfence.rules.velocity import NOTHING_COUNTED, Counted, Demand
from ringfence.thresholds import NO_THRESHOLDS, Thresholds
from ringfence.verdict import (
    PLAIN,
    UNTOUCHED,
    Action,
    Also,
    Basis,
    Noted,
    Reason,
    Verdict,
    rejection,
    sip_code,
)

THRESHOLDS = "(score)"
CALLEE = "(callee)"
"""What is noted in a rule's place where the thresholds, or the called customer, would decide."""


def evaluate(
    book: RuleBook,
    call: Call,
    lists: Lists,
    now: float,
    *,
    monitor: bool = False,
    choice: Choice = NO_CHOICE,
    thresholds: Thresholds = NO_THRESHOLDS,
    counted: Counted = NOTHING_COUNTED,
) -> Verdict:
    """What the rules say of `call` at `now` (Unix seconds).

    First the emergency guard, then the called customer's `choice`, then the rules, lowest priority
    first, then by id: `flag`, `score` and monitor rules are noted and the evaluation goes on,
    anything else ends it. Without an end the `thresholds` decide by the points that came together;
    below them the call is let through. With `monitor` everything only notes. `counted` has what
    `demands` asked for.
    """
    if why := emergency(call, lists, now):
        return Verdict(action=Action.ALLOW, reason=Reason.EMERGENCY, matched=(why,))
    found = book.lookup.candidates(call, lists, now)
    if not found and choice is NO_CHOICE:
        return UNTOUCHED
    walk = _Walk(call, lists, now)
    if choice.blocked and not choice.allowed:
        if not monitor:
            return walk.refused_by(choice)
        walk.noted.append(Noted(CALLEE, Action.BLOCK, True, choice.blocked))
    for compiled in found:
        rule = compiled.rule
        if not compiled.in_force(now) or choice.leaves_out(rule.basis):
            continue
        evidence = compiled.test(call, lists, now)
        if evidence is None:
            continue
        if compiled.counters or compiled.score_at_least:
            more = compiled.reached(call, counted, walk.score)
            if more is None:
                continue
            evidence += more
        if walk.goes_on(compiled, evidence, monitor=monitor):
            continue
        return walk.ended_by(compiled, evidence, choice)
    if not walk.noted and choice is NO_CHOICE:
        return UNTOUCHED
    return walk.without_end(choice, thresholds, monitor=monitor)


def demands(
    book: RuleBook,
    call: Call,
    lists: Lists,
    now: float,
    *,
    monitor: bool = False,
    choice: Choice = NO_CHOICE,
) -> tuple[Demand, ...]:
    """What to count for this call before it is evaluated; nothing where no rule wants it.

    A rule counts the calls that meet all its other conditions, a score aside, and that no rule
    before it ended which counts nothing itself. A rule that asks for a score may yet end it or
    not: those behind it count.
    """
    # All candidates are walked a second time below: only for a call that one of them may count.
    if not book.counting or not book.counters.candidates(call, lists, now):
        return ()
    if emergency(call, lists, now):
        return ()
    if choice.blocked and not choice.allowed and not monitor:
        return ()
    return tuple(_demands(book, call, lists, now, monitor, choice))


def _demands(
    book: RuleBook, call: Call, lists: Lists, now: float, monitor: bool, choice: Choice
) -> Iterator[Demand]:
    for compiled in book.lookup.candidates(call, lists, now):
        rule = compiled.rule
        ends = rule.action.ends and not compiled.score_at_least and not compiled.counters
        ends = ends and not monitor and rule.mode != "monitor"
        if not compiled.in_force(now) or choice.leaves_out(rule.basis):
            continue
        if not (compiled.counters or ends) or compiled.test(call, lists, now) is None:
            continue
        for counter in compiled.counters:
            if demand := counter.demand(call):
                yield demand
        if ends:
            return


def has_passed(call: Call, lists: Lists, now: float) -> str:
    """The entry by which this caller is remembered to have passed a challenge, or ""."""
    passed = lists.get(PASSED_LIST)
    return passed.contains(call.caller, now) if passed is not None and call.caller.key else ""


class _Walk:
    """What came together on the way through the rules."""

    __slots__ = ("also", "call", "flag", "flag_evidence", "lists", "noted", "now", "score")

    def __init__(self, call: Call, lists: Lists, now: float) -> None:
        self.call = call
        self.lists = lists
        self.now = now
        self.noted: list[Noted] = []
        self.also: tuple[Also, ...] = ()
        self.score = 0
        self.flag: Rule | None = None
        self.flag_evidence: tuple[str, ...] = ()

    def goes_on(self, compiled: CompiledRule, evidence: tuple[str, ...], *, monitor: bool) -> bool:
        """Take in a rule that matched; False where it ends the evaluation."""
        rule = compiled.rule
        action, points = rule.action, rule.points
        if monitor or rule.mode == "monitor":
            if rule.mode != "monitor":
                # so that under the global monitor the thresholds are noted too
                self.score += points
            self._note(rule, evidence, points, noting=True)
            return True
        if action.ends:
            return False
        self.also += compiled.also
        self.score += points
        self._note(rule, evidence, points)
        if action is Action.FLAG and self.flag is None:
            self.flag, self.flag_evidence = rule, evidence
        return True

    def ended_by(
        self, compiled: CompiledRule, evidence: tuple[str, ...], choice: Choice
    ) -> Verdict:
        """The verdict of a rule that ends the evaluation."""
        rule = compiled.rule
        action, reason, sip, prompt, treatment = rule.action, Reason.RULE, 0, "", PLAIN
        also = self.also + compiled.also
        if action is Action.CHALLENGE and (entry := has_passed(self.call, self.lists, self.now)):
            action, reason, also = Action.ALLOW, Reason.CHALLENGE, self.also
            evidence = (*evidence, f"passed before ({entry})")
        # A flagged call that goes on, at once or after all, goes on with its label.
        label = self.flag.respond.label if self.flag and action is not Action.BLOCK else ""
        if action is Action.ALLOW:
            action = Action.FLAG if label else action
        elif action is not Action.DIVERT:
            sip = rule.respond.sip or rejection(rule.basis, self.call.attestation)
        if action in _TREATED:
            treatment = compiled.treatment
            prompt = "&".join(rule.respond.prompts)
            if action is Action.INTERCEPT and not prompt:
                prompt = DEFAULT_PROMPT
        return Verdict(
            action=action,
            reason=reason,
            rule=rule.id,
            label=label,
            sip=sip,
            prompt=prompt,
            basis=rule.basis,
            callee=choice.callee,
            score=self.score,
            treatment=treatment,
            matched=evidence,
            noted=tuple(self.noted),
            also=also,
        )

    def refused_by(self, choice: Choice) -> Verdict:
        """The verdict where the called customer blocks this caller."""
        return Verdict(
            action=Action.BLOCK,
            reason=Reason.CALLEE,
            basis=Basis.SUBSCRIBER,
            sip=sip_code(Basis.SUBSCRIBER),
            callee=choice.callee,
            matched=(choice.blocked,),
        )

    def without_end(self, choice: Choice, thresholds: Thresholds, *, monitor: bool) -> Verdict:
        """The verdict where no rule ended the evaluation."""
        call, lists = self.call, self.lists
        flag, matched = self.flag, self.flag_evidence
        action, reason, label, sip, basis = Action.ALLOW, Reason.NO_RULE, "", 0, ""
        if flag is not None:
            action, reason = Action.FLAG, Reason.RULE
            label, basis = flag.respond.label, flag.basis
        elif choice.allowed:
            reason, matched = Reason.CALLEE, (choice.allowed,)
        elif choice.released:
            reason, matched = Reason.REDRESS, (choice.released,)
        by_score, why = self._by_score(choice, thresholds)
        if by_score is not None and monitor:
            self.noted.append(Noted(THRESHOLDS, by_score, True, why))
        elif by_score is not None and (flag is None or by_score is not Action.FLAG):
            # a flag that is there already has the label of its rule
            label = label or (DEFAULT_LABEL if by_score is Action.FLAG else "")
            flag, reason, matched, basis = None, Reason.SCORE, (why,), Basis.ANALYTICS
            action = by_score
            if action is Action.CHALLENGE and (entry := has_passed(call, lists, self.now)):
                action, reason = Action.FLAG if label else Action.ALLOW, Reason.CHALLENGE
                matched = (why, f"passed before ({entry})")
            sip = sip_code(Basis.ANALYTICS) if action.ends and action is not Action.ALLOW else 0
            label = "" if action is Action.BLOCK else label
        return Verdict(
            action=action,
            reason=reason,
            rule=flag.id if flag else "",
            label=label,
            sip=sip,
            basis=basis,
            callee=choice.callee,
            score=self.score,
            matched=matched,
            noted=tuple(self.noted),
            also=self.also,
        )

    def _by_score(self, choice: Choice, thresholds: Thresholds) -> tuple[Action | None, str]:
        if self.score <= 0 or choice.allowed or choice.released or not choice.analytics:
            return None, ""
        for action, at in (
            (Action.BLOCK, thresholds.block_at),
            (Action.CHALLENGE, thresholds.challenge_at),
            (Action.FLAG, thresholds.flag_at),
        ):
            if at is not None and self.score >= at:
                return action, f"score {self.score}, {action}_at {at}"
        return None, ""

    def _note(
        self, rule: Rule, evidence: tuple[str, ...], points: int, *, noting: bool = False
    ) -> None:
        self.noted.append(Noted(rule.id, rule.action, noting, ", ".join(evidence), points))


_TREATED = (Action.INTERCEPT, Action.CHALLENGE, Action.DIVERT)
