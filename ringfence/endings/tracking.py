"""Which calls are up, and so how each ended: events in, ends out. Pure: no I/O, no clock.

Only legs that came in: a channel that another one led to has that one's linkedid. A channel that
hangs up says whether it was up: then its answer must have been seen, or its end stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ringfence.calllog.ended import CallEnd, born

UP = "6"
MOST = 50_000
"""Channels that are kept in mind, some 400 bytes each."""
_CAUSES = range(0x1_0000)


class Leg(NamedTuple):
    """An incoming leg: its uniqueid, the channel's name, and whether it is up."""

    uniqueid: str
    channel: str
    is_up: bool


def leg_of(event: Mapping[str, Any]) -> Leg | None:
    """The leg that an event, or an item of CoreShowChannels, is about; None where that is none."""
    uniqueid, channel = event.get("uniqueid"), event.get("channel")
    # a header that came twice is a list
    if not (isinstance(uniqueid, str) and uniqueid and isinstance(channel, str) and channel):
        return None
    if born(uniqueid) is None:
        return None
    return Leg(uniqueid, channel, event.get("channelstate") == UP)


def came_in(event: Mapping[str, Any]) -> bool:
    """Whether a channel began by itself, and not for another one."""
    return bool(event.get("uniqueid") == event.get("linkedid"))


class Tracker:
    """Takes events with the time of each, in milliseconds."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._up: dict[str, tuple[str, int]] = {}
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._up)

    def take(self, event: Mapping[str, Any], at: int) -> CallEnd | None:
        """One event; the end, if it is one that is known."""
        name = event.get("event")
        leg = leg_of(event) if name in ("Newstate", "Hangup") else None
        if leg is None:
            return None
        if name == "Hangup":
            return self._hung_up(leg, event, at)
        if leg.is_up and came_in(event):
            self.note_up(leg, at)
        return None

    def note_up(self, leg: Leg, at: int) -> None:
        """This one was answered then; what was said first holds."""
        self._up.setdefault(leg.uniqueid, (leg.channel, at))
        while len(self._up) > self._most:
            del self._up[next(iter(self._up))]
            self.forgotten += 1

    def settle(self, there: list[Leg]) -> list[Leg]:
        """After a gap, `there` are the incoming legs that there are: calls that ended unseen are
        forgotten. Those that are up, and nobody knows since when."""
        names = {leg.uniqueid for leg in there}
        self._up = {id: known for id, known in self._up.items() if id in names}
        return [leg for leg in there if leg.is_up and leg.uniqueid not in self._up]

    def _hung_up(self, leg: Leg, event: Mapping[str, Any], at: int) -> CallEnd | None:
        known = self._up.pop(leg.uniqueid, None)
        cause = _cause(event.get("cause"))
        if known:
            # by the name that it was answered with: a transfer may have changed it
            channel, answered = known
            return CallEnd(leg.uniqueid, channel, answered, max(at, answered), cause)
        if leg.is_up or not came_in(event):
            return None
        return CallEnd(leg.uniqueid, leg.channel, None, at, cause)


def _cause(text: object) -> int:
    if isinstance(text, str) and text.isascii() and text.isdigit() and int(text[:9]) in _CAUSES:
        return int(text[:9])
    return 0
