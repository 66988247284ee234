"""The challenge in an AGI session: answer, play, listen. What is asked is `ringfence.challenge`'s.

Plain AGI commands of res_agi alone. While a sound plays, a key ends it and is its result; and the
end of our connection ends it too, so a call goes on at once where this process dies.
"""

from __future__ import annotations

import contextlib
import secrets

import structlog

from agi.protocol import Reply, command
from agi.session import LATE, Ended, Session
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

KEYS = "0123456789*#"
PATIENCE = 2.0
"""Seconds for a command that Asterisk answers at once; ANSWER waits half of one for media."""
MARK = "ringfence-cut"


class Challenger:
    """Holds challenges, at most so many at once: each holds a connection, and the other calls need
    theirs. `draw` chooses their digits, `remember` is told who passed."""

    def __init__(
        self, at_most: int, remember: Remember = forget, draw: DrawDigit = secrets.choice
    ) -> None:
        self._at_most = at_most
        self._held = 0
        self._turned_away = 0
        self._remember = remember
        self._draw = draw

    async def hold(self, screened: Screened, session: Session) -> str:
        """One challenge from answer to verdict, and its outcome.

        Where no verdict is set here the dialplan's fail mode decides: the door closes, Asterisk
        does not answer, a digit cannot be played.
        """
        if self._held >= self._at_most:
            if self._turned_away % 1000 == 0:
                log.error(
                    "too many challenges at once: call left to the dialplan", limit=self._at_most
                )
            self._turned_away += 1
            return "late"
        self._held += 1
        try:
            return await self._hold(screened, session)
        finally:
            self._held -= 1

    async def _hold(self, screened: Screened, session: Session) -> str:
        line = _Line(session)
        try:
            if not await line.open():
                return line.outcome
            passed = await line.tries(Challenge(screened.verdict, self._draw))
            if passed is None:
                return "late"
            if passed:
                remember_pass(screened.call, screened.verdict, self._remember)
            verdict = verdict_after(screened.verdict, passed=passed)
            if not await line.set(VERDICT_VARIABLE, assignments(verdict, screened.id)):
                return line.outcome
        except Ended:
            return line.outcome
        except TimeoutError:
            log.warning("AGI peer silent in a challenge", peer=session.peer, id=screened.id)
            return "late"
        if passed:
            return "passed"
        with contextlib.suppress(Ended, TimeoutError):
            await line.play(FAREWELL, PROMPT_LIMIT)
        return "failed"


class _Line:
    """The commands of one challenge."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # the session's age when the dialplan's wait was last lengthened
        self._lengthened: float | None = None

    @property
    def outcome(self) -> str:
        """What the session's end means: did the caller leave, or did the dialplan go on?"""
        session = self._session
        if self._lengthened is None:
            return "late" if session.age >= LATE else "hung-up"
        ran_out = session.age - self._lengthened >= TRY_LIMIT - LATE
        return "late" if session.closing or ran_out else "hung-up"

    async def open(self) -> bool:
        """Lengthen the dialplan's wait, and answer; False where Asterisk will not."""
        return await self._lengthen() and (await self._ask(command("ANSWER"))).ok

    async def tries(self, challenge: Challenge) -> bool | None:
        """Did the caller pass? None where Asterisk could not play the digit."""
        language = ""
        if challenge.language:
            language = (await self._ask(command("GET VARIABLE", "CHANNEL(language)"))).value
            await self.set("CHANNEL(language)", challenge.language)
        began = self._session.age
        one = challenge.next_try(0.0)
        while one is not None:
            key = await self._try(one)
            if key is None or challenge.is_passed_by(key):
                if language:
                    await self.set("CHANNEL(language)", language)
                return None if key is None else True
            one = challenge.next_try(self._session.age - began)
            if one is not None:
                await self._lengthen()
        return False

    async def _try(self, one: Try) -> str | None:
        """The key that was pressed, "" for none; None where the digit cannot be played."""
        end = self._session.age + PROMPT_LIMIT
        for prompt in one.prompts:
            if (left := end - self._session.age) > 0 and (key := await self.play(prompt, left)):
                return key
        key = await self.play(one.digit_sound, DIGIT_LIMIT)
        if key is None:
            # A caller who hangs up looks the same; here that shows.
            await self._ask(command("NOOP"))
            log.error(
                "a challenge's digit cannot be played: install Asterisk's core sounds",
                sound=one.digit_sound,
            )
            return None
        wait = command("WAIT FOR DIGIT", f"{WAIT * 1000:.0f}")
        return key or _key(await self._session.ask(wait, WAIT + PATIENCE))

    async def play(self, sound: str, limit: float) -> str | None:
        """Play to the end, to a key, or for `limit` seconds: the key, "" for none; None where
        there is no such sound."""
        try:
            reply = await self._session.ask(command("STREAM FILE", sound, KEYS), limit)
        except TimeoutError:
            reply = await self._cut()
        return _key(reply) if reply.ok else None

    async def _cut(self) -> Reply:
        # The next command ends a sound, which then has no reply of its own; unless it came to its
        # end just then. So this one's reply is known by what it says.
        reply = await self._ask(command("GET FULL VARIABLE", MARK))
        if reply.value == MARK:
            return Reply(200, True)
        earlier, reply = reply, await self._session.reply(PATIENCE)
        if reply.value != MARK:
            raise TimeoutError  # who sends anything else is no Asterisk, and may go on for ever
        return earlier

    async def set(self, name: str, value: str) -> bool:
        """Set a variable of the channel."""
        return (await self._ask(command("SET VARIABLE", name, value))).ok

    async def _lengthen(self) -> bool:
        done = await self.set("TIMEOUT(absolute)", f"{TRY_LIMIT:.0f}")
        if done:
            self._lengthened = self._session.age
        return done

    async def _ask(self, line: bytes) -> Reply:
        return await self._session.ask(line, PATIENCE)


def _key(reply: Reply) -> str:
    return chr(reply.result) if reply.ok and 0 < reply.result < 128 else ""
