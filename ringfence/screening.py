"""Where a call meets the rules: one entry, one clock, one fail mode. Knows no door and no Redis.

The world (rules, lists, trunks) is in memory and comes in as a function that returns the newest
one, so nothing here waits for anything.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Literal

import msgspec
import structlog

from ringfence.attestation import attest
from ringfence.call import Call, CallAttempt
from ringfence.callid import new_call_id
from ringfence.numbers import Number, normalise
from ringfence.rules import evaluate
from ringfence.rules.emergency import emergency, emergency_number
from ringfence.rules.match import Lists
from ringfence.trunk import DEFAULT_TRUNK, Trunk
from ringfence.verdict import Action, Reason, Verdict
from ringfence.world import World

log = structlog.get_logger(__name__)

FailMode = Literal["open", "closed"]
NO_LISTS: Lists = {}
FAIL_CLOSED_SIP = 503
"""Service Unavailable: an upstream provider may try another route."""


class Screened(msgspec.Struct, frozen=True, kw_only=True):
    """One call with its verdict: what a door applies and the call log keeps.

    `at` is Unix seconds at the door, `took` seconds from facts to verdict. `call` is None where
    screening failed before the facts could be read.
    """

    id: str
    at: float
    door: str
    attempt: CallAttempt
    call: Call | None
    verdict: Verdict
    took: float


class Screener:
    """Turns a call attempt into a verdict; whatever fails in between, a verdict comes out."""

    def __init__(
        self,
        world: Callable[[], World],
        *,
        fail: FailMode = "open",
        monitor: bool = False,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
        new_id: Callable[[float], str] | None = None,
    ) -> None:
        self._world = world
        self._fail = fail
        self._monitor = monitor
        self._clock = clock
        self._timer = timer
        self._new_id = new_id or new_call_id

    def screen(self, attempt: CallAttempt, door: str) -> Screened:
        """The verdict for one call. Never raises and never waits for the network."""
        began = self._timer()
        now = self._clock()
        call = None
        trunk = DEFAULT_TRUNK
        lists: Lists = {}
        try:
            world = self._world()
            trunk = world.trunks.get(attempt.trunk, DEFAULT_TRUNK)
            lists = world.lists
            call = call_of(attempt, trunk)
            verdict = evaluate(world.rules, call, world.lists, now, monitor=self._monitor)
        except Exception as error:
            # The one broad except on a call's way: a fault of ours is never the caller's.
            log.exception("screening failed", trunk=attempt.trunk, uniqueid=attempt.uniqueid)
            verdict = self._failed(attempt, trunk, lists, now, error)
        return Screened(
            id=self._new_id(now),
            at=now,
            door=door,
            attempt=attempt,
            call=call,
            verdict=verdict,
            took=self._timer() - began,
        )

    def _failed(
        self, attempt: CallAttempt, trunk: Trunk, lists: Lists, now: float, error: Exception
    ) -> Verdict:
        detail = f"{type(error).__name__}: {error}"[:200]
        closed = (trunk.fail or self._fail) == "closed"
        if closed and not _is_emergency(attempt, trunk, lists, now):
            return Verdict(
                action=Action.BLOCK, reason=Reason.FAIL_CLOSED, sip=FAIL_CLOSED_SIP, detail=detail
            )
        return Verdict(action=Action.ALLOW, reason=Reason.FAIL_OPEN, detail=detail)


def call_of(attempt: CallAttempt, trunk: Trunk) -> Call:
    """The call as rules see it, read with this trunk's settings."""
    called, caller = trunk.plans
    number = normalise(attempt.caller, caller)
    if attempt.presentation.startswith("prohib"):
        # With trust_id_inbound a withheld number still arrives, marked as prohibited (RFC 3325).
        # It stays a number: whoever is listed does not get off the list by asking for privacy.
        number = number._replace(anonymous=True)
    return Call(
        called=normalise(attempt.called, called),
        caller=number,
        trunk=attempt.trunk,
        provider=trunk.provider,
        source_ip=attempt.source_ip,
        caller_name=attempt.caller_name,
        user_agent=attempt.headers.get("user-agent", ""),
        attestation=attest(attempt, trunk),
    )


def _is_emergency(attempt: CallAttempt, trunk: Trunk, lists: Lists, now: float) -> bool:
    """Whatever failed may fail here again: the trunk's settings, a list, reading a number."""
    for settings in (trunk, DEFAULT_TRUNK):
        for known in (NO_LISTS, lists):
            with contextlib.suppress(Exception):
                called, caller = settings.plans
                call = Call(
                    called=normalise(attempt.called, called),
                    caller=normalise(attempt.caller, caller),
                )
                if emergency(call, known, now):
                    return True
    called_as_written = Number("", 0, attempt.called[:16])
    return bool(emergency_number(called_as_written, {}, now))
