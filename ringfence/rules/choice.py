"""What the called customer has chosen for one call, and which rules that leaves out.

Knows neither where choices are kept nor how they are found. Precedence, as 47 CFR 64.1200(k)(3)
and (o) leave it: the emergency guard; what the customer allows, which beats everything but a duty;
what the customer blocks; the rules, of which redress (k)(8) leaves out all but duties and what
customers asked for; the score.
"""

from __future__ import annotations

from typing import NamedTuple

from ringfence.call import Call
from ringfence.rules.conditions.condition import Lists
from ringfence.verdict import Basis

DUTIES = frozenset(
    {
        Basis.DNO_SUBSCRIBER,
        Basis.DNO_INVALID,
        Basis.DNO_UNALLOCATED,
        Basis.DNO_UNUSED,
        Basis.PROVIDER_NOTICE,
        Basis.PROVIDER_ORDER,
        Basis.RMD,
    }
)
"""Grounds on which a provider must block whoever is called: no customer can waive them."""
REDRESS_LIST = "redress"
"""Callers whose blocking was disputed, and ended."""
BEYOND_REDRESS = DUTIES | {Basis.SUBSCRIBER}
"""Grounds that a dispute does not touch: the duties, and what the called customer asked for."""


class Choice(NamedTuple):
    """`callee` is whose choice it is, "" for nobody's; `allowed` and `blocked` are the evidence
    where the caller is on a list of theirs; without `analytics` they opted out of it. `released` is
    the evidence where a dispute ended the blocking of this caller."""

    callee: str = ""
    allowed: str = ""
    blocked: str = ""
    analytics: bool = True
    released: str = ""

    def leaves_out(self, basis: Basis) -> bool:
        """Whether a rule on this ground has nothing to say to the call."""
        if self.allowed:
            return basis not in DUTIES
        if self.released and basis not in BEYOND_REDRESS:
            return True
        return not self.analytics and basis is Basis.ANALYTICS


NO_CHOICE = Choice()


def released_by(call: Call, lists: Lists, now: float) -> str:
    """The entry of the list `redress` that this caller is under; "" for all others."""
    numbers = lists.get(REDRESS_LIST)
    entry = numbers.contains(call.caller, now) if numbers is not None else ""
    return f"caller @{REDRESS_LIST} ({entry})" if entry else ""
