"""The ARI door: from StasisStart to the verdict; knows ARI's requests, and no rule.

The dialplan bounds each call's wait, so what goes wrong here costs a call its screening and
never more than RINGFENCE_DEADLINE. Intercepts and challenges are the exception: they lengthen the
wait first.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine

import structlog

from ari_app.challenge import Challenges
from ari_app.client import AriClient
from ari_app.events import Channel, Event
from ari_app.leftovers import left_waiting
from ari_app.rest import AriUnreachable, Reply
from ari_app.settings import AriSettings, RestMode
from ari_app.sharing import tell_sharing
from ari_app.treatments import Intercepts
from ari_app.verdicts import Verdicts
from ari_app.waiting import Outcome, Waiting, not_applied
from ringfence.call import parse_facts
from ringfence.challenge import DrawDigit, Remember, forget
from ringfence.screening import Screened, Screener
from ringfence.verdict import Action

log = structlog.get_logger(__name__)

HEARSAY = 0.1
"""Seconds in which the event of a hang-up may follow the 404 that it caused."""
RETRY = 0.05
REMEMBERED = 4_096
_LENGTHENING = (Action.INTERCEPT, Action.CHALLENGE)
"""What is told to a call in several requests, the longer wait among them."""
LEFT_SECONDS = 3.0
"""For a call that another process left in the middle of a challenge or an announcement: Asterisk
does nothing that it is asked before the sound that plays has ended."""


class AriDoor:
    """The door. `record` is called with every screened call and its outcome, `remember` with who
    passed a challenge; `draw` chooses a challenge's digits."""

    def __init__(
        self,
        screener: Screener,
        record: Callable[[Screened, str], None],
        settings: AriSettings,
        *,
        remember: Remember = forget,
        draw: DrawDigit = secrets.choice,
    ) -> None:
        self._screener = screener
        self._record = record
        self._settings = settings
        self._client = AriClient(settings, self)
        self._intercepts = Intercepts(settings.prompt_limit)
        self._verdicts = Verdicts(self._client, self._intercepts, settings.prompt_limit)
        self._challenges = Challenges(settings.in_flight // 2 or 1, remember, draw)
        self._in_flight: dict[str, Waiting] = {}
        # A channel that has just been sent on may still be in the application's list.
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._others: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._turned_away = 0
        self._unreached = 0

    async def start(self) -> None:
        """Begin to connect. An Asterisk that is not there yet is waited for, and no error."""
        self._running = asyncio.create_task(self._client.run(), name="ari-client")

    @property
    def is_connected(self) -> bool:
        """True while Asterisk can offer calls to this door."""
        return self._client.is_connected

    @property
    def way(self) -> RestMode:
        """How requests reach Asterisk now."""
        return self._client.way

    @property
    def trouble(self) -> str:
        """Why the door is not connected, and what to mend, in one line."""
        return self._client.trouble

    async def drain(self, deadline: float = 2.0) -> None:
        """Answer the calls that wait, take no new ones, and let go within `deadline` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline
        self._draining = True
        await self._until_idle(end - deadline / 2)
        self._intercepts.cut_short()
        self._challenges.cut_short()
        await self._until_idle(end - deadline / 4)
        await self._client.close_socket()
        # What Asterisk told between the last read and the close is still in the application.
        await self._take_leftovers()
        await self._until_idle(end)
        if self._in_flight:
            log.warning("ARI calls left to the dialplan at shutdown", calls=len(self._in_flight))
        left = [waiting.task for waiting in self._in_flight.values()]
        tasks = [task for task in (*left, *self._others, self._running) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    # The client's listener. Nothing in it waits.

    def connected(self) -> None:
        self._aside(self._take_leftovers())
        self._aside(tell_sharing(self._client.http, shared=self._settings.shared))

    def event(self, event: Event) -> None:
        if event.type == "StasisStart":
            waiting = self._in_flight.get(event.channel.id)
            if waiting is not None and waiting.told:
                waiting.again = event.facts
            else:
                self._take(event.channel, event.facts)
        elif event.type == "CallBroadcast":
            if not self._draining and len(self._others) < self._settings.in_flight:
                self._aside(self._claim(event.channel.id))
        elif event.type == "ChannelHangupRequest":
            if waiting := self._in_flight.get(event.channel.id):
                waiting.hung_up.set()
        else:
            self._intercepts.heard(event)
            self._challenges.heard(event)

    def _take(self, channel: Channel, facts: str, patience: float = 0.0) -> None:
        if channel.id in self._in_flight:
            return
        if len(self._in_flight) >= self._settings.in_flight:
            # More than can be answered in time: the dialplan's fail mode decides.
            if self._turned_away % 1000 == 0:
                log.error("ARI door full: call left to the dialplan", limit=len(self._in_flight))
            self._turned_away += 1
            return
        patience = max(patience, self._settings.deadline)
        waiting = Waiting(channel, asyncio.get_running_loop().time() + patience)
        waiting.task = asyncio.create_task(self._one_call(waiting, facts))
        self._in_flight[channel.id] = waiting
        self._idle.clear()
        waiting.task.add_done_callback(lambda task: self._done(channel.id, task))

    def _done(self, channel: str, task: asyncio.Task[None]) -> None:
        waiting = self._in_flight.pop(channel)
        if waiting.again is not None and not task.cancelled():
            self._take(waiting.channel, waiting.again)
        if not self._in_flight:
            self._idle.set()
        _tell_fault(task)

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)
        task.add_done_callback(_tell_fault)

    async def _one_call(self, waiting: Waiting, facts: str) -> None:
        channel = waiting.channel
        attempt = parse_facts(facts, channel=channel.name, uniqueid=channel.id)
        screened = self._screener.screen(attempt, "ari")
        if not isinstance(screened, Screened):
            screened = await screened
        try:
            outcome = await self._apply(screened, waiting)
        except BaseException:
            # Cut off at shutdown, or a fault of ours: screened it was, so it has its record.
            self._record(screened, not_applied(screened))
            raise
        if outcome not in ("hung-up", "late"):
            self._answered[channel.id] = None
            if len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)
        self._record(screened, outcome)

    async def _apply(self, screened: Screened, waiting: Waiting) -> Outcome:
        """Until the deadline, an Asterisk out of reach is tried again: it may be back in time."""
        unreachable = ""
        action = screened.verdict.action
        waiting.told = True
        try:
            async with asyncio.timeout_at(waiting.until):
                while True:
                    try:
                        reply = await self._begin(screened, waiting.channel.id)
                        break
                    except AriUnreachable as error:
                        unreachable = str(error)
                        await asyncio.sleep(RETRY)
            if reply.ok and action is Action.CHALLENGE:
                return await self._challenge(screened, waiting)
            if reply.ok and action is Action.INTERCEPT:
                reply = await self._verdicts.intercept(screened, waiting.channel.id)
        except (AriUnreachable, TimeoutError):
            if action in _LENGTHENING:
                # Its longer wait may have begun all the same, and nobody would end it.
                self._aside(self._release(waiting.channel.id))
            if not unreachable:
                return "late"
            # One line for an outage, not one for each of its calls: they are in the call log.
            if self._unreached % 1000 == 0:
                log.warning("verdict not applied", id=screened.id, why=unreachable)
            self._unreached += 1
            return not_applied(screened)
        return await self._outcome(reply, screened, waiting)

    async def _begin(self, screened: Screened, channel: str) -> Reply:
        if screened.verdict.action is Action.CHALLENGE:
            return await self._challenges.open(self._client.http, channel)
        return await self._verdicts.tell(screened, channel)

    async def _challenge(self, screened: Screened, waiting: Waiting) -> Outcome:
        channel = waiting.channel.id
        result = await self._challenges.hold(self._client.http, screened, channel)
        # Without a verdict on the channel the dialplan's fail mode decides.
        reply = await self._verdicts.release(channel)
        if result == "failed":
            return "failed"
        if not reply.ok:
            return await self._outcome(reply, screened, waiting)
        return "passed" if result == "passed" else "late"

    async def _outcome(self, reply: Reply, screened: Screened, waiting: Waiting) -> Outcome:
        if reply.ok:
            self._unreached = 0
            return "applied"
        if reply.gone:
            try:
                async with asyncio.timeout(HEARSAY):
                    await waiting.hung_up.wait()
            except TimeoutError:
                return "late"
            return "hung-up"
        log.error("Asterisk refused a verdict", status=reply.status, says=str(reply.body[:200]))
        return not_applied(screened)

    async def _claim(self, channel: str) -> None:
        """Ask for a call that was offered to every worker: 409 and 404 say that another has it.

        Where this worker wins, StasisStart follows.
        """
        try:
            async with asyncio.timeout(self._settings.deadline):
                await self._client.rest.request(
                    "POST",
                    "events/claim",
                    {"channelId": channel, "application": self._settings.app_name},
                )
        except (AriUnreachable, TimeoutError):
            return

    async def _take_leftovers(self) -> None:
        """Screen the calls that wait in the application and whose StasisStart nobody read."""
        http = self._client.http
        await self._intercepts.recheck(http)
        await self._challenges.recheck(http)
        known = {*self._in_flight, *self._answered}
        async for left in left_waiting(http, self._settings.app_name, known):
            if left.judged:
                self._aside(self._release(left.channel.id))
            else:
                self._take(left.channel, left.facts, LEFT_SECONDS)

    async def _release(self, channel: str) -> None:
        """Send a call on; one that has gone on already is none of ours, and Asterisk says so."""
        try:
            await self._verdicts.release(channel)
        except (AriUnreachable, TimeoutError):
            return

    async def _until_idle(self, end: float) -> None:
        try:
            async with asyncio.timeout_at(end):
                await self._idle.wait()
        except TimeoutError:
            return


def _tell_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("fault in the ARI door", exc_info=error)
