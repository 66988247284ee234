"""A captured call as an attempt at one, and what its Identity headers prove; knows no rules."""

from __future__ import annotations

import msgspec

from ringfence.attestation.compact import date_of
from ringfence.attesting import facts_of
from ringfence.call import CallAttempt
from ringfence.cli.identity_capture import Capture
from ringfence.cli.identity_proof import Means, Proof, as_handed_over, prove
from ringfence.numbers import normalise
from ringfence.trunk import Trunk


def signed_attempt(attempt: CallAttempt, capture: Capture) -> tuple[CallAttempt, list[str]]:
    """The attempt with the Identity headers of a capture, and with what its INVITE says besides
    where nothing is said yet; and in a line each what was left out."""
    identities, notes = as_handed_over(capture.identities)
    if capture.others:
        notes.append(f"{capture.others} more INVITEs are left out")
    return msgspec.structs.replace(
        attempt,
        caller=attempt.caller or capture.caller,
        called=attempt.called or capture.called,
        caller_name=attempt.caller_name or capture.caller_name,
        presentation="prohib" if capture.is_private else "",
        headers=capture.headers | attempt.headers,
        identities=identities,
    ), notes


async def prove_attempt(attempt: CallAttempt, trunk: Trunk, means: Means) -> Proof:
    """Every check of its Identity headers, its numbers read with this trunk's settings."""
    called, caller = trunk.plans
    facts = facts_of(
        normalise(attempt.caller, caller),
        normalise(attempt.called, called),
        date_of(attempt.headers.get("date", "")),
    )
    return await prove(attempt.identities or (), facts, means)
