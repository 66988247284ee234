"""Certificates while calls wait, or do not: a slow server, a dead one, many calls, a restart.

A real Asterisk with the deadline as it comes (0.25 s, of which 0.1 s for an unknown certificate),
and a real certificate server that is held or taken away on purpose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from demo.stage import Stage
from lab import CallResult
from lab.shaken import Credential, Shaken
from tests.asterisk.signed_calls import CALLED, CALLER, Headers

pytestmark = pytest.mark.asterisk

BOTH = pytest.mark.parametrize("door", ["agi", "ari"])
SHARE_MS = 100
UNDELAYED_MS = 0.9 * SHARE_MS
DEADLINE_MS = 250
# A machine that is busy is late with everything; what is bounded here would last for seconds.
LATE_MS = 500
WORKERS = 3


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(
        shaken=Shaken(),
        environment={"RINGFENCE_ATTESTATION_FETCH_TIMEOUT": "3"},
        set_var={"carrier-a": {"RINGFENCE_IDENTITY": "yes"}},
        purpose="tests",
    ) as running:
        running.ringfence.start()
        yield running


Call = Callable[..., Awaitable[CallResult]]


@pytest.fixture
def call(stage: Stage) -> Call:
    """Place one call with these headers."""

    async def place(headers: Headers, *, door: str = "agi", **more: Any) -> CallResult:
        async with stage.lab.caller("carrier-a") as caller:
            asked = {"called": CALLED, "talk": 0.0, **more}
            return await caller.call(
                caller=CALLER, headers=[("X-Lab-Door", door), *headers], **asked
            )

    return place


class Unknown:
    """A signer whom nobody has seen before."""

    def __init__(self, shaken: Shaken) -> None:
        self._shaken = shaken
        self._credential: Credential = shaken.authority.signer("818H")
        self.x5u = shaken.publish(self._credential)

    def headers(self, called: str = CALLED) -> Headers:
        signer = self._credential
        return (self._shaken.identity(CALLER, called, credential=signer, x5u=self.x5u),)

    @property
    def fetched(self) -> int:
        """How often the server was asked for the certificate."""
        return self._shaken.server.fetched["/" + self.x5u.rpartition("/")[2]]


@pytest.fixture
def unknown(stage: Stage) -> Unknown:
    return Unknown(stage.lab.shaken)


def kept(stage: Stage) -> int:
    """How many certificates lie on disk."""
    return len(list((stage.ringfence.state / "certificates" / "signers").glob("*/*.kept")))


def records(stage: Stage, *results: CallResult) -> list[dict[str, Any]]:
    return stage.ringfence.records([result.call_id for result in results])


def said(record: dict[str, Any]) -> tuple[str, str, str]:
    return (
        record.get("attestation", "none"),
        record.get("verification", "none"),
        record.get("attestation_reason", ""),
    )


PASSED = ("A", "passed", "")
PENDING = ("none", "none", "certificate-pending")


@BOTH
async def test_a_slow_certificate_costs_a_call_its_share_and_the_next_call_has_it(
    stage: Stage, call: Call, unknown: Unknown, door: str
) -> None:
    before = kept(stage)
    with stage.lab.shaken.server.held():
        first = await call(unknown.headers(), door=door)
    record = stage.ringfence.record(first.call_id)
    assert first.answered
    assert said(record) == PENDING
    assert record["x5u"] == unknown.x5u
    # the share was waited for, and the deadline of the dialplan not needed
    assert (record["action"], record["reason"]) == ("allow", "no-rule")
    assert UNDELAYED_MS < record["ms"] < SHARE_MS + LATE_MS
    stage.ringfence.wait_until(lambda: kept(stage) > before, "the certificate")
    second = await call(unknown.headers(), door=door)
    assert said(stage.ringfence.record(second.call_id)) == PASSED
    assert unknown.fetched == 1


@BOTH
async def test_an_emergency_call_never_waits_for_a_certificate(
    stage: Stage, call: Call, unknown: Unknown, door: str
) -> None:
    with stage.lab.shaken.server.held():
        result = await call(unknown.headers("911"), door=door, called="911")
    record = stage.ringfence.record(result.call_id)
    assert result.answered
    assert record["reason"] == "emergency"
    assert record["ms"] < UNDELAYED_MS


@BOTH
async def test_a_call_that_waits_holds_up_no_other(
    stage: Stage, call: Call, unknown: Unknown, door: str
) -> None:
    known = Unknown(stage.lab.shaken)
    await call(known.headers())
    with stage.lab.shaken.server.held():
        waiting = asyncio.ensure_future(call(unknown.headers(), door=door))
        others = [await call(headers, door=door) for headers in ((), known.headers())]
        await waiting
    assert all(other.answered for other in others)
    assert all(record["ms"] < UNDELAYED_MS for record in records(stage, *others))


async def at_once(call: Call, unknown: Unknown, count: int) -> Sequence[CallResult]:
    """So many calls of one signer at the same time, through both doors."""
    doors = ("agi", "ari")
    return await asyncio.gather(
        *(call(unknown.headers(), door=doors[number % 2]) for number in range(count))
    )


async def test_twenty_calls_at_once_for_an_unknown_certificate_cause_one_fetch(
    stage: Stage, call: Call, unknown: Unknown
) -> None:
    before = kept(stage)
    with stage.lab.shaken.server.held():
        results = await at_once(call, unknown, 20)
    assert all(result.answered for result in results)
    assert {said(record) for record in records(stage, *results)} == {PENDING}
    stage.ringfence.wait_until(lambda: kept(stage) > before, "the certificate")
    assert unknown.fetched == 1
    result = await call(unknown.headers())
    assert said(stage.ringfence.record(result.call_id)) == PASSED


@BOTH
async def test_a_caller_who_hangs_up_while_waiting_leaves_the_certificate_to_the_next(
    stage: Stage, call: Call, unknown: Unknown, door: str
) -> None:
    before, seen = kept(stage), len(stage.ringfence.log())
    with stage.lab.shaken.server.held():
        left = await call(unknown.headers(), door=door, hang_up_after=0.03)
    assert left.status == 487
    stage.ringfence.wait_until(lambda: kept(stage) > before, "the certificate")
    result = await call(unknown.headers(), door=door)
    assert [said(record) for record in records(stage, result)] == [PASSED]
    assert unknown.fetched == 1
    assert all(line["level"] in ("info", "debug") for line in stage.ringfence.log()[seen:])


@BOTH
async def test_a_server_that_is_silent_for_ever_costs_calls_their_share_and_no_more(
    stage: Stage, call: Call, door: str
) -> None:
    """Each call names another certificate, as a hostile caller would."""
    signers = [Unknown(stage.lab.shaken) for _ in range(10)]
    with stage.lab.shaken.server.held():
        results = await asyncio.gather(*(call(each.headers(), door=door) for each in signers))
        for result in results:
            assert result.answered
            assert result.setup_ms < DEADLINE_MS + LATE_MS
        assert {said(record) for record in records(stage, *results)} == {PENDING}
        unsigned = await call((), door=door)
        assert stage.ringfence.record(unsigned.call_id)["ms"] < UNDELAYED_MS


@BOTH
async def test_a_certificate_server_that_is_gone_stops_no_call(
    stage: Stage, call: Call, unknown: Unknown, door: str
) -> None:
    with stage.lab.shaken.server.away():
        results = [await call(unknown.headers(), door=door) for _ in range(2)]
    assert all(result.answered for result in results)
    assert all(result.setup_ms < DEADLINE_MS + LATE_MS for result in results)
    # by the second call it is known at the latest
    record = records(stage, *results)[1]
    assert said(record) == ("none", "failed", "no-certificate")
    assert record["attestation_code"] == 436


async def test_known_signers_outlast_a_certificate_server_that_is_gone(
    stage: Stage, call: Call, unknown: Unknown
) -> None:
    await settled(stage, call, unknown)
    with stage.lab.shaken.server.away():
        result = await call(unknown.headers())
    assert said(stage.ringfence.record(result.call_id)) == PASSED


async def test_a_restart_with_the_server_gone_costs_no_known_signer_a_call(
    stage: Stage, call: Call, unknown: Unknown
) -> None:
    await settled(stage, call, unknown)
    stage.ringfence.kill()
    with stage.lab.shaken.server.away():
        stage.ringfence.start()
        results = [await call(unknown.headers(), door=door) for door in ("agi", "ari")]
    assert [said(record) for record in records(stage, *results)] == [PASSED, PASSED]
    assert unknown.fetched == 1


async def settled(stage: Stage, call: Call, unknown: Unknown) -> None:
    """The signer is known."""
    before = kept(stage)
    await call(unknown.headers())
    stage.ringfence.wait_until(lambda: kept(stage) > before, "the certificate")


async def test_without_trust_roots_nothing_is_fetched_and_calls_go_on(
    stage: Stage, call: Call, unknown: Unknown
) -> None:
    trusted = stage.ringfence.environment.pop("RINGFENCE_ATTESTATION_ROOTS")
    stage.ringfence.stop()
    try:
        stage.ringfence.start()
        results = [await call(unknown.headers(), door=door) for door in ("agi", "ari")]
        nothing = ("none", "none", "no-trust-roots")
        assert [said(record) for record in records(stage, *results)] == [nothing, nothing]
        assert all(result.answered for result in results)
        assert unknown.fetched == 0
    finally:
        stage.ringfence.stop()
        stage.ringfence.environment["RINGFENCE_ATTESTATION_ROOTS"] = trusted
        stage.ringfence.start()


async def test_several_workers_fetch_a_certificate_once_and_all_have_it(
    stage: Stage, call: Call, unknown: Unknown
) -> None:
    stage.ringfence.stop()
    stage.ringfence.start("--workers", str(WORKERS))
    try:
        before = kept(stage)
        with stage.lab.shaken.server.held():
            results = await at_once(call, unknown, 20)
        stage.ringfence.wait_until(lambda: kept(stage) > before, "the certificate")
        first = records(stage, *results)
        assert all(result.answered for result in results)
        assert {said(record) for record in first} == {PENDING}
        assert len({record["worker"] for record in first}) > 1
        # each worker takes it from disk when it first needs it
        await at_once(call, unknown, 20)
        later = records(stage, *await at_once(call, unknown, 20))
        assert {said(record) for record in later} == {PASSED}
        assert len({record["worker"] for record in later}) > 1
        assert unknown.fetched == 1
    finally:
        stage.ringfence.stop()
        stage.ringfence.start()
