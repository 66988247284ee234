"""Where a call meets the rules: one entry, one clock, one fail mode. Knows no door and no Redis.

The world (rules, lists, trunks) is in memory and comes in as a function that returns the newest
one. So only a call waits that a rule wants counted, or whose signer's certificate is still to come;
the counters and the attester bound that.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, Protocol

import msgspec
import structlog

from ringfence.attestation import Attestation, attest
from ringfence.attesting import Attester
from ringfence.call import Call, CallAttempt
from ringfence.callid import new_call_id
from ringfence.numbers import Number, normalise
from ringfence.rules import demands, evaluate
from ringfence.rules.choice import Choice
from ringfence.rules.emergency import emergency, emergency_number
from ringfence.rules.match import Lists
from ringfence.rules.velocity import NOTHING_COUNTED, Counted, Demand
from ringfence.thresholds import NO_THRESHOLDS, Thresholds
from ringfence.trunk import DEFAULT_TRUNK, Trunk
from ringfence.verdict import Action, Reason, Verdict
from ringfence.world import World

log = structlog.get_logger(__name__)

FailMode = Literal["open", "closed"]
Verify = Callable[[Number, Number], Attestation]
"""What a call's Identity headers prove, given caller and called number."""
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


class Counters(Protocol):
    """Counts calls for rules with a rate or a spread."""

    async def count(self, demands: Sequence[Demand], now: float) -> Counted:
        """Count one call, and say how many there are by now. Never raises; bounded by itself."""


class _Case(msgspec.Struct, frozen=True):
    """A call and the world it is judged in: both stay as they were when it came. `pending` are
    certificates that it may wait for."""

    world: World
    call: Call
    trunk: Trunk
    choice: Choice
    pending: Sequence[str] = ()


class Screener:
    """Turns a call attempt into a verdict; whatever fails in between, a verdict comes out."""

    def __init__(
        self,
        world: Callable[[], World],
        *,
        counters: Counters | None = None,
        attester: Attester | None = None,
        fail: FailMode = "open",
        monitor: bool = False,
        thresholds: Thresholds = NO_THRESHOLDS,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
        new_id: Callable[[float], str] | None = None,
    ) -> None:
        self._world = world
        self._counters = counters
        self._attester = attester
        self._fail = fail
        self._monitor = monitor
        self._thresholds = thresholds
        self._clock = clock
        self._timer = timer
        self._new_id = new_id or new_call_id

    def screen(self, attempt: CallAttempt, door: str) -> Screened | Coroutine[Any, Any, Screened]:
        """The verdict for one call, at once. Where a rule counts this call, or the certificate of
        its signer is still to come, a coroutine that gives it: counters and certificates are asked
        first, which they bound. Neither ever raises."""
        began = self._timer()
        now = self._clock()
        case = None
        try:
            case = self._case(attempt, now)
            if case.pending and not emergency(case.call, case.world.lists, now):
                return self._attest_first(case, attempt, door, began, now)
            wanted = self._wanted(case, now)
            if wanted:
                return self._count_first(wanted, case, attempt, door, began, now)
            verdict = self._judge(case, now, NOTHING_COUNTED)
        except Exception as error:
            verdict = self._failed(attempt, case, now, error)
        return self._screened(attempt, door, case, verdict, began, now)

    async def _attest_first(
        self, case: _Case, attempt: CallAttempt, door: str, began: float, now: float
    ) -> Screened:
        try:
            if self._attester is not None:
                await self._attester.ready(case.pending)
            # What is not there by now is not waited for again.
            case = self._case(attempt, now)
            wanted = self._wanted(case, now)
        except Exception as error:
            verdict = self._failed(attempt, case, now, error)
            return self._screened(attempt, door, case, verdict, began, now)
        return await self._count_first(wanted, case, attempt, door, began, now)

    async def _count_first(
        self,
        wanted: Sequence[Demand],
        case: _Case,
        attempt: CallAttempt,
        door: str,
        began: float,
        now: float,
    ) -> Screened:
        try:
            counted = NOTHING_COUNTED
            if wanted and self._counters is not None:
                counted = await self._counters.count(wanted, now)
            verdict = self._judge(case, now, counted)
        except Exception as error:
            verdict = self._failed(attempt, case, now, error)
        return self._screened(attempt, door, case, verdict, began, now)

    def _case(self, attempt: CallAttempt, now: float) -> _Case:
        world = self._world()
        trunk = world.trunks.get(attempt.trunk, DEFAULT_TRUNK)
        check = None
        if (
            attempt.identities is not None
            and self._attester is not None
            and "ringfence" in trunk.attestation
        ):
            check = self._attester.check(attempt, now)
        call = call_of(attempt, trunk, check.verify if check else None)
        choice = world.callees.choice(call, world.lists, now)
        return _Case(world, call, trunk, choice, check.pending if check else ())

    def _wanted(self, case: _Case, now: float) -> Sequence[Demand]:
        """What is to be counted before the call is judged."""
        if self._counters is None:
            return ()
        return demands(
            case.world.rules,
            case.call,
            case.world.lists,
            now,
            monitor=self._monitor,
            choice=case.choice,
        )

    def _judge(self, case: _Case, now: float, counted: Counted) -> Verdict:
        return evaluate(
            case.world.rules,
            case.call,
            case.world.lists,
            now,
            monitor=self._monitor,
            choice=case.choice,
            thresholds=case.trunk.score or self._thresholds,
            counted=counted,
        )

    def _screened(
        self,
        attempt: CallAttempt,
        door: str,
        case: _Case | None,
        verdict: Verdict,
        began: float,
        now: float,
    ) -> Screened:
        return Screened(
            id=self._new_id(now),
            at=now,
            door=door,
            attempt=attempt,
            call=case.call if case else None,
            verdict=verdict,
            took=self._timer() - began,
        )

    def _failed(
        self, attempt: CallAttempt, case: _Case | None, now: float, error: Exception
    ) -> Verdict:
        # The one place for what went wrong on a call's way: a fault of ours is never the caller's.
        log.error(
            "screening failed", exc_info=error, trunk=attempt.trunk, uniqueid=attempt.uniqueid
        )
        trunk, lists = self._known(attempt, case)
        detail = f"{type(error).__name__}: {error}"[:200]
        closed = (trunk.fail or self._fail) == "closed"
        if closed and not _is_emergency(attempt, trunk, lists, now):
            return Verdict(
                action=Action.BLOCK, reason=Reason.FAIL_CLOSED, sip=FAIL_CLOSED_SIP, detail=detail
            )
        return Verdict(action=Action.ALLOW, reason=Reason.FAIL_OPEN, detail=detail)

    def _known(self, attempt: CallAttempt, case: _Case | None) -> tuple[Trunk, Lists]:
        """The trunk's settings and the lists, as far as they can be had."""
        if case is not None:
            return case.trunk, case.world.lists
        trunk, lists = DEFAULT_TRUNK, NO_LISTS
        with contextlib.suppress(Exception):
            world = self._world()
            lists = world.lists
            trunk = world.trunks.get(attempt.trunk, DEFAULT_TRUNK)
        return trunk, lists


def call_of(attempt: CallAttempt, trunk: Trunk, verify: Verify | None = None) -> Call:
    """The call as rules see it, read with this trunk's settings. `verify` has a word where its
    Identity headers were looked at."""
    called, caller = trunk.plans
    number = normalise(attempt.caller, caller)
    if attempt.presentation.startswith("prohib"):
        # With trust_id_inbound a withheld number still arrives, marked as prohibited (RFC 3325).
        # It stays a number: whoever is listed does not get off the list by asking for privacy.
        number = number._replace(anonymous=True)
    dialled = normalise(attempt.called, called)
    return Call(
        called=dialled,
        caller=number,
        trunk=attempt.trunk,
        provider=trunk.provider,
        source_ip=attempt.source_ip,
        caller_name=attempt.caller_name,
        user_agent=attempt.headers.get("user-agent", ""),
        attestation=attest(attempt, trunk, verify(number, dialled) if verify else None),
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
