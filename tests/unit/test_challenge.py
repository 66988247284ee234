"""What a challenge asks, before any door plays it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from ringfence.call import Call
from ringfence.challenge import (
    AGAIN,
    DEFAULT_PROMPTS,
    DIGITS,
    LIMIT,
    TRY_LIMIT,
    Challenge,
    remember_pass,
    verdict_after,
)
from ringfence.numbers import ANONYMOUS, normalise
from ringfence.verdict import PLAIN, Action, Reason, Treatment, Verdict

CHALLENGED = Verdict(
    action=Action.CHALLENGE,
    reason=Reason.RULE,
    rule="robots",
    sip=603,
    treatment=Treatment(tries=3, remember=60),
)


def first(digits: Sequence[str]) -> str:
    return digits[0]


def test_the_default_prompt_ends_in_the_digit() -> None:
    one = Challenge(CHALLENGED, first).next_try(0.0)
    assert one is not None
    assert (one.prompts, one.digit_sound) == (DEFAULT_PROMPTS, "digits/2")


def test_a_rules_own_prompts_stand_in_front_of_the_digit() -> None:
    verdict = Verdict(action=Action.CHALLENGE, reason=Reason.RULE, prompt="custom/a&custom/b")
    one = Challenge(verdict, first).next_try(0.0)
    assert one is not None
    assert one.prompts == ("custom/a", "custom/b")


def test_only_the_present_digit_passes() -> None:
    challenge = Challenge(CHALLENGED, first)
    assert not challenge.is_passed_by("")
    challenge.next_try(0.0)
    assert [key for key in "0123456789*#" if challenge.is_passed_by(key)] == ["2"]
    assert not challenge.is_passed_by("")
    challenge.next_try(1.0)
    assert not challenge.is_passed_by("2")


def test_after_its_tries_the_call_has_failed() -> None:
    challenge = Challenge(CHALLENGED, first)
    tries = [challenge.next_try(0.0) for _ in range(4)]
    assert [each is not None for each in tries] == [True, True, True, False]
    assert [each.prompts[0] for each in tries if each] == [DEFAULT_PROMPTS[0], AGAIN, AGAIN]


def test_a_digit_is_never_that_of_the_try_before_nor_what_machines_press() -> None:
    verdict = Verdict(action=Action.CHALLENGE, reason=Reason.RULE, treatment=Treatment(tries=1_000))
    challenge, digits = Challenge(verdict), list[str]()
    while one := challenge.next_try(0.0):
        digits.append(one.digit_sound.removeprefix("digits/"))
    assert all(one != other for one, other in itertools.pairwise(digits))
    assert set(digits) == set(DIGITS)
    assert not set(DIGITS) & {"0", "1"}


def test_no_try_begins_that_could_end_after_the_limit() -> None:
    challenge = Challenge(CHALLENGED, first)
    assert challenge.next_try(LIMIT - TRY_LIMIT) is not None
    assert challenge.next_try(LIMIT - TRY_LIMIT + 0.1) is None


def test_who_passes_goes_on() -> None:
    verdict = verdict_after(CHALLENGED, passed=True)
    assert (verdict.action, verdict.reason, verdict.rule, verdict.sip, verdict.treatment) == (
        Action.ALLOW, Reason.CHALLENGE, "robots", 0, PLAIN,
    )  # fmt: skip


def test_a_flagged_call_that_passes_goes_on_with_its_label() -> None:
    flagged = Verdict(action=Action.CHALLENGE, reason=Reason.RULE, label="SPAM?")
    verdict = verdict_after(flagged, passed=True)
    assert (verdict.action, verdict.label) == (Action.FLAG, "SPAM?")


def test_who_fails_does_not() -> None:
    verdict = verdict_after(CHALLENGED, passed=False)
    assert (verdict.action, verdict.reason) == (Action.CHALLENGE, Reason.RULE)
    assert not verdict.action.lets_through


@pytest.mark.parametrize(
    ("caller", "seconds", "remembered"),
    [
        ("+12025550100", 60, [("+12025550100", 60)]),
        ("+12025550100", 0, []),
        ("anonymous", 60, []),
        ("nobody", 60, []),
    ],
)
def test_a_pass_is_remembered_for_a_caller_with_a_number(
    caller: str, seconds: int, remembered: list[tuple[str, int]]
) -> None:
    told: list[tuple[str, int]] = []
    verdict = Verdict(
        action=Action.CHALLENGE, reason=Reason.RULE, treatment=Treatment(remember=seconds)
    )
    call = Call(called=ANONYMOUS, caller=normalise(caller))
    remember_pass(call, verdict, lambda *who: told.append(who))
    assert told == remembered
    remember_pass(None, verdict, lambda *who: told.append(who))
    assert told == remembered
