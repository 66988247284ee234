"""One value of one field becomes one condition; knows nothing of rules or their order.

Everything is parsed here once, so that a call only compares. What a value means is in the modules
of `conditions`.
"""

from __future__ import annotations

from collections.abc import Callable

from ringfence.rules.conditions.condition import Compiled, Condition, Key, Lists
from ringfence.rules.conditions.number import country_value, number_value
from ringfence.rules.conditions.origin import (
    address_value,
    level_value,
    reason_value,
    verification_value,
)
from ringfence.rules.conditions.schedule import schedule_value
from ringfence.rules.conditions.text import (
    caller_name_value,
    diverter_value,
    origid_value,
    provider_value,
    signer_value,
    trunk_value,
    user_agent_value,
)

__all__ = ["Compiled", "Condition", "Key", "Lists", "compile_value"]


def compile_value(field: str, text: str) -> Compiled:
    """The condition of one value. ValueError says in one line what the field takes."""
    return _FIELDS[field](field, text)


_FIELDS: dict[str, Callable[[str, str], Compiled]] = {
    "caller": number_value,
    "called": number_value,
    "country": country_value,
    "caller_name": caller_name_value,
    "user_agent": user_agent_value,
    "trunk": trunk_value,
    "provider": provider_value,
    "source_ip": address_value,
    "attestation": level_value,
    "verification": verification_value,
    "reason": reason_value,
    "signer": signer_value,
    "diverter": diverter_value,
    "origid": origid_value,
    "schedule": schedule_value,
}
