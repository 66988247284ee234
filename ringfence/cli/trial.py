"""Calls of a table held against rules: what comes out, and why; fetches nothing."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from ringfence.call import Call
from ringfence.cli.asserted_counts import COUNTS, counted_as_said, without_counter
from ringfence.cli.trial_ground import call_in
from ringfence.cli.verdict_table import Case
from ringfence.rules import Step, demands, evaluate, explain
from ringfence.rules.velocity import Demand
from ringfence.thresholds import NO_THRESHOLDS, Thresholds
from ringfence.trunk import DEFAULT_TRUNK
from ringfence.verdict import Verdict
from ringfence.world import World

MOST_SAID = 5


class Failure(NamedTuple):
    """A call whose verdict is another: what was expected and what came, and all rules in turn."""

    case: Case
    call: Call
    differences: dict[str, tuple[str, str]]
    verdict: Verdict
    steps: list[Step]


class Tried(NamedTuple):
    """The calls whose verdicts are not those that are expected, and the counters that the table
    said nothing of: rule and kind, and for how many calls they would have counted."""

    failures: list[Failure]
    not_counted: Mapping[tuple[str, str], int]


def try_all(
    cases: Iterable[Case], world: World, now: float, thresholds: Thresholds = NO_THRESHOLDS
) -> Tried:
    """Hold each call against the rules."""
    failures: list[Failure] = []
    counting = [compiled for compiled in world.rules.rules if compiled.counters]
    not_counted = Tally[tuple[str, str]]()
    for case in cases:
        at = now if case.at is None else case.at
        call = call_in(case, world.trunks)
        trunk = world.trunks.get(case.attempt.trunk, DEFAULT_TRUNK)
        given: dict[str, Any] = {
            "choice": world.callees.choice(call, world.lists, at),
            "thresholds": trunk.score or thresholds,
            "counted": counted_as_said(counting, call, case.counts),
        }
        asked = demands(world.rules, call, world.lists, at, choice=given["choice"])
        not_counted.update(_parts(each) for each in asked if each.key not in given["counted"])
        verdict = evaluate(world.rules, call, world.lists, at, **given)
        got = _result(verdict)
        differences = {
            name: (wanted, got[name])
            for name, wanted in case.expected.items()
            if wanted != got[name]
        }
        if differences:
            steps = explain(world.rules, call, world.lists, at, **given)
            steps = [_told(step, case) for step in steps]
            failures.append(Failure(case, call, differences, verdict, steps))
    return Tried(failures, not_counted)


def notes_on_counting(cases: Iterable[Case], world: World, tried: Tried) -> list[str]:
    """What an admin should know of counters, in one line each."""
    counting = [compiled for compiled in world.rules.rules if compiled.counters]
    said = (note for case in cases for note in without_counter(counting, case.counts))
    notes = list(dict.fromkeys(said))
    if tried.not_counted:
        named = sorted(tried.not_counted.items())
        shown = ", ".join(f"{kind} of rule {id} ({n})" for (id, kind), n in named[:MOST_SAID])
        more = f" and {len(named) - MOST_SAID} more" if len(named) > MOST_SAID else ""
        notes.append(
            f"not counted, by calls: {shown}{more}; columns rate and spread say how many there are"
        )
    return notes


def _parts(demand: Demand) -> tuple[str, str]:
    rule_id, kind, _ = demand.key.split(":", 2)
    return rule_id, kind


def _told(step: Step, case: Case) -> Step:
    """A count of nothing that nobody counted is no count."""
    for kind in COUNTS:
        if step.why.startswith(f"{kind} 0 of ") and case.counts.of(step.rule, kind) is None:
            why = step.why.replace(f"{kind} 0 of ", f"{kind} not counted, of ", 1)
            return msgspec.structs.replace(step, why=why)
    return step


def _result(verdict: Verdict) -> dict[str, str]:
    return {
        "action": str(verdict.action),
        "rule": verdict.rule,
        "sip": str(verdict.sip or ""),
        "label": verdict.label,
        "reason": str(verdict.reason),
        "callee": verdict.callee,
        "score": str(verdict.score or ""),
        "noted": " ".join(sorted(note.rule for note in verdict.noted)),
    }
