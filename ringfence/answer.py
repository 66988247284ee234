"""The verdict's way back: the one place that knows the names of the channel variables.

Knows no door. Both doors hand the same text to the dialplan, which reads it with one ``MSet``;
everything in it is ours or was bounded when its rule was decoded, so no quoting is needed.
"""

from __future__ import annotations

from ringfence.verdict import Action, Verdict

VERDICT_VARIABLE = "RINGFENCE_VERDICT"
CONTEXT = "ringfence"
"""The context of dialplan/ringfence.conf."""
VERDICT_EXTENSION = "verdict"
"""Reads `VERDICT_VARIABLE` and acts on it."""
PASS_EXTENSION = "pass-"
"""Followed by the call's id: allowed, no rule; one request instead of two."""


def assignments(verdict: Verdict, call_id: str, timeout: str = "") -> str:
    """The verdict as the argument of ``MSet``: ``RINGFENCE_ACTION=block,RINGFENCE_REASON=…``.

    A call that is let through without a label goes straight back to its caller's context, so the
    deadline is taken off it here: `timeout` is what stood before (`CallAttempt.timeout`).
    """
    text = (
        f"RINGFENCE_ACTION={verdict.action},RINGFENCE_REASON={verdict.reason},"
        f"RINGFENCE_RULE={verdict.rule},RINGFENCE_LABEL={verdict.label},RINGFENCE_ID={call_id}"
    )
    if verdict.action is Action.ALLOW:
        return f"{text},TIMEOUT(absolute)={timeout}" if timeout else text
    if verdict.action is Action.FLAG:
        return text
    return f"{text},RINGFENCE_SIP={verdict.sip},RINGFENCE_PROMPT={verdict.prompt}"
