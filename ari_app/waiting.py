"""A call that waits for its verdict, and the words for what becomes of it; does nothing itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from ari_app.events import Channel
from ringfence.screening import Screened
from ringfence.verdict import Action

Outcome = Literal["applied", "passed", "hung-up", "late", "failed"]
"""``hung-up``: the caller left first; ``late``: the dialplan went on alone; ``failed``: Asterisk
was not reached, or refused, or the door had to close first. Of a challenge, ``passed`` and
``failed`` are what its caller did, and ``late`` is all that the door or Asterisk did."""


@dataclass(slots=True)
class Waiting:
    """A call that waits for its verdict, until the loop's time `until`.

    `again` are the facts of its next screening, where its dialplan has sent it back to us before we
    have heard that it went on: those two come by different ways.
    """

    channel: Channel
    until: float
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    told: bool = False
    again: str | None = None


def not_applied(screened: Screened) -> Outcome:
    """The outcome where the verdict did not reach Asterisk, and the caller is not to blame."""
    # of a challenge, "failed" is what its caller did
    return "late" if screened.verdict.action is Action.CHALLENGE else "failed"
