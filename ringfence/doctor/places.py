"""Is the place there that rules divert to? Asks AMI what the dialplan itself asks."""

from __future__ import annotations

from collections.abc import Sequence

from ringfence.ami import Ami
from ringfence.doctor.finding import Finding, Findings, fail, ok, warn
from ringfence.doctor.named import NamedPlace, shown_rules

PART = "diverts"
MOST = 50


async def examine_places(ami: Ami, named: Sequence[NamedPlace]) -> Findings:
    """One finding for each place that rules name, at most `MOST`."""
    for place in named[:MOST]:
        yield await _one(ami, place)
    if len(named) > MOST:
        yield warn(PART, f"{len(named) - MOST} more were not looked at", "divert to fewer places")


def unseen_places(named: Sequence[NamedPlace]) -> list[Finding]:
    """What is said where there is nobody to ask."""
    if not named:
        return []
    contexts = ", ".join(sorted({place.context for place in named})[:5])
    return [warn(PART, f"not checked whether the dialplan has {contexts}", "set ami.host")]


async def _one(ami: Ami, place: NamedPlace) -> Finding:
    context, extension, by = place.context, place.extension, shown_rules(place.rules)
    if not await _exists(ami, context):
        return fail(
            PART,
            f"there is no context {context}: calls of {by} go on as if unscreened",
            f"add [{context}] to extensions.conf, then `asterisk -rx 'dialplan reload'`",
        )
    if not extension:
        return ok(PART, f"{context} is there for the called numbers of {by}")
    if not await _exists(ami, f"{context},{extension},1"):
        return fail(
            PART,
            f"context {context} has no extension {extension}: calls of {by} go on as if unscreened",
            f"add `exten => {extension},1,…` there, or name another one in the rule",
        )
    return ok(PART, f"{extension} in {context} is there for {by}")


async def _exists(ami: Ami, place: str) -> bool:
    answer = await ami.action("Getvar", Variable=f"DIALPLAN_EXISTS({place})")
    return str(answer.get("value", "")).strip() == "1"
