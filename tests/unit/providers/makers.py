"""Providers, notices and times that the tests here share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ringfence.calllog.record import CallRecord, utc_text
from ringfence.providers.deadlines import Kind
from ringfence.providers.model import Provider
from ringfence.providers.notice import AtDeadline, Notice, Traffic

AT = datetime(2020, 4, 3, 15, 0, tzinfo=UTC)
DUE = AT + timedelta(hours=48)
GATEWAY = Provider(
    name="Example Gateway, Inc.", role="gateway", trunks=("gateway-c",),
    addresses=("192.0.2.0/24",), signers=("818H",),
)  # fmt: skip


def letter(**more: Any) -> Notice:
    """A letter of the FTC and the FCC about a gateway's calls."""
    given: dict[str, Any] = {
        "kind": Kind.LETTER,
        "received": AT,
        "deadline": DUE,
        "provider": "gateway",
        "at_deadline": AtDeadline.BLOCK_BOTH,
        "traffic": Traffic(callers=("+1900*",), campaign="coronavirus tests"),
        "added_at": AT,
    }
    return Notice(**(given | more))


def record(at: datetime, **more: Any) -> CallRecord:
    """One call."""
    given: dict[str, Any] = {
        "id": "x", "time": utc_text(at.timestamp()), "caller": "+19005550100",
        "caller_e164": "+19005550100", "called_e164": "+12025550123", "action": "allow",
        "reason": "no-rule",
    }  # fmt: skip
    return CallRecord(**(given | more))
