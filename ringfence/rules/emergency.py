"""The guard ahead of every rule: what must never be blocked (47 CFR 64.1200(k)(5) and (6))."""

from __future__ import annotations

import re

from ringfence.call import Call
from ringfence.rules.match import Lists

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
    if _EMERGENCY.fullmatch(call.called.text):
        return f"called {call.called.text}"
    numbers = lists.get(EMERGENCY_LIST)
    if numbers is not None and (entry := numbers.contains(call.called, now)):
        return f"called @{EMERGENCY_LIST} ({entry})"
    numbers = lists.get(PUBLIC_SAFETY_LIST)
    if numbers is not None and (entry := numbers.contains(call.caller, now)):
        return f"caller @{PUBLIC_SAFETY_LIST} ({entry})"
    return ""
