"""Places calls at a rate and writes down what came of each; must not know what is due.

A process of its own, so that what is measured is not our own bookkeeping: one JSON `Plan` on
standard input, one JSON `Placed` a line on standard output.
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from contextlib import AsyncExitStack

import msgspec
import uvloop

from lab.sip import SipCaller, run_at_rate

CALLEE = "+12025550100"
TIMEOUT = 6.0
"""Seconds. A call without a final response within 2 is a violation, and one worth measuring."""
GOT_THROUGH = 486
SHORT = 0.8
"""Of the calls that are let through, the share that ends where it would be sent to the callee: an
answered call costs Asterisk five times what a screened one does."""
MAX_OPEN = 800
"""Calls at a time, as a trunk has so many channels: else one bad second of a full machine
would pile up calls without end."""
HELD_BACK = "held back"
"""The kind of what was not placed for that."""
LEAVES_AFTER = 0.004
"""Seconds: about when the verdict is there."""


class Kind(msgspec.Struct, frozen=True):
    """Calls of one kind and their share; `leaves`: the caller hangs up in the middle; `shuffled`:
    callers come at random and not in turn."""

    name: str
    share: int
    callers: tuple[str, ...]
    called: str = CALLEE
    leaves: bool = False
    shuffled: bool = False


class Plan(msgspec.Struct, frozen=True):
    """`rate` calls a second for `seconds`."""

    asterisk: tuple[str, int]
    addresses: tuple[str, ...]
    rate: float
    seconds: float
    kinds: tuple[Kind, ...]
    seed: int = 0


class Placed(msgspec.Struct, frozen=True, gc=False):
    """One call. Times are of the machine's monotonic clock, which all processes share."""

    kind: str
    caller: str
    door: str
    began: float
    ended: float
    status: int
    setup_ms: float
    call_id: str


async def place_all(plan: Plan) -> None:
    """Place the plan's calls and write each down as it ends."""
    dice = random.Random(plan.seed)
    shares = [kind.share for kind in plan.kinds]
    turns = {kind.name: itertools.cycle(kind.callers) for kind in plan.kinds}
    encoder = msgspec.json.Encoder()
    async with AsyncExitStack() as stack:
        callers = [
            await stack.enter_async_context(SipCaller(address, plan.asterisk))
            for address in plan.addresses
        ]

        open_calls = 0

        async def one(number: int) -> None:
            nonlocal open_calls
            if open_calls >= MAX_OPEN:
                now = time.monotonic()
                tell(Placed(HELD_BACK, "", "", now, now, 0, 0.0, ""))
                return
            open_calls += 1
            try:
                tell(await place())
            finally:
                open_calls -= 1

        def tell(placed: Placed) -> None:
            print(encoder.encode(placed).decode(), flush=True)

        async def place() -> Placed:
            (kind,) = dice.choices(plan.kinds, shares)
            door = dice.choice(("agi", "ari"))
            caller = dice.choice(kind.callers) if kind.shuffled else next(turns[kind.name])
            headers = [("X-Lab-Door", door)]
            if dice.random() < SHORT:
                headers.append(("X-Lab-End", str(GOT_THROUGH)))
            began = time.monotonic()
            result = await dice.choice(callers).call(
                caller=caller, called=kind.called, headers=headers, talk=0.1,
                hang_up_after=LEAVES_AFTER * dice.random() * 2 if kind.leaves else None,
                timeout=TIMEOUT,
            )  # fmt: skip
            # A call that was answered has talked since its final response.
            ended = began + result.setup_ms / 1000 if result.status else time.monotonic()
            return Placed(
                kind.name, caller, door, began, ended, result.status, result.setup_ms,
                result.call_id,
            )  # fmt: skip

        await run_at_rate(plan.rate, plan.seconds, one)


if __name__ == "__main__":
    uvloop.run(place_all(msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)))
