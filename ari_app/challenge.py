"""The challenge through ARI: answer, play, listen. What is asked is `ringfence.challenge`'s.

Sounds and keys are events here, so a key counts whenever it comes; the WebSocket may be cut in the
middle, and what was missed is asked for when it is back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

import structlog

from ari_app.events import Event
from ari_app.rest import NO_PARAMS, AriUnreachable, Reply, Rest, path_of
from ringfence.answer import VERDICT_VARIABLE, assignments
from ringfence.challenge import (
    DIGIT_LIMIT,
    FAREWELL,
    PROMPT_LIMIT,
    TRY_LIMIT,
    WAIT,
    Challenge,
    DrawDigit,
    Remember,
    Try,
    forget,
    remember_pass,
    verdict_after,
)
from ringfence.screening import Screened

log = structlog.get_logger(__name__)

PATIENCE = 1.0
"""Seconds for each request, when the call's own deadline is long over."""

Result = Literal["passed", "failed", "unfinished"]
"""``unfinished``: the dialplan is to go on without a verdict, or has already."""


class _Sign(Enum):
    PLAYED = auto()
    UNPLAYABLE = auto()
    LEFT = auto()
    CLOSING = auto()


class _Over(Exception):  # noqa: N818 - an event, not a mistake
    """The caller is gone, or the door closes."""


@dataclass(slots=True)
class _Line:
    """A caller in a challenge: what is heard of it, in its order. A string is a key."""

    channel: str
    signs: asyncio.Queue[_Sign | str] = field(default_factory=asyncio.Queue)
    playback: str = ""
    playbacks: int = 0


class Challenges:
    """The challenges under way, at most so many: each holds a place in the door, and the other
    calls need theirs. `draw` chooses their digits, `remember` is told who passed."""

    def __init__(
        self, at_most: int, remember: Remember = forget, draw: DrawDigit = secrets.choice
    ) -> None:
        self._at_most = at_most
        self._turned_away = 0
        self._remember = remember
        self._draw = draw
        self._lines: dict[str, _Line] = {}
        self._closing = False

    def heard(self, event: Event) -> None:
        """Keys, ends of sounds, and callers who leave."""
        if not self._lines:
            return
        if event.type == "PlaybackFinished":
            for line in self._lines.values():
                if line.playback == event.playback.id:
                    failed = event.playback.state == "failed"
                    line.signs.put_nowait(_Sign.UNPLAYABLE if failed else _Sign.PLAYED)
        elif caller := self._lines.get(event.channel.id):
            if event.type == "ChannelDtmfReceived":
                caller.signs.put_nowait(event.digit)
            elif event.type in ("StasisEnd", "ChannelHangupRequest"):
                caller.signs.put_nowait(_Sign.LEFT)

    def cut_short(self) -> None:
        """Let the calls go on now, and hold no more: the door closes."""
        self._closing = True
        for line in self._lines.values():
            line.signs.put_nowait(_Sign.CLOSING)

    async def recheck(self, rest: Rest) -> None:
        """Ask for what was not told while the WebSocket was away; a key is then lost."""
        for line in list(self._lines.values()):
            if await _is_gone(rest, path_of("channels", line.channel)):
                line.signs.put_nowait(_Sign.LEFT)
            elif (name := line.playback) and await _is_gone(rest, path_of("playbacks", name)):
                line.signs.put_nowait(_Sign.PLAYED)

    async def open(self, rest: Rest, channel: str) -> Reply:
        """Lengthen the dialplan's wait. Raises AriUnreachable; the caller bounds it."""
        return await _set(rest, channel, "TIMEOUT(absolute)", f"{TRY_LIMIT:.0f}")

    async def hold(self, rest: Rest, screened: Screened, channel: str) -> Result:
        """One challenge from answer to verdict; the channel is then ready to be sent on.

        Raises nothing that Asterisk or the caller is to blame for.
        """
        if self._closing or not self._has_room():
            return "unfinished"
        line = self._lines[channel] = _Line(channel)
        room = _Room(rest, line, f"ringfence-{screened.id}")
        try:
            await room.answer()
            passed = await room.tries(Challenge(screened.verdict, self._draw))
            if passed is None:
                log.error("a challenge's digit cannot be played: install Asterisk's core sounds")
                return "unfinished"
            if passed:
                remember_pass(screened.call, screened.verdict, self._remember)
            verdict = verdict_after(screened.verdict, passed=passed)
            await room.set(VERDICT_VARIABLE, assignments(verdict, screened.id))
            if not passed:
                await room.say_goodbye()
        except (_Over, AriUnreachable, TimeoutError):
            return "unfinished"
        finally:
            del self._lines[channel]
        return "passed" if passed else "failed"

    def _has_room(self) -> bool:
        if len(self._lines) < self._at_most:
            return True
        if self._turned_away % 1000 == 0:
            log.error("too many challenges at once: call left to the dialplan", limit=self._at_most)
        self._turned_away += 1
        return False


class _Room:
    """The requests of one challenge. All raise _Over, AriUnreachable and TimeoutError."""

    def __init__(self, rest: Rest, line: _Line, name: str) -> None:
        self._rest = rest
        self._line = line
        self._name = name
        self._loop = asyncio.get_running_loop()

    async def answer(self) -> None:
        """DTMF needs an answered call to be relied on."""
        await self._ask("POST", path_of("channels", self._line.channel, "answer"))

    async def set(self, name: str, value: str) -> None:
        """Set a variable of the channel."""
        async with asyncio.timeout(PATIENCE):
            _check(await _set(self._rest, self._line.channel, name, value))

    async def tries(self, challenge: Challenge) -> bool | None:
        """Did the caller pass? None where Asterisk could not play the digit."""
        began = self._loop.time()
        one = challenge.next_try(0.0)
        while one is not None:
            self._forget_keys()
            key = await self._try(one, challenge.language)
            if key is None:
                return None
            if challenge.is_passed_by(key):
                return True
            one = challenge.next_try(self._loop.time() - began)
            if one is not None:
                await self.set("TIMEOUT(absolute)", f"{TRY_LIMIT:.0f}")
        return False

    async def say_goodbye(self) -> None:
        """Nothing hangs on it."""
        await self._play((FAREWELL,), "", DIGIT_LIMIT, keys=False)

    async def _try(self, one: Try, language: str) -> str | None:
        sign = await self._play(one.prompts, language, PROMPT_LIMIT)
        if isinstance(sign, str):
            return sign
        sign = await self._play((one.digit_sound,), language, DIGIT_LIMIT)
        if isinstance(sign, str):
            return sign
        if sign is _Sign.UNPLAYABLE:
            return None
        end = self._loop.time() + WAIT
        while not isinstance(sign := await self._next_sign(end), str):
            if sign is None:
                return ""
        return sign

    async def _play(
        self, sounds: tuple[str, ...], language: str, limit: float, *, keys: bool = True
    ) -> _Sign | str | None:
        """To the end, to a key, or for `limit` seconds; gives which it was."""
        line = self._line
        line.playbacks += 1
        line.playback = playing = f"{self._name}-{line.playbacks}"
        params = {"media": ",".join(f"sound:{sound}" for sound in sounds)}
        if language:
            params["lang"] = language
        await self._ask("POST", path_of("channels", line.channel, "play", playing), params)
        end = self._loop.time() + limit
        sign = await self._next_sign(end)
        while isinstance(sign, str) and not keys:
            sign = await self._next_sign(end)
        # From here on its end is no news: it would be taken for the end of the next sound.
        line.playback = ""
        if sign is None or isinstance(sign, str):
            # The channel does nothing else until its sound has ended. It may have, just now.
            async with asyncio.timeout(PATIENCE):
                await self._rest.request("DELETE", path_of("playbacks", playing))
        return sign

    async def _next_sign(self, end: float) -> _Sign | str | None:
        """What is heard of the caller next; None where nothing is, until then."""
        try:
            async with asyncio.timeout_at(end):
                sign = await self._line.signs.get()
        except TimeoutError:
            return None
        if sign in (_Sign.LEFT, _Sign.CLOSING):
            raise _Over
        return sign

    def _forget_keys(self) -> None:
        # One key a try: who presses many at once has one of them looked at.
        signs = self._line.signs
        for _ in range(signs.qsize()):
            sign = signs.get_nowait()
            if sign in (_Sign.LEFT, _Sign.CLOSING):
                raise _Over

    async def _ask(self, method: str, path: str, params: Mapping[str, str] = NO_PARAMS) -> None:
        async with asyncio.timeout(PATIENCE):
            _check(await self._rest.request(method, path, params))


def _check(reply: Reply) -> None:
    if reply.ok:
        return
    if not reply.gone:
        log.error("Asterisk refused a challenge", status=reply.status, says=str(reply.body[:200]))
    raise _Over


async def _set(rest: Rest, channel: str, name: str, value: str) -> Reply:
    return await rest.request(
        "POST", path_of("channels", channel, "variable"), {"variable": name, "value": value}
    )


async def _is_gone(rest: Rest, path: str) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return (await rest.request("GET", path)).gone
    except (AriUnreachable, TimeoutError):
        return False
