"""The verdict's way back: the one place that knows the names of the channel variables.

Knows no door. Both doors hand the same text to the dialplan, which reads it with one ``MSet``;
everything in it is ours or was bounded when its rule was decoded, so no quoting is needed.
"""

from __future__ import annotations

from ringfence.verdict import Action, Reason, Treatment, Verdict

CONTEXT = "ringfence"
"""The context of dialplan/ringfence.conf."""
VERDICT_VARIABLE = "RINGFENCE_VERDICT"
VERDICT_EXTENSION = "act"
"""Reads `VERDICT_VARIABLE` and acts on it."""
PASS_EXTENSION = "pass-"
"""Followed by the call's id: no rule touched the call. One ARI request instead of two."""
PASS_VARIABLES = "ARRAY(RINGFENCE_ID,TIMEOUT(absolute))"
"""The same in one AGI command: the id, and the deadline put back to what stood before. ARRAY() is
written by ``SET VARIABLE``, which costs Asterisk 0.1 ms less than ``EXEC MSet``."""


def passes(verdict: Verdict) -> bool:
    """No rule touched the call: the dialplan has preset everything but the id."""
    return verdict.reason is Reason.NO_RULE and verdict.action is Action.ALLOW


def assignments(verdict: Verdict, call_id: str, *, announced: bool = False) -> str:
    """The verdict as the argument of ``MSet``: ``RINGFENCE_ACTION=block,RINGFENCE_REASON=…``.

    Each action gets all that the dialplan reads for it, so that nothing of an earlier screening of
    the same channel counts, and no more, as each variable costs the call 10 µs. With `announced`
    an intercept's prompt has been played, or is being played, by somebody else.
    """
    text = (
        f"RINGFENCE_ACTION={verdict.action},RINGFENCE_REASON={verdict.reason},"
        f"RINGFENCE_RULE={verdict.rule},RINGFENCE_LABEL={verdict.label},RINGFENCE_ID={call_id}"
    )
    if verdict.action.lets_through:
        return text
    if verdict.action is Action.DIVERT:
        return f"{text},{_place(verdict.treatment)}"
    text = f"{text},RINGFENCE_SIP={verdict.sip}"
    if verdict.action is Action.INTERCEPT:
        text = f"{text},{_announcement(verdict, announced=announced)}"
    return text


def _announcement(verdict: Verdict, *, announced: bool) -> str:
    how = verdict.treatment
    text = f"RINGFENCE_THEN={how.then},RINGFENCE_PROMPT="
    if not announced:
        text += (
            f"{verdict.prompt},RINGFENCE_LANGUAGE={how.language},"
            f"RINGFENCE_ANSWER={'yes' if how.answer else 'no'},RINGFENCE_REPEAT={how.repeat}"
        )
    return f"{text},{_place(how)}" if how.then == "divert" else text


def _place(how: Treatment) -> str:
    # without an extension the dialplan takes the called number, which only it knows as dialled
    return f"RINGFENCE_CONTEXT={how.context},RINGFENCE_EXTENSION={how.extension}"
