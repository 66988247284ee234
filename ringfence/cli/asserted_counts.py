"""What counters would answer, as somebody says it, in the place of asking them; asks no counter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from ringfence.call import Call
from ringfence.rules.compile import CompiledRule
from ringfence.rules.model import RULE_ID
from ringfence.rules.velocity import Counted, Counter

Kind = Literal["rate", "spread"]
COUNTS: tuple[Kind, ...] = ("rate", "spread")
_EACH = re.compile(r"(?:(?P<rule>[^=\s]+)=)?(?P<count>\d{1,9})", re.ASCII)


class Counts(NamedTuple):
    """How many there are, the call itself included, by rule; under "" for all other rules."""

    rate: Mapping[str, int] = {}
    spread: Mapping[str, int] = {}

    def of(self, rule_id: str, kind: Kind) -> int | None:
        """What counts for one rule; None where nothing was said."""
        said: Mapping[str, int] = getattr(self, kind)
        return said.get(rule_id, said.get(""))


NOT_COUNTED = Counts()


def parse_counts(name: str, text: str) -> dict[str, int]:
    """``12`` for all rules, ``fast=12 slow=3`` for some. ValueError says what to write."""
    found: dict[str, int] = {}
    for part in text.replace(",", " ").split():
        match = _EACH.fullmatch(part)
        if not match or (match["rule"] and not RULE_ID.fullmatch(match["rule"])):
            raise ValueError(
                f"{name} {part[:80]!r}: write how many there are with this call, 12, or RULE=12"
            )
        if (rule := match["rule"] or "") in found:
            raise ValueError(f"{name} {text[:80]!r}: {rule or 'a number'} is there twice: keep one")
        found[rule] = int(match["count"])
    return found


def counted_as_said(rules: Iterable[CompiledRule], call: Call, counts: Counts) -> Counted:
    """The answer of the counters, as far as something was said of them."""
    found = {}
    for rule_id, counter in counters_in(rules):
        said, demand = counts.of(rule_id, counter.kind), counter.demand(call)
        if said is not None and demand is not None:
            found[demand.key] = min(said, demand.at_least)
    return found


def without_counter(rules: Iterable[CompiledRule], counts: Counts) -> list[str]:
    """What was said of rules that count nothing of the kind, in one line each."""
    said = [(rule_id, kind) for kind in COUNTS for rule_id in getattr(counts, kind) if rule_id]
    if not said:
        return []
    there = {(rule_id, counter.kind) for rule_id, counter in counters_in(rules)}
    return [f"no rule {id} counts a {kind}" for id, kind in said if (id, kind) not in there]


def counters_in(rules: Iterable[CompiledRule]) -> Iterator[tuple[str, Counter]]:
    """Each counter, with the rule that it is of."""
    for compiled in rules:
        for counter in compiled.counters:
            yield compiled.rule.id, counter
