"""What is done to a call before its rejection: the intercept. Knows no rule.

A prompt in early media: the channel is not answered, so the call costs nothing (ARI's play
indicates progress by itself). Whatever goes wrong with the prompt, the rejection follows.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from ari_app.events import Event
from ari_app.rest import AriUnreachable, Rest, path_of

PATIENCE = 1.0
"""Seconds for each request around a prompt, when the call's own deadline is long over."""


class _Playing(NamedTuple):
    channel: str
    # True where Asterisk said that it is over, False where we want it to be
    over: asyncio.Future[bool]


class Intercepts:
    """The prompts being played now, each until its end, its caller's, or `limit` seconds."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._playing: dict[str, _Playing] = {}

    def heard(self, event: Event) -> None:
        """PlaybackFinished and StasisEnd end a wait; other events mean nothing here."""
        if event.type == "PlaybackFinished":
            _settle(self._playing.get(event.playback.id), True)
        elif event.type == "StasisEnd" and self._playing:
            for playing in self._playing.values():
                if playing.channel == event.channel.id:
                    _settle(playing, True)

    def cut_short(self) -> None:
        """Go on to the rejections now: the door closes."""
        for playing in self._playing.values():
            _settle(playing, False)

    async def recheck(self, rest: Rest) -> None:
        """End the waits whose end was not told while the WebSocket was away."""
        for name, playing in list(self._playing.items()):
            try:
                async with asyncio.timeout(PATIENCE):
                    reply = await rest.request("GET", path_of("playbacks", name))
            except (AriUnreachable, TimeoutError):
                continue
            if reply.gone:
                _settle(playing, True)

    async def play(self, rest: Rest, channel: str, prompt: str, name: str) -> None:
        """Play `prompt` on `channel` and wait for its end; `name` is the playback's own.

        Raises nothing that Asterisk or the prompt is to blame for.
        """
        over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._playing[name] = _Playing(channel, over)
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await rest.request(
                    "POST",
                    path_of("channels", channel, "play", name),
                    {"media": f"sound:{prompt}"},
                )
            if not reply.ok:
                return
            try:
                async with asyncio.timeout(self._limit):
                    ended = await over
            except TimeoutError:
                ended = False
            if not ended:
                # The channel does nothing else until its prompt has ended.
                async with asyncio.timeout(PATIENCE):
                    await rest.request("DELETE", path_of("playbacks", name))
        except (AriUnreachable, TimeoutError):
            return
        finally:
            del self._playing[name]


def _settle(playing: _Playing | None, ended: bool) -> None:
    if playing is not None and not playing.over.done():
        playing.over.set_result(ended)
