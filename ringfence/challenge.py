"""The challenge: whoever presses the digit that is spoken goes on. Policy only; knows no channel.

Both doors ask one `Challenge` what to play and what a key means, so a caller meets the same
challenge through either; how it is played and heard is theirs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from ringfence.call import Call
from ringfence.verdict import PLAIN, Action, Reason, Verdict

DIGITS = "23456789"
"""Neither 1 nor 0: those are what dialling machines press without listening."""
DEFAULT_PROMPTS = ("to-call-this-number", "vm-press")
""" "To call this number, press" in Asterisk's core sounds; the digit follows it."""
AGAIN = "please-try-again"
FAREWELL = "vm-goodbye"

WAIT = 5.0
"""Seconds in which a key may follow the prompt."""
PROMPT_LIMIT = 15.0
"""Seconds of one try's prompt; what is longer is cut off. The default takes 2.3."""
DIGIT_LIMIT = 3.0
"""Seconds of the digit behind it: without it nobody could pass, so it has its own."""
MARGIN = 2.0
TRY_LIMIT = PROMPT_LIMIT + DIGIT_LIMIT + WAIT + MARGIN
"""Seconds that the dialplan waits, anew for each try, before it goes on without Ringfence."""
LIMIT = 60.0
"""Seconds for all tries together."""

DrawDigit = Callable[[Sequence[str]], str]
"""One of these, at random."""
Remember = Callable[[str, int], None]
"""This caller (E.164) passed, which is to be remembered for so many seconds."""


def forget(caller: str, seconds: int) -> None:
    """A `Remember` for who keeps nothing: every call is challenged."""


class Try(NamedTuple):
    """One try: what is played, and the digit's own sound behind it."""

    prompts: tuple[str, ...]
    digit_sound: str


class Challenge:
    """The tries of one call."""

    def __init__(self, verdict: Verdict, draw: DrawDigit = secrets.choice) -> None:
        self.language = verdict.treatment.language
        self._prompts = tuple(verdict.prompt.split("&")) if verdict.prompt else DEFAULT_PROMPTS
        self._left = verdict.treatment.tries
        self._draw = draw
        self._digit = ""

    def next_try(self, elapsed: float) -> Try | None:
        """The next try, `elapsed` seconds after the first began; None: the call has failed.

        Its digit is never that of the try before.
        """
        if self._left < 1 or elapsed > LIMIT - TRY_LIMIT:
            return None
        self._left -= 1
        first = not self._digit
        self._digit = self._draw([digit for digit in DIGITS if digit != self._digit])
        prompts = self._prompts if first else (AGAIN, *self._prompts)
        return Try(prompts, f"digits/{self._digit}")

    def is_passed_by(self, key: str) -> bool:
        """Is this the digit of the present try? Without a key (""), it is not."""
        return key != "" and key == self._digit


def verdict_after(verdict: Verdict, *, passed: bool) -> Verdict:
    """What is left to do when a challenge is over: the call goes on, or it is ended."""
    if not passed:
        return msgspec.structs.replace(verdict, prompt="", treatment=PLAIN)
    return msgspec.structs.replace(
        verdict,
        action=Action.FLAG if verdict.label else Action.ALLOW,
        reason=Reason.CHALLENGE,
        sip=0,
        prompt="",
        treatment=PLAIN,
    )


def remember_pass(call: Call | None, verdict: Verdict, remember: Remember) -> None:
    """Remember this caller, if it has a number to be known by, and the rule wants it."""
    seconds = verdict.treatment.remember
    caller = call.caller.e164 if call else ""
    if caller and seconds > 0:
        remember(caller, seconds)
