"""How often calls come: what a rule wants counted, and what is asked of a counter for one call.

Knows no counter: where and how calls are counted is a store's concern. A rule that counts does so
for every call that meets all its other conditions (a score aside), the present one included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import Meta

from ringfence.call import Call
from ringfence.durations import duration_text, parse_duration

Fact = Literal["caller", "called", "trunk", "provider", "source_ip", "signer"]
Facts = Fact | Annotated[tuple[Fact, ...], Meta(min_length=1, max_length=4)]
LONGEST = 7 * 86_400
AtLeast = Annotated[int, Meta(ge=1, le=100_000)]
"""A counter keeps so many entries at most, so this bounds its memory."""

MAX_FACT = 64
"""Characters of one fact that are counted by; a number has 16."""
_SAFE = "+:@*#"
_ODD = re.compile(r"[^A-Za-z0-9_.~+:@*#-]")


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least so many calls with the same `per` within the time `over`."""

    per: Facts
    over: str
    at_least: AtLeast

    def __post_init__(self) -> None:
        parse_duration(self.over, most=LONGEST)


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least so many different `of` in calls with the same `per` within the time `over`."""

    per: Facts
    over: str
    at_least: AtLeast
    of: Fact = "called"

    def __post_init__(self) -> None:
        parse_duration(self.over, most=LONGEST)
        if self.of in _several(self.per):
            raise ValueError(f"of and per are both {self.of}: that is always one")


class Demand(NamedTuple):
    """One counter for one call: count it under `key`, and say how many there are.

    `member` is what is told apart (a spread), "" where each call counts by itself (a rate). Within
    the last `over` seconds; more than `at_least` need not be known.
    """

    key: str
    member: str
    over: int
    at_least: int


Counted = Mapping[str, int]
"""By a demand's key: how many there are, the present call included, at most its `at_least`."""
NOTHING_COUNTED: Counted = {}


class Counter(NamedTuple):
    """What one rule counts, ready for calls."""

    name: str
    kind: Literal["rate", "spread"]
    per: tuple[Fact, ...]
    of: Fact | None
    over: int
    at_least: int

    def demand(self, call: Call) -> Demand | None:
        """What to count for this call; None where it lacks what is counted, such as a caller."""
        values = [_in_key(_FACTS[fact](call)[:MAX_FACT]) for fact in self.per]
        member = _FACTS[self.of](call)[:MAX_FACT] if self.of else ""
        if not all(values) or (self.of and not member):
            return None
        return Demand(
            f"{self.name}:{self.kind}:{'|'.join(values)}", member, self.over, self.at_least
        )

    def evidence(self, call: Call, counted: Counted) -> str:
        """What was counted, where it is enough; "" where not."""
        demand = self.demand(call)
        if demand is None or counted.get(demand.key, 0) < self.at_least:
            return ""
        return f"{self.kind} {self.text}"

    @property
    def text(self) -> str:
        """``10 in 1m per caller``, ``20 called in 1m per caller``."""
        of = f" {self.of}" if self.of else ""
        return f"{self.at_least}{of} in {duration_text(self.over)} per {' and '.join(self.per)}"


def counters_of(rule_id: str, rate: Rate | None, spread: Spread | None) -> tuple[Counter, ...]:
    """The counters of one rule."""
    counters = []
    for kind, each in (("rate", rate), ("spread", spread)):
        if each is not None:
            of = each.of if isinstance(each, Spread) else None
            over = parse_duration(each.over, most=LONGEST)
            counters.append(
                Counter(rule_id, kind, _several(each.per), of, over, each.at_least)  # type: ignore[arg-type]
            )
    return tuple(counters)


def _in_key(value: str) -> str:
    # A called "number" is a stranger's text. With a blank or a quote in it a key would be several
    # to whoever pipes `redis-cli --scan` into xargs, and with a | two pairs of facts could be one.
    if not _ODD.search(value):
        return value
    return quote(value, safe=_SAFE, errors="replace")[: 3 * MAX_FACT]


def _several(per: Facts) -> tuple[Fact, ...]:
    return (per,) if isinstance(per, str) else per


_FACTS: dict[Fact, Callable[[Call], str]] = {
    # a withheld or unreadable number tells no caller from another
    "caller": lambda call: call.caller.e164,
    "called": lambda call: call.called.e164 or call.called.text,
    "trunk": lambda call: call.trunk,
    "provider": lambda call: call.provider,
    "source_ip": lambda call: call.source_ip,
    "signer": lambda call: call.attestation.signer,
}
