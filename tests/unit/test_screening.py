"""Where a call meets the rules, and what happens when that fails."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import structlog
from msgspec import structs

from ringfence.call import Call, CallAttempt
from ringfence.lists import NumberList, parse_entry
from ringfence.rules import compile_rules, decode_rule
from ringfence.rules.choice import Choice
from ringfence.screening import FAIL_CLOSED_SIP, Screened, Screener, call_of
from ringfence.thresholds import Thresholds
from ringfence.trunk import Trunk
from ringfence.verdict import Action, Reason, Verdict
from ringfence.world import EMPTY_WORLD, World

ATTEMPT = CallAttempt(called="2025550123", caller="9005550100", trunk="carrier-a")
BLOCKS_900 = compile_rules(
    [decode_rule("no-900", '{"action":"block","when":{"caller":"+1900*"},"basis":"analytics"}')]
)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


class Broken(dict[str, Any]):
    """Settings or lists that fail when a call looks at them."""

    def get(self, key: str, default: Any = None) -> NoReturn:
        raise RuntimeError("broken\nin two lines " + "x" * 500)


def at_once(screener: Screener, attempt: CallAttempt = ATTEMPT) -> Screened:
    """The verdict of a call that nothing counts."""
    screened = screener.screen(attempt, "agi")
    assert isinstance(screened, Screened)
    return screened


def no_world() -> NoReturn:
    raise RuntimeError("no world")


def broken_rules(trunk: Trunk | None = None, lists: Any = None) -> World:
    """The trunks are fine, the rules are no rule book: evaluation fails."""
    trunks = {"carrier-a": trunk} if trunk else {}
    return World(None, lists or {}, trunks)  # type: ignore[arg-type]


async def test_a_listed_caller_is_blocked() -> None:
    screener = Screener(lambda: World(BLOCKS_900, {}, {}), clock=lambda: 1000.0)
    screened = at_once(screener)
    assert screened.verdict.action is Action.BLOCK
    assert screened.verdict.sip == 603
    assert (screened.at, screened.door, screened.attempt) == (1000.0, "agi", ATTEMPT)
    assert screened.call
    assert screened.call.caller.e164 == "+19005550100"


async def test_each_call_is_held_against_the_newest_world() -> None:
    worlds = iter([EMPTY_WORLD, World(BLOCKS_900, {}, {})])
    screener = Screener(lambda: next(worlds))
    actions = [at_once(screener).verdict.action for _ in range(2)]
    assert actions == [Action.ALLOW, Action.BLOCK]


async def test_a_monitoring_screener_only_notes() -> None:
    screener = Screener(lambda: World(BLOCKS_900, {}, {}), monitor=True)
    verdict = at_once(screener).verdict
    assert verdict.action is Action.ALLOW
    assert [(noted.rule, noted.monitor) for noted in verdict.noted] == [("no-900", True)]


async def test_the_time_a_decision_took_is_measured() -> None:
    ticks = itertools.count(0.0, 0.25)
    screener = Screener(lambda: EMPTY_WORLD, timer=lambda: next(ticks))
    assert at_once(screener).took == 0.25


async def test_failing_open_lets_the_call_through_and_says_why(logged: list[Any]) -> None:
    screened = at_once(Screener(no_world))
    assert screened.verdict.action is Action.ALLOW
    assert screened.verdict.reason is Reason.FAIL_OPEN
    assert screened.verdict.detail == "RuntimeError: no world"
    assert screened.call is None
    assert [entry["event"] for entry in logged] == ["screening failed"]


async def test_failing_closed_refuses_the_call_so_that_another_route_may_be_tried() -> None:
    verdict = at_once(Screener(no_world, fail="closed")).verdict
    assert verdict.action is Action.BLOCK
    assert verdict.reason is Reason.FAIL_CLOSED
    assert verdict.sip == FAIL_CLOSED_SIP


@pytest.mark.parametrize(
    ("everywhere", "trunk", "action"),
    [
        ("open", "", Action.ALLOW),
        ("open", "open", Action.ALLOW),
        ("open", "closed", Action.BLOCK),
        ("closed", "", Action.BLOCK),
        ("closed", "open", Action.ALLOW),
        ("closed", "closed", Action.BLOCK),
    ],
)
async def test_a_trunks_own_fail_mode_goes_before_the_general_one(
    everywhere: Any, trunk: Any, action: Action
) -> None:
    screener = Screener(lambda: broken_rules(Trunk(fail=trunk)), fail=everywhere)
    screened = at_once(screener)
    assert screened.verdict.action is action
    assert screened.call, "what was read of the call is kept"


@pytest.mark.parametrize(
    "called",
    [
        *("911", "112", "933", "1911", "+911", "+1911", "+112", "sip:911@host;user=phone"),
        *("tel:911;phone-context=+1", "urn:service:sos", "urn:service:sos.fire", "9-1-1", "911#"),
    ],
)
@pytest.mark.parametrize("broken", ["world", "rules", "lists", "facts"])
async def test_an_emergency_call_never_fails_closed(called: str, broken: str) -> None:
    worlds = {
        "world": no_world,
        "rules": lambda: broken_rules(Trunk(fail="closed", strip="9", country="DE")),
        "lists": lambda: broken_rules(Trunk(fail="closed"), Broken()),
        "facts": lambda: broken_rules(Trunk(fail="closed", strip="9", country="DE")),
    }
    results: Any = () if broken != "facts" else (None,)
    attempt = CallAttempt(called=called, trunk="carrier-a", stir_shaken=results)
    screened = at_once(Screener(worlds[broken], fail="closed"), attempt)
    assert screened.verdict.action is Action.ALLOW


async def test_an_emergency_call_behind_a_trunks_prefix_never_fails_closed() -> None:
    screener = Screener(lambda: broken_rules(Trunk(fail="closed", strip="9")))
    for results in ((), (None,)):
        attempt = CallAttempt(called="9911", trunk="carrier-a", stir_shaken=results)  # type: ignore
        assert at_once(screener, attempt).verdict.action is Action.ALLOW


@pytest.mark.parametrize(
    ("called", "caller"), [("988", "2025550100"), ("2025550100", "+13015550911")]
)
async def test_listed_emergency_and_public_safety_numbers_never_fail_closed(
    called: str, caller: str
) -> None:
    lists = {name: NumberList(name) for name in ("emergency", "public-safety")}
    lists["emergency"].add(parse_entry("988"))
    lists["public-safety"].add(parse_entry("+13015550911"))
    screener = Screener(lambda: broken_rules(Trunk(fail="closed"), lists))
    attempt = CallAttempt(called=called, caller=caller, trunk="carrier-a")
    assert at_once(screener, attempt).verdict.action is Action.ALLOW


async def test_broken_trunk_settings_are_a_failure_like_any_other() -> None:
    screened = at_once(Screener(lambda: EMPTY_WORLD._replace(trunks=Broken())))
    assert screened.verdict.reason is Reason.FAIL_OPEN
    assert len(screened.verdict.detail) <= 200


async def test_being_cancelled_is_not_taken_for_a_failure() -> None:
    def cancelled() -> NoReturn:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        Screener(cancelled).screen(ATTEMPT, "agi")


@pytest.mark.parametrize(
    "presentation",
    ["prohib", "prohib_not_screened", "prohib_passed_screen", "prohib_failed_screen"],
)
def test_a_caller_marked_as_withheld_is_anonymous_although_the_number_came(
    presentation: str,
) -> None:
    attempt = CallAttempt(caller="2025550100", presentation=presentation)
    caller = call_of(attempt, Trunk()).caller
    assert caller.anonymous
    # whoever is listed does not get off the list by asking for privacy
    assert caller.e164


@pytest.mark.parametrize(
    "presentation", ["", "allowed", "allowed_not_screened", "allowed_failed_screen"]
)
def test_any_other_presentation_leaves_the_caller_as_it_is(presentation: str) -> None:
    attempt = CallAttempt(caller="2025550100", presentation=presentation)
    assert call_of(attempt, Trunk()).caller.e164 == "+12025550100"


def test_a_trunks_technical_prefix_is_on_the_called_number_only() -> None:
    call = call_of(CallAttempt(called="912025550123", caller="912025550100"), Trunk(strip="9"))
    assert call.called.e164 == "+12025550123"
    assert call.caller.e164 == ""


def test_an_emergency_call_goes_on_even_where_no_number_can_be_read() -> None:
    screener = Screener(lambda: EMPTY_WORLD, fail="closed")

    def verdict_for(called: str) -> Verdict:
        # what no door hands on: every attempt to read this caller raises
        attempt = CallAttempt(called=called, caller=None)  # type: ignore[arg-type]
        return at_once(screener, attempt).verdict

    assert verdict_for("911").action is Action.ALLOW
    assert verdict_for("12025550100").reason is Reason.FAIL_CLOSED


# -- calls that are counted first

COUNTS_900 = compile_rules(
    [
        decode_rule(
            "fast",
            '{"action":"block","when":{"caller":"+1900*",'
            '"rate":{"per":"caller","over":"60s","at_least":3}}}',
        )
    ]
)


class Counting:
    """Counters whose answer the test gives."""

    def __init__(self, answer: int | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, float]] = []

    async def count(self, demands: Any, now: float) -> dict[str, int]:
        await asyncio.sleep(0)
        self.asked += [(demand.key, now) for demand in demands]
        if isinstance(self.answer, Exception):
            raise self.answer
        return {demand.key: self.answer for demand in demands}


async def counted(screener: Screener, attempt: CallAttempt = ATTEMPT) -> Screened:
    waiting = screener.screen(attempt, "agi")
    assert not isinstance(waiting, Screened)
    return await waiting


async def test_a_call_that_a_rule_counts_waits_for_its_count() -> None:
    counters = Counting(3)
    world = EMPTY_WORLD._replace(rules=COUNTS_900)
    screener = Screener(lambda: world, counters=counters, clock=lambda: 7.0)
    screened = await counted(screener)
    assert (screened.verdict.action, screened.verdict.rule) == (Action.BLOCK, "fast")
    assert counters.asked == [("fast:rate:+19005550100", 7.0)]
    counters.answer = 2
    assert (await counted(screener)).verdict.action is Action.ALLOW


async def test_a_call_that_no_rule_counts_has_its_verdict_at_once() -> None:
    world = EMPTY_WORLD._replace(rules=COUNTS_900)
    other = structs.replace(ATTEMPT, caller="2025550100")
    assert isinstance(Screener(lambda: world, counters=Counting(9)).screen(other, "agi"), Screened)


async def test_a_call_is_judged_by_the_world_in_which_it_was_counted() -> None:
    worlds = iter([EMPTY_WORLD._replace(rules=COUNTS_900), EMPTY_WORLD])
    screened = await counted(Screener(lambda: next(worlds), counters=Counting(3)))
    assert screened.verdict.rule == "fast"


@pytest.mark.parametrize(("fail", "action"), [("open", "allow"), ("closed", "block")])
async def test_counters_that_fail_leave_the_call_to_the_fail_mode(fail: Any, action: str) -> None:
    world = EMPTY_WORLD._replace(rules=COUNTS_900)
    screener = Screener(lambda: world, counters=Counting(RuntimeError("lost")), fail=fail)
    screened = await counted(screener)
    assert (screened.verdict.action, screened.verdict.detail) == (action, "RuntimeError: lost")


async def test_a_trunks_own_thresholds_count_instead_of_the_global_ones() -> None:
    points = decode_rule("p", '{"action":"score","points":50}')
    trunks = {"carrier-a": Trunk(score=Thresholds(block_at=60))}
    world = EMPTY_WORLD._replace(rules=compile_rules([points]), trunks=trunks)
    screener = Screener(lambda: world, thresholds=Thresholds(block_at=40))
    for trunk, action in (("carrier-a", "allow"), ("carrier-b", "block")):
        screened = at_once(screener, structs.replace(ATTEMPT, trunk=trunk))
        assert screened.verdict.action == action


async def test_the_called_customers_choice_is_asked_with_the_call_as_it_is() -> None:
    class Acme:
        def choice(self, call: Call, lists: Any, now: float) -> Choice:
            return Choice("acme", blocked=f"caller {call.caller.text} at {now}")

    world = EMPTY_WORLD._replace(callees=Acme())
    screened = at_once(Screener(lambda: world, clock=lambda: 7.0))
    assert (screened.verdict.reason, screened.verdict.callee) == (Reason.CALLEE, "acme")
    assert screened.verdict.matched == ("caller +19005550100 at 7.0",)
