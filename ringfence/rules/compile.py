"""All rules as one immutable book that calls are held against; knows no call and no store."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from ringfence.call import Call
from ringfence.rules.index import Index
from ringfence.rules.match import Compiled, Lists, compile_value
from ringfence.rules.model import Rule, RuleRefused, values_of
from ringfence.rules.velocity import Counted, Counter, counters_of
from ringfence.verdict import PLAIN, Also, Treatment

COUNTED = ("rate", "spread", "score")
"""Fields whose condition is no property of the call alone."""


class Field(NamedTuple):
    """One field of a rule: any of `wanted` must hold (none given: anything), none of `excluded`."""

    name: str
    wanted: tuple[Compiled, ...]
    excluded: tuple[Compiled, ...]

    def test(self, call: Call, lists: Lists, now: float) -> str:
        """The evidence, or "" where the field does not match."""
        for value in self.excluded:
            if value.test(call, lists, now):
                return ""
        for value in self.wanted:
            if evidence := value.test(call, lists, now):
                return f"{self.name} {evidence}"
        return "" if self.wanted else f"{self.name} not excluded"


class CompiledRule(NamedTuple):
    """A rule with its fields ready. `order`, priority and id, is its place among all rules;
    `expires` is in Unix seconds. Besides its fields, `counters` must have come to their numbers and
    the score to `score_at_least`."""

    order: tuple[int, str]
    rule: Rule
    fields: tuple[Field, ...]
    expires: float
    counters: tuple[Counter, ...] = ()
    score_at_least: int = 0
    treatment: Treatment = PLAIN
    also: tuple[Also, ...] = ()

    def in_force(self, now: float) -> bool:
        """False for a rule that is switched off or has run out."""
        return self.rule.enabled and self.expires > now

    def test(self, call: Call, lists: Lists, now: float) -> tuple[str, ...] | None:
        """The evidence field by field; None where some field does not match."""
        evidence = []
        for field in self.fields:
            if not (found := field.test(call, lists, now)):
                return None
            evidence.append(found)
        return tuple(evidence)

    def reached(self, call: Call, counted: Counted, score: int) -> tuple[str, ...] | None:
        """The evidence of counters and score; None where one has not come to its number."""
        evidence = []
        for counter in self.counters:
            if not (found := counter.evidence(call, counted)):
                return None
            evidence.append(found)
        if self.score_at_least:
            if score < self.score_at_least:
                return None
            evidence.append(f"score {score} of {self.score_at_least}")
        return tuple(evidence)


class RuleBook(NamedTuple):
    """All rules in order of evaluation, with an index over them; never changed once made."""

    rules: tuple[CompiledRule, ...]
    lookup: Index
    counters: Index = Index()
    """The same over the rules that count calls: most calls meet none of them."""

    @property
    def counting(self) -> int:
        """How many of the rules count calls."""
        return len(self.counters)

    @property
    def list_names(self) -> frozenset[str]:
        """The lists that rules name, whether or not they exist."""
        return frozenset(
            value.key.entry.text
            for rule in self.rules
            for field in rule.fields
            for value in (*field.wanted, *field.excluded)
            if value.key and value.key.kind == "list"
        )

    def changed(self, gone: Iterable[CompiledRule], new: Iterable[CompiledRule]) -> RuleBook:
        """Another book: this one without `gone`, all of which it has, and with `new`.

        What is the same is shared, so that one rule among ten thousand costs half a millisecond.
        """
        gone, new = tuple(gone), tuple(new)
        rules = list(self.rules)
        for rule in gone:
            del rules[bisect_left(rules, rule.order, key=_order)]
        for rule in new:
            insort(rules, rule, key=_order)
        counters = self.counters.changed(
            (rule for rule in gone if rule.counters), (rule for rule in new if rule.counters)
        )
        return RuleBook(tuple(rules), self.lookup.changed(gone, new), counters)


def compile_rule(rule: Rule) -> CompiledRule:
    """One rule, ready. Raises `RuleRefused` with one line that names the field."""
    fields = []
    for name in rule.when.__struct_fields__:
        if name in COUNTED:
            continue
        wanted: list[Compiled] = []
        excluded: list[Compiled] = []
        for text in values_of(getattr(rule.when, name)):
            kind = excluded if text.startswith("!") else wanted
            try:
                kind.append(compile_value(name, text.removeprefix("!")))
            except ValueError as error:
                raise RuleRefused(rule.id, f"when.{name}: {error}") from None
        if wanted or excluded:
            fields.append(Field(name, tuple(wanted), tuple(excluded)))
    expires = rule.expires_at.timestamp() if rule.expires_at else math.inf
    when = rule.when
    return CompiledRule(
        order=(rule.priority, rule.id),
        rule=rule,
        fields=tuple(fields),
        expires=expires,
        counters=counters_of(rule.id, when.rate, when.spread),
        score_at_least=when.score.at_least if when.score else 0,
        treatment=rule.respond.treatment,
        also=tuple(listing.also(rule.id) for listing in rule.listings),
    )


def compile_rules(rules: Iterable[Rule | CompiledRule]) -> RuleBook:
    """The book of these rules, lowest priority first, then by id; of an id the last one counts.

    Takes rules that are compiled already as they are.
    """
    compiled = (each if isinstance(each, CompiledRule) else compile_rule(each) for each in rules)
    return EMPTY_BOOK.changed((), {each.rule.id: each for each in compiled}.values())


_order = attrgetter("order")
EMPTY_BOOK = RuleBook((), Index())
