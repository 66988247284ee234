"""A caller who listens to a challenge and presses keys.

Which digit is asked for is random and told to nobody but the caller, so it is heard: from what
Asterisk says that it plays.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from lab import Lab, Line
from ringfence.challenge import DIGITS

Presses = Literal["", "right", "wrong"]
PAUSE = 0.02
CALLEE_PATIENCE = 5.0


class Ear:
    """What Asterisk plays from now on."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._heard = len(lab.played())

    async def sound(self, begins: str, patience: float = 10.0) -> str:
        """The next sound whose name begins so."""
        async with asyncio.timeout(patience):
            while True:
                for name in self._lab.played()[self._heard :]:
                    self._heard += 1
                    if name.startswith(begins):
                        return name
                await asyncio.sleep(PAUSE)

    async def digit(self, patience: float = 10.0) -> str:
        """The digit of the next challenge."""
        return (await self.sound("digits/", patience)).removeprefix("digits/")


def other_than(digit: str) -> str:
    """Another digit."""
    return DIGITS[DIGITS.index(digit) - 1]


class Keypad:
    """Does in one call what a scene says."""

    def __init__(self, lab: Lab, presses: Presses) -> None:
        self._lab = lab
        self._presses = presses
        self._ear = Ear(lab)
        self._received = len(lab.received())

    async def __call__(self, line: Line) -> None:
        if self._presses == "right":
            line.press(await self._ear.digit())
            async with asyncio.timeout(CALLEE_PATIENCE):
                while len(self._lab.received()) == self._received:  # noqa: ASYNC110 - a file tells
                    await asyncio.sleep(PAUSE)
            return
        while True:  # until the far side hangs up
            line.press(other_than(await self._ear.digit()))
