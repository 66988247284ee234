"""Counters of one process: exact while they fit, and bounded whatever callers do."""

from __future__ import annotations

import sys
from collections import defaultdict

from hypothesis import given

from ringfence.store.counting.local_counters import MOST_MEMBERS, LocalCounters
from tests.counting import STEPS, PlainCounters, Step, rate, spread

NOW = 1_800_000_000.0


@given(STEPS)
def test_they_count_as_plain_counters_do(steps: list[Step]) -> None:
    counters, plain = LocalCounters(), PlainCounters()
    newest = 0.0
    for now, demands in steps:
        newest = max(newest, now)
        assert counters.count(demands, newest) == plain.count(demands, newest)


@given(STEPS)
def test_each_counts_as_a_plain_one_does_whatever_the_clock_does(steps: list[Step]) -> None:
    # One in each place: what another call's clock says has run out is dropped.
    counters: defaultdict[str, LocalCounters] = defaultdict(LocalCounters)
    plain = PlainCounters()
    for now, demands in steps:
        for demand in demands:
            found = counters[demand.key].count([demand], now)
            assert found == plain.count([demand], now)


@given(STEPS)
def test_what_is_kept_is_what_is_said_to_be_kept(steps: list[Step]) -> None:
    counters = LocalCounters(most_counters=3, most_entries=12)
    for now, demands in steps:
        counters.count(demands, now)
        assert len(counters) <= 3
        assert counters.entries <= 12
        assert counters.entries == sum(len(each) for each, _ in counters._counters.values())


def test_a_rate_of_many_calls_is_exact_and_keeps_little_more_than_it_needs() -> None:
    counters, plain = LocalCounters(), PlainCounters()
    demands = [rate(over=10, at_least=300)]
    for step in range(2_000):
        now = NOW + step * 0.02
        assert counters.count(demands, now) == plain.count(demands, now)
    assert counters.entries <= 300 + 300 // 4 + 17


def test_strangers_do_not_push_out_who_calls_all_the_time() -> None:
    counters = LocalCounters(most_counters=100)
    found = 0
    for n in range(5_000):
        counters.count([rate(f"r:rate:+1202{n:07}")], NOW + n / 500)
        if n % 50 == 0:
            found = counters.count([rate("r:rate:+12025550123", at_least=1_000)], NOW + n / 500)[
                "r:rate:+12025550123"
            ]
    assert found == 100
    assert len(counters) == 100


def test_memory_is_bounded_whatever_callers_do() -> None:
    counters = LocalCounters(most_counters=1_000, most_entries=5_000)
    for n in range(20_000):
        counters.count([spread(f"+1303{n:07}", f"s:spread:{n % 7}", at_least=100_000)], NOW)
        counters.count([rate(f"r:rate:{n}", at_least=100_000)], NOW)
    assert len(counters) <= 1_000
    assert counters.entries <= 5_000


def test_a_spread_of_more_than_is_kept_here_is_never_met_here() -> None:
    counters, found = LocalCounters(), {}
    for n in range(MOST_MEMBERS + 500):
        found = counters.count([spread(f"+1303{n:07}", at_least=100_000)], NOW + n / 1_000)
    assert list(found.values()) == [MOST_MEMBERS]


def test_counters_that_have_run_out_go_while_others_count() -> None:
    counters = LocalCounters()
    for n in range(1_000):
        counters.count([rate(f"r:rate:{n}", over=10)], NOW)
    for _ in range(600):
        counters.count([rate("r:rate:other", over=10)], NOW + 11)
    assert len(counters) == 1


def test_a_long_line_of_calls_that_have_run_out_costs_the_next_call_nothing() -> None:
    counters = LocalCounters()
    for n in range(MOST_MEMBERS):
        counters.count([spread(f"+1303{n:07}", over=10, at_least=100_000)], NOW)
        counters.count([rate(over=10, at_least=100_000)], NOW)
    assert set(counters.count([spread("+1", over=10), rate(over=10)], NOW + 11).values()) == {1}
    assert counters.entries == 2


def test_one_entry_of_a_rate_takes_eight_bytes() -> None:
    counters = LocalCounters()
    for n in range(10_000):
        counters.count([rate(at_least=100_000)], NOW + n / 1_000)
    [(counter, _)] = counters._counters.values()
    assert sys.getsizeof(counter.times) < 10_000 * 10  # type: ignore[union-attr]
