"""The guard ahead of every rule: what must never be blocked (47 CFR 64.1200(k)(5) and (6))."""

from __future__ import annotations

import re

from ringfence.call import Call
from ringfence.numbers import Number
from ringfence.rules.conditions.condition import Lists

EMERGENCY_LIST = "emergency"
"""Called numbers that are emergency numbers here, besides those that always are."""
PUBLIC_SAFETY_LIST = "public-safety"
"""Callers that are never blocked: answering points, government emergency numbers."""

# 911, its test number 933 (with or without the country code), 112, and RFC 5031's service URN
_EMERGENCY = re.compile(
    r"\+?(?:1?(?:911|933)|112)|urn:service:sos(?:\..*)?", re.ASCII | re.IGNORECASE
)


def emergency(call: Call, lists: Lists, now: float) -> str:
    """Why this call is let through whatever the rules say; "" for an ordinary call."""
    if found := emergency_number(call.called, lists, now):
        return f"called {found}"
    numbers = lists.get(PUBLIC_SAFETY_LIST)
    if numbers is not None and (entry := numbers.contains(call.caller, now)):
        return f"caller @{PUBLIC_SAFETY_LIST} ({entry})"
    return ""


def emergency_number(number: Number, lists: Lists, now: float) -> str:
    """The number, or the list's entry, if it is an emergency number here; "" for all others."""
    # a number with a key has the length of a subscriber's
    if not number.key and _EMERGENCY.fullmatch(number.text):
        return number.text
    numbers = lists.get(EMERGENCY_LIST)
    entry = numbers.contains(number, now) if numbers is not None else ""
    return f"@{EMERGENCY_LIST} ({entry})" if entry else ""
