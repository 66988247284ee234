"""Owns the rules and listed numbers that are measured with; it must not know what measures.

The same for the decision alone and for whole calls. Rules of every kind, most of them on exact
numbers, none of which meets a passing caller, who is looked up in all lists nevertheless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ringfence.rules.model import Rule, When
from ringfence.rules.velocity import Rate
from ringfence.verdict import Action, Basis

LISTS = ("scammers", "dno")
"""`scammers` has all the listed numbers; `dno` is named by rules and small."""
ELSEWHERE = 100_000
"""Numbers that each of the other ways knows, the first of those in Ringfence's list."""
_SPAN = 7_999_999_999
_STEP = 6_180_339_887
_FIRST = 12_000_000_000


def listed_numbers(count: int) -> Iterator[int]:
    """`count` different numbers of +1, spread evenly and in no order: the hard case for a bitmap.

    A step that shares no divisor with the span meets every number once. Area code 312 is free.
    """
    place = 0
    while count > 0:
        number = _FIRST + place
        if not 13_120_000_000 <= number < 13_130_000_000:
            yield number
            count -= 1
        place = (place + _STEP) % _SPAN


def blocked_callers(listed: int) -> tuple[str, ...]:
    """Some of the listed numbers, those that a caller may have; with none listed, a rule's own."""
    numbers = (n for n in islice(listed_numbers(listed), 100_000) if _is_nanp(n))
    return tuple(f"+{n}" for n in islice(numbers, 2_000)) or ("+19005550100",)


def known_elsewhere(listed: int) -> list[str]:
    """The numbers that what people use today looks a caller up in."""
    numbers = listed_numbers(max(listed, ELSEWHERE))
    return [f"+{number}" for number in islice(numbers, ELSEWHERE)]


def velocity_rule(trunk: str) -> Rule:
    """A rule that counts every call of one trunk by its caller, and never meets one."""
    when = When(trunk=trunk, rate=Rate(per="caller", over="60s", at_least=1_000))
    return Rule(id="velocity", priority=40, when=when, action=Action.BLOCK, basis=Basis.ANALYTICS)


def verified_rule(*trunks: str) -> Rule:
    """A rule that ends every call whose signature did not hold, with the failure's own code: a call
    of these trunks that ends otherwise was verified."""
    when = When(trunk=trunks, verification=("failed", "none"))
    return Rule(id="verified", priority=41, when=when, action=Action.BLOCK, basis=Basis.IDENTITY)


def passing_callers(count: int = 20_000) -> tuple[str, ...]:
    """Callers of area code 312 that no rule has, and no list: `listed_numbers` leaves 312 out."""
    return tuple(f"+1312{2_000_000 + n * 37:07d}" for n in range(count))


def _is_nanp(number: int) -> bool:
    digits = str(number)
    return digits[1] >= "2" and digits[4] >= "2" and digits[1:4] != "900"


def rules(count: int) -> Sequence[Rule]:
    """`count` rules: 90 % on exact callers, and ranges, prefixes, called numbers and trunks."""
    first = (
        Rule(id="listed", priority=50, when=When(caller="@scammers"), action=Action.BLOCK,
             basis=Basis.SUBSCRIBER),
        Rule(id="premium", priority=60, when=When(caller="+1900*"), action=Action.BLOCK,
             basis=Basis.SUBSCRIBER),
        Rule(id="dno", priority=70, when=When(caller="@dno"), action=Action.BLOCK,
             basis=Basis.SUBSCRIBER),
    )  # fmt: skip
    return (*first, *(_rule(n) for n in range(max(0, count - len(first)))))[:count]


def _rule(n: int) -> Rule:
    ending = f"{n * 97 % 10_000_000:07d}"
    kind = n % 20
    if kind == 0:
        when = When(caller=f"+1415{ending}-+1415{int(ending) + 50:07d}")
    elif kind == 1:
        when = When(called=f"+1646{ending}", attestation=("C", "none"))
    elif kind == 2:
        when = When(trunk=f"carrier-{n}", caller="anonymous")
    elif kind == 3:
        when = When(caller=f"+44{n:05d}*")
    else:
        when = When(caller=f"+1702{ending}")
    return Rule(id=f"rule-{n:05d}", when=when, action=Action.BLOCK, basis=Basis.ANALYTICS)
