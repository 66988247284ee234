"""Tells Asterisk a verdict, request by request; judges nothing and knows no call but its channel.

What the dialplan does with it is in dialplan/ringfence.conf.
"""

from __future__ import annotations

import asyncio

from ari_app.client import AriClient
from ari_app.rest import Reply, Rest, path_of
from ari_app.treatments import PATIENCE, Announcement, Intercepts
from ringfence.answer import (
    CONTEXT,
    PASS_EXTENSION,
    VERDICT_EXTENSION,
    VERDICT_VARIABLE,
    assignments,
    passes,
)
from ringfence.screening import Screened
from ringfence.verdict import Action

PROMPT_MARGIN = 2.0
"""Seconds that the dialplan waits beyond the longest prompt: two requests' patience."""


class Verdicts:
    """The requests of each verdict. All raise AriUnreachable."""

    def __init__(self, client: AriClient, intercepts: Intercepts, prompt_limit: float) -> None:
        self._client = client
        self._intercepts = intercepts
        self._wait = f"{prompt_limit + PROMPT_MARGIN:.3f}"

    async def tell(self, screened: Screened, channel: str) -> Reply:
        """The verdict to Asterisk; for an intercept, what comes before its prompt.

        Safe to repeat where the first try broke off. The caller bounds the wait.
        """
        verdict, http = screened.verdict, self._client.http
        if passes(verdict):
            return await _send_on(self._client.rest, channel, f"{PASS_EXTENSION}{screened.id}")
        # First of all, so that the dialplan finds the verdict on the channel should this process
        # end in the middle; the longer wait behind it, or a call could wait so long for nothing.
        # Prompts are played from here, and the dialplan does what comes then.
        text = assignments(verdict, screened.id, announced=True)
        reply = await _set(http, channel, VERDICT_VARIABLE, text)
        if not reply.ok:
            return reply
        if verdict.action is Action.INTERCEPT:
            return await _set(http, channel, "TIMEOUT(absolute)", self._wait)
        return await _send_on(self._client.rest, channel, VERDICT_EXTENSION)

    async def intercept(self, screened: Screened, channel: str) -> Reply:
        """The prompt to its end, then what comes then. TimeoutError where Asterisk is silent."""
        verdict, how = screened.verdict, screened.verdict.treatment
        what = Announcement(verdict.prompt, how.language, how.answer, how.repeat)
        await self._intercepts.play(self._client.http, channel, what, f"ringfence-{screened.id}")
        return await self.release(channel)

    async def release(self, channel: str) -> Reply:
        """Send on a channel that has its verdict in its variable."""
        async with asyncio.timeout(PATIENCE):
            return await _send_on(self._client.rest, channel, VERDICT_EXTENSION)


async def _set(http: Rest, channel: str, name: str, value: str) -> Reply:
    # Answered only when the channel's own thread has set it: not over the WebSocket.
    return await http.request(
        "POST", path_of("channels", channel, "variable"), {"variable": name, "value": value}
    )


async def _send_on(rest: Rest, channel: str, extension: str) -> Reply:
    return await rest.request(
        "POST",
        path_of("channels", channel, "continue"),
        {"context": CONTEXT, "extension": extension, "priority": "1"},
    )
