"""Owns placing calls at a rate and timing them; it must not know what answers them.

A process of its own, so that its interpreter does not stand in a door's way: one JSON `Plan` a
line on standard input, one JSON list of `Leg` results a line on standard output.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

import msgspec
import uvloop

from lab.sip import CallResult, SipCaller, run_at_rate


class Target(msgspec.Struct, frozen=True):
    """Where one kind of call comes from and goes to; `callers` take turns.

    `identities` are the Identity headers of the plan's calls, that of the first call first; empty
    where calls are not signed.
    """

    address: str
    called: str
    callers: tuple[str, ...] = ("+12125550100",)
    headers: tuple[tuple[str, str], ...] = ()
    identities: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """Calls at `rate` per second for `seconds`, taking `targets` in turn."""

    asterisk: tuple[str, int]
    rate: float
    seconds: float
    targets: tuple[Target, ...]
    timeout: float = 3.0
    offset: int = 0
    """Where in `callers` to begin, so that rounds do not repeat each other's callers."""


class Leg(msgspec.Struct):
    """What came of one target's calls.

    `lost` had no final response, or none to the first INVITE, which then was repeated. `offered`
    is the rate at which INVITEs really left; `cpu` is for who places the plan to fill in: seconds
    by process. `setup_ms` is in the order of the calls.
    """

    setup_ms: list[float]
    statuses: dict[int, int]
    lost: int
    offered: float = 0.0
    cpu: dict[str, float] = {}


async def place(plan: Plan, callers: dict[str, SipCaller]) -> list[Leg]:
    """Place all calls of a plan, over one caller per address."""
    targets = plan.targets
    loop = asyncio.get_running_loop()
    began = ended = loop.time()

    async def one(number: int) -> CallResult:
        nonlocal ended
        ended = loop.time()
        target = targets[number % len(targets)]
        nth = number // len(targets)
        turn = plan.offset + nth
        signed = [("Identity", target.identities[nth])] if target.identities else []
        return await callers[target.address].call(
            caller=target.callers[turn % len(target.callers)], called=target.called,
            headers=[*target.headers, *signed], talk=0, timeout=plan.timeout,
        )  # fmt: skip

    # A collection in the middle of a round would be measured as somebody's latency.
    gc.collect()
    gc.disable()
    try:
        results = await run_at_rate(plan.rate, plan.seconds, one)
    finally:
        gc.enable()
    offered = (len(results) - 1) / (ended - began) if ended > began else 0.0
    return [_leg(results[at :: len(targets)], offered / len(targets)) for at in range(len(targets))]


def _leg(results: Sequence[CallResult], offered: float) -> Leg:
    return Leg(
        setup_ms=[round(each.setup_ms, 4) for each in results if each.status],
        statuses=dict(Counter(each.status for each in results)),
        lost=sum(each.status == 0 or each.invites_sent > 1 for each in results),
        offered=round(offered, 1),
    )


async def serve_plans() -> None:
    """Answer plans until standard input ends, which it does when our owner does."""
    loop = asyncio.get_running_loop()
    decoder = msgspec.json.Decoder(Plan)
    async with AsyncExitStack() as stack:
        callers: dict[str, SipCaller] = {}
        while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
            plan = decoder.decode(line)
            for target in plan.targets:
                if target.address not in callers:
                    caller = SipCaller(target.address, plan.asterisk)
                    callers[target.address] = await stack.enter_async_context(caller)
            legs = await place(plan, callers)
            sys.stdout.buffer.write(msgspec.json.encode(legs) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(serve_plans())
