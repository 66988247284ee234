"""What the called customer has chosen for one call, and which rules that leaves out.

Knows neither where choices are kept nor how they are found. Precedence, as 47 CFR 64.1200(k)(3)
and (o) leave it: the emergency guard; what the customer allows, which beats everything but a duty;
what the customer blocks; the rules; the score.
"""

from __future__ import annotations

from typing import NamedTuple

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


class Choice(NamedTuple):
    """`callee` is whose choice it is, "" for nobody's; `allowed` and `blocked` are the evidence
    where the caller is on a list of theirs; without `analytics` they opted out of it."""

    callee: str = ""
    allowed: str = ""
    blocked: str = ""
    analytics: bool = True

    def leaves_out(self, basis: Basis) -> bool:
        """Whether a rule on this ground has nothing to say to the call."""
        if self.allowed:
            return basis not in DUTIES
        return not self.analytics and basis is Basis.ANALYTICS


NO_CHOICE = Choice()
