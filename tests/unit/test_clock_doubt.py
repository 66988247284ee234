"""A wrong clock of our own is told from tokens that are stale by somebody else's fault."""

from __future__ import annotations

from collections.abc import Sequence

from ringfence.clock_doubt import IN_A_ROW, SILENCE_SECONDS, ClockDoubt

NOW = 1_800_000_000.0


def told(
    doubt: ClockDoubt, ages: Sequence[float], signers: int = 4, now: float = NOW
) -> list[float]:
    found = (doubt.stale(age, f"https://{n % signers}/", now) for n, age in enumerate(ages))
    return [each for each in found if each is not None]


def test_tokens_of_several_signers_stale_by_the_same_time_cast_doubt_on_our_clock() -> None:
    ages = [90.0 + n % 5 for n in range(IN_A_ROW)]
    assert told(ClockDoubt(), ages) == [92.0]
    assert told(ClockDoubt(), [-age for age in ages]) == [-92.0]


def test_a_few_that_are_stale_by_themselves_hide_it_from_nobody() -> None:
    ages = [90.0] * (IN_A_ROW - 3) + [100_000.0, 5_000.0, -700.0]
    assert told(ClockDoubt(), ages) == [90.0]


def test_too_few_in_a_row_cast_none() -> None:
    doubt = ClockDoubt()
    for _ in range(3):
        assert told(doubt, [90.0] * (IN_A_ROW - 1)) == []
        doubt.fresh()


def test_one_signer_with_a_wrong_clock_casts_none() -> None:
    assert told(ClockDoubt(), [90.0] * 100, signers=1) == []
    assert told(ClockDoubt(), [90.0] * 100, signers=2) == []


def test_stale_tokens_of_all_ages_cast_none() -> None:
    assert told(ClockDoubt(), [70.0 + 40 * n for n in range(100)]) == []


def test_it_is_said_once_an_hour() -> None:
    doubt = ClockDoubt()
    assert len(told(doubt, [90.0] * 1_000)) == 1
    assert told(doubt, [90.0] * 100, now=NOW + SILENCE_SECONDS - 1) == []
    assert len(told(doubt, [90.0] * 100, now=NOW + SILENCE_SECONDS)) == 1


def test_a_clock_set_back_by_days_keeps_nobody_silent() -> None:
    doubt = ClockDoubt()
    told(doubt, [90.0] * 100)
    assert told(doubt, [90.0] * 100, now=NOW - 86_400) == [90.0]
