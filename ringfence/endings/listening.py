"""Keeps a connection to the manager interface that brings how calls end; decides nothing of them.

Asterisk is asked for two events of each call, and sorts out all others itself where the account
may have it do so. After each connection it is asked once what there is: calls that are up already.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from ringfence.ami import Ami, AmiFailed, Answer
from ringfence.calllog.ended import CallEnd
from ringfence.endings.handing_over import HandingOver
from ringfence.endings.tracking import Leg, Tracker, came_in, leg_of
from ringfence.settings import AmiSection

CLASS = "call"
PATTERN = "^Event: (Hangup[[:space:]]|Newstate.*ChannelState: 6)"
"""Asterisk's regular expressions see a whole event, and a line's end as any other character. What a
caller's name adds to what comes through is looked at here once more."""
AGAIN_FIRST, AGAIN_MOST = 1.0, 30.0
MOST_ASKED = 2_000
"""Calls in progress that are asked about after a connection; of more it stays unknown."""
AT_ONCE = 20


class Source(Protocol):
    """What is asked of the manager interface."""

    async def action(self, name: str, **fields: str) -> Answer:
        """Its answer to one action."""

    async def listing(self, name: str, **fields: str) -> list[Answer]:
        """The events that answer a listing action."""

    async def take_events(self, kind: str, pattern: str, take: Callable[[Answer], None]) -> bool:
        """Whether Asterisk sorts them out."""

    async def gone(self) -> None:
        """Returns when the connection has dropped."""


class Listener:
    """`put` takes each end. `run` it for ever."""

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Source]],
        put: Callable[[CallEnd], None],
        *,
        tracker: Tracker | None = None,
        clock: Callable[[], float] = time.time,
        again: float = AGAIN_FIRST,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._connect = connect
        self._put = put
        self._tracker = tracker or Tracker()
        self._clock = clock
        self._again = again
        self._log: FilteringBoundLogger = log or structlog.get_logger(__name__)
        self._ahead = 0.0
        self._said = ""
        self._told_forgotten = False
        self.is_listening = False

    async def run(self) -> None:
        """Listen, and connect again whenever that ends."""
        pause = self._again
        while True:
            try:
                async with self._connect() as source:
                    await self._begin(source)
                    self._say("")
                    pause, self.is_listening = self._again, True
                    await source.gone()
                self._say("the manager interface has closed the connection")
            except AmiFailed as error:
                self._say(str(error))
            finally:
                self.is_listening = False
            await asyncio.sleep(pause)
            pause = min(pause * 2, AGAIN_MOST)

    async def _begin(self, source: Source) -> None:
        now = self._clock()
        theirs = _seconds((await source.action("Ping")).get("timestamp"))
        self._ahead = theirs - now if theirs else 0.0
        if not await source.take_events(CLASS, PATTERN, self._take):
            self._log.info("Asterisk sends all events of calls: ami.username may not set a filter",
                           mend="write = system for it in manager.conf")  # fmt: skip
        try:
            found = await source.listing("CoreShowChannels")
        except AmiFailed as error:
            self._log.warning("how calls in progress end stays unknown", why=str(error))
            return
        legs = [leg for each in found if came_in(each) and (leg := leg_of(each))]
        asked = self._tracker.settle(legs)[:MOST_ASKED]
        for first in range(0, len(asked), AT_ONCE):
            await asyncio.gather(*(self._ask(source, leg) for leg in asked[first:][:AT_ONCE]))

    async def _ask(self, source: Source, leg: Leg) -> None:
        """Since when is it up? Where its CDR does not say so, it stays unknown."""
        try:
            answer = await source.action("Getvar", Channel=leg.channel, Variable="CDR(answer,u)")
        except AmiFailed:
            return  # it has ended meanwhile, or the account may not ask
        if at := _seconds(answer.get("value")):
            self._tracker.note_up(leg, self._ours(at))

    def _take(self, event: Mapping[str, Any]) -> None:
        at = _seconds(event.get("timestamp"))
        end = self._tracker.take(event, self._ours(at) if at else int(self._clock() * 1000))
        if end is not None:
            self._put(end)
        if self._tracker.forgotten and not self._told_forgotten:
            self._told_forgotten = True
            self._log.warning("too many calls at once: how the longest of them end stays unknown")

    def _ours(self, theirs: float) -> int:
        """Asterisk's time by our clock."""
        return int((theirs - self._ahead) * 1000)

    def _say(self, problem: str) -> None:
        """Once each time that it changes."""
        if problem and problem != self._said:
            self._log.warning("how calls end stays unknown", why=problem)
        elif not problem:
            self._log.info("listening for how calls end")
        self._said = problem


def listener(at: AmiSection, over: HandingOver) -> Listener:
    """As a process has it."""
    return Listener(lambda: Ami(at.host, at.port, at.username, at.password), over.put)


def _seconds(text: object) -> float:
    """A time as Asterisk writes it; 0 for anything else."""
    try:
        at = float(text) if isinstance(text, str) else 0.0
    except ValueError:
        return 0.0
    return at if 0 < at < 4e9 else 0.0
