"""The notice and the brief summary to the Commission that 47 CFR 64.1200(k)(4) asks for before a
block, as text; knows no store and sends nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from ringfence.providers.deadlines import Kind, minute
from ringfence.providers.model import Provider
from ringfence.providers.notice import AtDeadline, Notice

_TITLES: dict[Kind, str] = {
    Kind.LETTER: "letter of the FTC and the FCC",
    Kind.SUSPECTED: "Notice of Suspected Illegal Traffic",
    Kind.INITIAL_ORDER: "Initial Determination Order",
    Kind.FINAL_ORDER: "Final Determination Order",
    Kind.TRACEBACK: "traceback request",
    Kind.OWN: "notice of our own",
}
_WAYS: dict[AtDeadline, str] = {
    AtDeadline.ALARM: "none: no block is planned",
    AtDeadline.BLOCK_DIRECT: "all calls that we receive directly from this provider",
    AtDeadline.BLOCK_SIGNER: "all calls that carry a verified signature of this provider, "
    "whichever way they reach us",
    AtDeadline.BLOCK_BOTH: "all calls that we receive directly from this provider, and all calls "
    "that carry a verified signature of it, whichever way they reach us",
}


_NONE = (
    "[We have seen none of this traffic since it was notified: say here by what it is known that "
    "it has not effectively mitigated it.]"
)


class Sender(NamedTuple):
    """Who gives notice; what is empty is left for the admin to fill in."""

    company: str = ""
    frn: str = ""
    contact: str = ""


def commission_text(
    id: str,
    notice: Notice,
    provider: Provider,
    trunks: int,
    seen: int,
    sender: Sender,
    now: datetime,
) -> str:
    """The text: the provider has so many `trunks`, and so many calls of the notice's traffic were
    `seen` since it was received."""
    return "\n".join(_lines(id, notice, provider, trunks, seen, sender, now)) + "\n"


def _lines(
    id: str, notice: Notice, provider: Provider, trunks: int, seen: int, sender: Sender,
    now: datetime,
) -> Iterator[str]:  # fmt: skip
    name = provider.name or notice.provider
    yield "To: Federal Communications Commission, Enforcement Bureau"
    yield f"From: {sender.company or '[our company]'}, FRN {sender.frn or '[our FRN]'}"
    yield f"Date: {minute(now)}"
    yield f"Subject: Notice of blocking under 47 CFR 64.1200(k)(4): {name}"
    yield ""
    yield from _wrapped(
        "We give notice that we intend to block calls of the provider named below, and why. "
        + (f"Since it was notified we have seen {seen} calls of this traffic." if seen else _NONE)
    )
    yield ""
    yield "1. The provider"
    yield f"   Name: {name}"
    if provider.aliases:
        yield f"   Also known as: {', '.join(provider.aliases)}"
    yield f"   FRN: {provider.frn or '[not known to us]'}"
    yield f"   Robocall Mitigation Database: {provider.rmd or '[not known to us]'}"
    if provider.signers:
        yield f"   Service provider codes: {', '.join(provider.signers)}"
    yield f"   Relation to us: {provider.role}"
    yield ""
    yield "2. The notification"
    title = f": {notice.title}" if notice.title else ""
    yield f"   {_TITLES[notice.kind]}{title}"
    if notice.released:
        yield f"   Released: {minute(notice.released)}"
    yield f"   Received by us: {minute(notice.received)}"
    yield f"   Time given until: {minute(notice.deadline)}"
    yield ""
    yield "3. The traffic"
    yield from _traffic(notice)
    yield f"   Such calls that we have seen since {minute(notice.began)}: {seen}"
    yield ""
    yield "4. What we will block"
    ways = f"{_WAYS[notice.at_deadline]} ({trunks} trunk{'' if trunks == 1 else 's'})."
    yield from _wrapped(ways, "   ")
    yield f"   Not before {minute(notice.deadline)}, and only while the matter is open."
    yield "   Calls to 911 and calls of public safety answering points are never blocked."
    yield ""
    yield "5. What was done so far"
    for step in notice.steps:
        yield f"   {minute(step.at)}  {step.does}: {step.text or '-'}"
    if not notice.steps:
        yield "   [nothing is recorded]"
    yield ""
    yield f"Contact: {sender.contact or '[name, telephone, email]'}"
    yield f"Our reference: {id}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 78, initial_indent=indent, subsequent_indent=indent)


def _traffic(notice: Notice) -> Iterator[str]:
    traffic = notice.traffic
    if traffic.campaign:
        yield f"   Campaign: {traffic.campaign}"
    if traffic.callers:
        yield f"   Calling numbers: {', '.join(traffic.callers)}"
    if traffic.called:
        yield f"   Called numbers: {', '.join(traffic.called)}"
    if traffic.since or traffic.until:
        begin = minute(traffic.since) if traffic.since else "[not known]"
        yield f"   Time: {begin} to {minute(traffic.until) if traffic.until else '[open]'}"
    if traffic.text:
        yield from _wrapped(traffic.text, "   ")
