"""Why a call would get its verdict, rule by rule, for `ringfence check`; slow and complete."""

from __future__ import annotations

import msgspec

from ringfence.call import Call
from ringfence.rules.choice import NO_CHOICE, Choice
from ringfence.rules.compile import CompiledRule, RuleBook
from ringfence.rules.emergency import emergency
from ringfence.rules.evaluate import CALLEE, THRESHOLDS, evaluate, has_passed
from ringfence.rules.match import Lists
from ringfence.rules.velocity import NOTHING_COUNTED, Counted
from ringfence.thresholds import NO_THRESHOLDS, Thresholds
from ringfence.verdict import Action, Reason

EMERGENCY = "(emergency)"
REDRESS = "(redress)"


class Step(msgspec.Struct, frozen=True):
    """One rule and the call. `outcome` is one of: matched, noted, no match, off, expired, left out,
    not reached; `why` the evidence field by field, or the first condition that did not match."""

    rule: str
    action: str
    outcome: str
    why: str


def explain(
    book: RuleBook,
    call: Call,
    lists: Lists,
    now: float,
    *,
    monitor: bool = False,
    choice: Choice = NO_CHOICE,
    thresholds: Thresholds = NO_THRESHOLDS,
    counted: Counted = NOTHING_COUNTED,
) -> list[Step]:
    """Every rule in order of evaluation; before them the emergency guard and the called customer's
    choice where they apply, behind them the score."""
    explanation = _Explanation(call, lists, now, monitor, choice, counted)
    explanation.before_rules()
    for compiled in book.rules:
        explanation.add(compiled)
    verdict = evaluate(
        book,
        call,
        lists,
        now,
        monitor=monitor,
        choice=choice,
        thresholds=thresholds,
        counted=counted,
    )
    by_score = verdict.reason in (Reason.SCORE, Reason.CHALLENGE) and not verdict.rule
    if by_score:
        why = ", ".join(verdict.matched)
        explanation.steps.append(Step(THRESHOLDS, verdict.action, "matched", why))
    explanation.steps += [
        Step(THRESHOLDS, note.action, "noted", note.why)
        for note in verdict.noted
        if note.rule == THRESHOLDS
    ]
    return explanation.steps


class _Explanation:
    def __init__(
        self,
        call: Call,
        lists: Lists,
        now: float,
        monitor: bool,
        choice: Choice,
        counted: Counted,
    ) -> None:
        self.call = call
        self.lists = lists
        self.now = now
        self.monitor = monitor
        self.choice = choice
        self.counted = counted
        self.steps: list[Step] = []
        self.ended = False
        self.score = 0

    def before_rules(self) -> None:
        """The emergency guard and the called customer's choice, where they say something."""
        choice = self.choice
        if why := emergency(self.call, self.lists, self.now):
            self.steps.append(Step(EMERGENCY, Action.ALLOW, "matched", why))
            self.ended = True
        elif choice.allowed:
            self.steps.append(Step(CALLEE, Action.ALLOW, "matched", choice.allowed))
        elif choice.blocked:
            outcome = "noted" if self.monitor else "matched"
            self.steps.append(Step(CALLEE, Action.BLOCK, outcome, choice.blocked))
            self.ended = not self.monitor
        if choice.released and not (self.ended or choice.allowed):
            self.steps.append(Step(REDRESS, Action.ALLOW, "matched", choice.released))

    def add(self, compiled: CompiledRule) -> None:
        """The next rule."""
        rule = compiled.rule
        outcome, why = self._outcome(compiled)
        self.ended = self.ended or outcome == "matched"
        self.steps.append(Step(rule.id, rule.action, outcome, why))

    def _outcome(self, compiled: CompiledRule) -> tuple[str, str]:
        rule = compiled.rule
        if not rule.enabled:
            return "off", "disabled"
        if compiled.expires <= self.now:
            return "expired", f"on {rule.expires_at:%Y-%m-%d %H:%M %Z}"
        if self.ended:
            return "not reached", ""
        if self.choice.leaves_out(rule.basis):
            return "left out", self._why_left_out()
        call, lists, now = self.call, self.lists, self.now
        evidence = compiled.test(call, lists, now)
        if evidence is None:
            return "no match", next(f for f in compiled.fields if not f.test(call, lists, now)).name
        more = compiled.reached(call, self.counted, self.score)
        if more is None:
            return "no match", self._not_reached(compiled)
        return self._matched(compiled, (*evidence, *more))

    def _why_left_out(self) -> str:
        if self.choice.allowed:
            return f"{self.choice.callee} allows this caller"
        if self.choice.released:
            return "this caller was released by a dispute"
        return f"{self.choice.callee} opted out of analytics"

    def _matched(self, compiled: CompiledRule, evidence: tuple[str, ...]) -> tuple[str, str]:
        rule = compiled.rule
        why = ", ".join(evidence) or "no conditions"
        if rule.points:
            why = f"{why}: {rule.points:+d} points"
        if rule.mode == "monitor":
            return "noted", why
        self.score += rule.points
        if self.monitor or not rule.action.ends:
            return "noted", why
        if rule.action is Action.CHALLENGE and (
            entry := has_passed(self.call, self.lists, self.now)
        ):
            return "matched", f"{why}, passed before ({entry})"
        return "matched", why

    def _not_reached(self, compiled: CompiledRule) -> str:
        for counter in compiled.counters:
            if not counter.evidence(self.call, self.counted):
                demand = counter.demand(self.call)
                if demand is None:
                    return f"{counter.kind}: the call has no {' and '.join(counter.per)}"
                return f"{counter.kind} {self.counted.get(demand.key, 0)} of {counter.text}"
        return f"score {self.score} of {compiled.score_at_least}"
