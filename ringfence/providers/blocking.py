"""The rules that block a provider because of a notice; pure: writes none of them.

Direct traffic is told by trunk and by source address, traffic through others by the signer of a
verified token alone: by an unverified one, a forger could frame another provider.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ringfence.providers.model import Provider
from ringfence.providers.notice import RINGFENCE, Notice
from ringfence.rules import Rule
from ringfence.rules.model import When
from ringfence.verdict import Action, Basis

PRIORITY = 10
"""Before an admin's usual rules; what is to be let through all the same gets a lower one."""
MAX_VALUES = 1_000
PARTS = ("trunks", "addresses", "signers", "diverters")


def rules_of(
    id: str, notice: Notice, provider: Provider, trunks: Collection[str], at: datetime
) -> dict[str, Rule]:
    """Rule id → rule, as they stand since `at`. `trunks` are all of the provider's.

    A block on (k)(4) is not armed before the Commission was told; then it is left out here.
    """
    told = notice.commission_told is not None
    found: dict[str, Rule] = {}

    def block(part: str, when: When, basis: Basis) -> None:
        found[rule_id(id, part)] = Rule(
            action=Action.BLOCK,
            id=rule_id(id, part),
            priority=PRIORITY,
            when=when,
            basis=basis,
            added_by=RINGFENCE,
            added_at=at,
            note=f"notice {id}: {notice.title or notice.kind} against {notice.provider}; "
            f"`ringfence notice show {id}`, undone by `ringfence notice lift {id}`",
        )

    if notice.at_deadline.direct and (told or not _asks_commission(notice.ground)):
        basis = Basis(notice.ground)
        if trunks:
            block("trunks", When(trunk=tuple(sorted(trunks))[:MAX_VALUES]), basis)
        if provider.addresses:
            block("addresses", When(source_ip=provider.addresses), basis)
    ground = signer_basis(notice)
    signs = notice.at_deadline.signer and provider.signers
    if signs and (told or not _asks_commission(ground)):
        when = When(signer=provider.signers, verification=("passed",))
        block("signers", when, ground)
        # Else it could sign its calls on: an A that somebody gave a call for another number.
        when = When(diverter=provider.signers, verification=("passed",))
        block("diverters", when, ground)
    return found


def waits_for_commission(notice: Notice) -> bool:
    """Whether a block that it asks for may not be armed before the Commission was told."""
    if notice.commission_told is not None:
        return False
    at = notice.at_deadline
    return (at.direct and _asks_commission(notice.ground)) or (
        at.signer and _asks_commission(signer_basis(notice))
    )


def signer_basis(notice: Notice) -> Basis:
    """On what ground calls that come through others are blocked: a final order binds for direct
    traffic alone, (n)(3), so there it is (k)(4)."""
    return Basis.POLICY if notice.ground == "policy" else Basis.PROVIDER_NOTICE


def rule_id(notice_id: str, part: str) -> str:
    """The rule of one part of a notice's block."""
    return f"notice-{notice_id}-{part}"


def possible_rules(notice_id: str) -> list[str]:
    """All that a notice's block may consist of."""
    return [rule_id(notice_id, part) for part in PARTS]


def _asks_commission(basis: str) -> bool:
    return basis == Basis.PROVIDER_NOTICE
