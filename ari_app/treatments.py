"""What is done to a call before its verdict's end: the intercept. Knows no rule.

A prompt in early media: the channel is not answered, so the call costs nothing (ARI's play
indicates progress by itself), unless the rule wants it answered. Whatever goes wrong with the
prompt, what comes after it follows.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import NamedTuple

from ari_app.events import Event
from ari_app.rest import AriUnreachable, Rest, path_of

PATIENCE = 1.0
"""Seconds for each request around a prompt, when the call's own deadline is long over."""


class Announcement(NamedTuple):
    """What is played: sounds joined by ``&``, so many times. Without a `language`, in the
    channel's own."""

    prompt: str
    language: str = ""
    answer: bool = False
    repeat: int = 1


class _End(Enum):
    FINISHED = auto()
    LEFT = auto()
    CUT = auto()
    """Not over in Asterisk, but we want it to be."""


class _Playing(NamedTuple):
    channel: str
    over: asyncio.Future[_End]


class Intercepts:
    """The prompts being played now, each until its end, its caller's, or `limit` seconds."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._playing: dict[str, _Playing] = {}
        self._closing = False

    def heard(self, event: Event) -> None:
        """PlaybackFinished and StasisEnd end a wait; other events mean nothing here."""
        if event.type == "PlaybackFinished":
            _settle(self._playing.get(event.playback.id), _End.FINISHED)
        elif event.type == "StasisEnd" and self._playing:
            for playing in self._playing.values():
                if playing.channel == event.channel.id:
                    _settle(playing, _End.LEFT)

    def cut_short(self) -> None:
        """Go on to what comes after the prompts now: the door closes."""
        self._closing = True
        for playing in self._playing.values():
            _settle(playing, _End.CUT)

    async def recheck(self, rest: Rest) -> None:
        """End the waits whose end was not told while the WebSocket was away."""
        for name, playing in list(self._playing.items()):
            try:
                async with asyncio.timeout(PATIENCE):
                    reply = await rest.request("GET", path_of("playbacks", name))
            except (AriUnreachable, TimeoutError):
                continue
            if reply.gone:
                _settle(playing, _End.FINISHED)

    async def play(self, rest: Rest, channel: str, what: Announcement, name: str) -> None:
        """Play `what` on `channel` and wait for its end; `name` is the playbacks' own.

        Raises nothing that Asterisk or the prompt is to blame for.
        """
        media = ",".join(f"sound:{sound}" for sound in what.prompt.split("&"))
        params = {"media": media, **({"lang": what.language} if what.language else {})}
        until = asyncio.get_running_loop().time() + self._limit
        try:
            if what.answer:
                await _bounded(rest, "POST", path_of("channels", channel, "answer"))
            for number in range(what.repeat):
                end = await self._play_once(rest, channel, params, f"{name}-{number}", until)
                if end is not _End.FINISHED:
                    return
        except (AriUnreachable, TimeoutError):
            return

    async def _play_once(
        self, rest: Rest, channel: str, params: dict[str, str], name: str, until: float
    ) -> _End:
        over: asyncio.Future[_End] = asyncio.get_running_loop().create_future()
        if self._closing:
            return _End.CUT
        self._playing[name] = _Playing(channel, over)
        try:
            if not await _bounded(rest, "POST", path_of("channels", channel, "play", name), params):
                return _End.LEFT
            try:
                async with asyncio.timeout_at(until):
                    end = await over
            except TimeoutError:
                end = _End.CUT
            if end is _End.CUT:
                # The channel does nothing else until its prompt has ended.
                await _bounded(rest, "DELETE", path_of("playbacks", name))
            return end
        finally:
            del self._playing[name]


async def _bounded(
    rest: Rest, method: str, path: str, params: dict[str, str] | None = None
) -> bool:
    async with asyncio.timeout(PATIENCE):
        return (await rest.request(method, path, params or {})).ok


def _settle(playing: _Playing | None, end: _End) -> None:
    if playing is not None and not playing.over.done():
        playing.over.set_result(end)
