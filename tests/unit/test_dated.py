"""Numbers that run out: small steps, also while numbers come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dated import PIECE, DatedNumbers

MANY = range(12_020_000_000, 12_020_000_000 + 5 * PIECE)


def dated(until: float = 100.0) -> DatedNumbers:
    numbers = DatedNumbers()
    numbers.put(list(MANY), until)
    return numbers


def test_a_sweep_looks_at_a_thousand_numbers_in_one_step() -> None:
    numbers = dated()
    assert [*numbers.expire(100.0)] == [PIECE] * 5
    assert len(numbers) == 0


def test_what_is_given_more_time_during_a_sweep_stays() -> None:
    numbers = dated()
    sweep = numbers.expire(100.0)
    next(sweep)
    numbers.put([MANY[-1]], 1e6)
    numbers.put([MANY[-1] + 1], 100.0)
    assert sum(sweep) + PIECE == 5 * PIECE
    assert dict(numbers.items()) == {MANY[-1]: 1e6}


def test_what_goes_while_it_is_read_is_read_or_not() -> None:
    numbers = dated()
    pieces = numbers.pieces()
    seen = dict(next(pieces))
    for number in MANY[: 3 * PIECE]:
        numbers.discard(number)
    for piece in pieces:
        seen |= piece
    assert seen.keys() == {*MANY[:PIECE], *MANY[3 * PIECE :]}


def test_a_list_is_taken_apart_in_steps() -> None:
    numbers = dated()
    assert len([*numbers.take_apart()]) == 5
    assert len(numbers) == 0


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from([None, float("-inf"), 0.0, 59.9, 60.0, 1e300]))
    ),
    now=st.sampled_from([0.0, 59.9, 61.0]),
)
def test_exactly_what_has_run_out_is_dropped(
    steps: list[tuple[int, float | None]], now: float
) -> None:
    numbers, plain = DatedNumbers(), dict[int, float]()
    for number, until in steps:
        if until is None:
            numbers.discard(number)
            plain.pop(number, None)
        else:
            numbers.put([number], until)
            plain[number] = until
    assert {number: until for piece in numbers.pieces() for number, until in piece.items()} == plain
    gone = [number for number, until in plain.items() if until <= now]
    assert sum(numbers.expire(now)) == len(gone)
    assert dict(numbers.items()) == {n: until for n, until in plain.items() if until > now}
