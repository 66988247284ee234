"""A call with an Identity header, its signer's certificate and the rules: all of it together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from lab.shaken import Authority, identity_header, shaken_passport, sign
from ringfence.attesting import Attester
from ringfence.call import CallAttempt
from ringfence.rules import compile_rules, decode_rule
from ringfence.screening import Screened, Screener
from ringfence.trunk import Trunk
from ringfence.verdict import Action, Reason
from ringfence.world import World
from tests.certificates.conftest import Clock, Open, Web

CALLER, CALLED = "12155551212", "12155551213"
NEEDS_SIGNATURE = compile_rules(
    [
        decode_rule("bad-signer", '{"action":"block","when":{"signer":"666"}}'),
        decode_rule(
            "signed-only",
            '{"action":"block","when":{"verification":["none","failed"]},"basis":"identity"}',
        ),
    ]
)
Ask = Callable[..., Any]


def identity_by(authority: Authority, web: Web, spc: str = "818H", **changes: Any) -> str:
    """An Identity header whose certificate the server has."""
    credential = authority.signer(spc)
    x5u = web.put(f"/{spc}.pem", credential.pem)
    facts: dict[str, Any] = {"orig": CALLER, "dest": [CALLED], "attest": "A", "x5u": x5u}
    facts |= {"iat": int(time.time()), "origid": "123e4567-e89b-12d3-a456-426655440000", **changes}
    return identity_header(sign(*shaken_passport(**facts), credential.key), x5u)


def attempt_with(*identities: str, **changes: Any) -> CallAttempt:
    given: dict[str, Any] = {"caller": f"+{CALLER}", "called": f"+{CALLED}", "trunk": "carrier-a"}
    return CallAttempt(identities=identities, **{**given, **changes})


@pytest.fixture
def screener_of(open_store: Open, clock: Clock) -> Callable[..., Screener]:
    def make(wait: float = 5.0, trunks: dict[str, Trunk] | None = None, **more: Any) -> Screener:
        attester = Attester(more.pop("store", None) or open_store().store, wait)
        world = World(NEEDS_SIGNATURE, {}, trunks or {})
        return Screener(lambda: world, attester=attester, clock=clock, **more)

    return make


async def verdict_of(screener: Screener, attempt: CallAttempt) -> Screened:
    screened = screener.screen(attempt, "agi")
    return screened if isinstance(screened, Screened) else await screened


async def test_a_call_waits_for_the_certificate_of_a_new_signer_and_the_next_does_not(
    web: Web, authority: Authority, screener_of: Ask
) -> None:
    screener = screener_of()
    attempt = attempt_with(identity_by(authority, web))
    first = screener.screen(attempt, "agi")
    assert not isinstance(first, Screened)
    screened = await first
    assert screened.call
    assert screened.verdict.reason is Reason.NO_RULE
    assert (screened.call.attestation.signer, screened.call.attestation.level) == ("818H", "A")
    again = screener.screen(attempt, "agi")
    assert isinstance(again, Screened)
    assert again.verdict.reason is Reason.NO_RULE
    assert web.asked == {"/818H.pem": 1}


async def test_a_call_goes_on_when_its_share_is_used_up(
    web: Web, authority: Authority, screener_of: Ask
) -> None:
    identity = identity_by(authority, web)
    going, gate = asyncio.Event(), asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        going.set()
        await gate.wait()

    web.play("/818H.pem", slowly)
    screened = await verdict_of(screener_of(wait=0.05), attempt_with(identity))
    gate.set()
    assert going.is_set()
    assert screened.call
    assert screened.call.attestation.reason == "certificate-pending"
    assert screened.call.attestation.verification == "none"
    assert (screened.verdict.rule, screened.verdict.sip) == ("signed-only", 436)


async def test_with_no_share_at_all_no_call_waits(
    web: Web, authority: Authority, screener_of: Ask
) -> None:
    screened = await verdict_of(screener_of(wait=0.0), attempt_with(identity_by(authority, web)))
    assert screened.call
    assert screened.call.attestation.reason == "certificate-pending"


async def test_an_emergency_call_never_waits(
    web: Web, authority: Authority, screener_of: Ask
) -> None:
    attempt = attempt_with(identity_by(authority, web, dest=["911"]), called="911")
    screened = screener_of().screen(attempt, "agi")
    assert isinstance(screened, Screened)
    assert screened.verdict.reason is Reason.EMERGENCY


async def test_many_calls_at_once_for_one_new_signer_cause_one_fetch(
    web: Web, authority: Authority, screener_of: Ask
) -> None:
    screener = screener_of()
    attempt = attempt_with(identity_by(authority, web))
    all_ = await asyncio.gather(*(verdict_of(screener, attempt) for _ in range(50)))
    assert {screened.verdict.reason for screened in all_} == {Reason.NO_RULE}
    assert web.asked == {"/818H.pem": 1}


async def test_who_hangs_up_while_waiting_takes_no_other_call_along(
    web: Web, authority: Authority, screener_of: Ask
) -> None:
    screener = screener_of()
    attempt = attempt_with(identity_by(authority, web))
    leaves = asyncio.create_task(verdict_of(screener, attempt))
    stays = asyncio.create_task(verdict_of(screener, attempt))
    await asyncio.sleep(0)
    leaves.cancel()
    assert (await stays).verdict.reason is Reason.NO_RULE


async def test_a_call_is_refused_for_its_signer(
    web: Web, authority: Authority, screener_of: Ask
) -> None:
    screened = await verdict_of(screener_of(), attempt_with(identity_by(authority, web, "666")))
    assert (screened.verdict.action, screened.verdict.rule) == (Action.BLOCK, "bad-signer")
    assert screened.verdict.matched == ("signer 666",)


@pytest.mark.parametrize(
    ("changes", "reason", "code"),
    [
        ({"iat": 1_000_000_000}, "stale", 403),
        ({"orig": "12025550100"}, "orig-mismatch", 438),
        ({"dest": ["12025550100"]}, "dest-mismatch", 438),
        ({"x5u": "http://certificates.example/818H.pem"}, "bad-x5u", 436),
    ],
)
async def test_what_did_not_verify_is_rejected_with_its_own_code(
    web: Web, authority: Authority, screener_of: Ask,
    changes: dict[str, Any], reason: str, code: int,
) -> None:  # fmt: skip
    identity = identity_by(authority, web, **changes)
    if "x5u" in changes:
        identity = identity.replace(web.url("/818H.pem"), changes["x5u"])
    screened = await verdict_of(screener_of(), attempt_with(identity))
    assert screened.call
    assert screened.call.attestation.reason == reason
    assert (screened.verdict.rule, screened.verdict.sip) == ("signed-only", code)


async def test_a_call_without_a_signature_is_asked_for_one(screener_of: Ask) -> None:
    screened = await verdict_of(screener_of(), attempt_with())
    assert screened.call
    assert screened.call.attestation.reason == "no-identity"
    assert screened.verdict.sip == 428


async def test_a_trunk_that_does_not_name_us_has_its_headers_left_alone(
    web: Web, authority: Authority, screener_of: Ask
) -> None:
    screener = screener_of(trunks={"carrier-a": Trunk(attestation=("headers",))})
    screened = await verdict_of(screener, attempt_with(identity_by(authority, web)))
    assert screened.call
    assert screened.call.attestation.verification == "none"
    assert "do not name ringfence" in screened.call.attestation.detail
    assert web.connections == 0


async def test_a_fault_of_the_verifier_lets_no_call_past_the_rules(screener_of: Ask) -> None:
    class Broken:
        def get(self, x5u: str, now: float) -> Any:
            raise RuntimeError("broken")

    header = identity_header("a.b.c", "https://example.org/a.pem")
    with structlog.testing.capture_logs() as logged:
        screened = await verdict_of(
            screener_of(store=Broken()), attempt_with(header.replace("a.b.c", _token()))
        )
    assert [entry["event"] for entry in logged] == ["Identity headers not verified"]
    assert screened.verdict.rule == "signed-only"


def _token() -> str:
    facts: dict[str, Any] = {"orig": CALLER, "dest": [CALLED], "attest": "A"}
    facts |= {"iat": int(time.time()), "origid": "x", "x5u": "https://example.org/a.pem"}
    return sign(*shaken_passport(**facts), Authority().signer("1").key)


async def test_a_clock_that_is_wrong_is_told_from_the_tokens_of_several_signers(
    web: Web, authority: Authority, clock: Clock, screener_of: Ask
) -> None:
    identities = [identity_by(authority, web, spc) for spc in ("818H", "709J", "404B")]
    screener = screener_of()
    clock.now += 300
    with structlog.testing.capture_logs() as logs:
        for turn in range(60):
            screened = await verdict_of(screener, attempt_with(identities[turn % 3]))
            assert screened.call
            assert screened.call.attestation.reason == "stale"
    (said,) = [line for line in logs if "clock" in line["event"]]
    assert abs(said["seconds_ahead"] - 300) < 60
