"""A set of entries is what a set of texts is, in Redis too."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ringfence.store.imports.entry_set import EntrySet, field_of

_numbers = st.one_of(
    st.integers(10**6, 10**15 - 1), st.integers(12_025_550_000, 12_025_690_000)
).map(lambda n: f"+{n}")
_others = st.sampled_from(["+1900*", "911", "*67", "#12", "n1", "+12025550100-+12025550199"])
texts = st.sets(_numbers | _others)


@given(texts, texts)
def test_it_is_what_a_set_of_texts_is(one: set[str], two: set[str]) -> None:
    first, second = EntrySet(one), EntrySet(two)
    assert set(first) == one
    assert len(first) == len(one)
    assert set(first | second) == one | two
    assert set(first & second) == one & two
    assert set(first - second) == one - two
    assert set(first ^ second) == one ^ two
    assert all(text in first for text in one)
    assert not any(text in first for text in two - one)
    first.discard(two)
    assert set(first) == one - two


@given(texts.filter(lambda found: "n1" not in found), texts.filter(lambda found: "n1" not in found))
def test_what_is_written_of_a_change_makes_one_of_the_other(one: set[str], two: set[str]) -> None:
    before, after = EntrySet(one), EntrySet(two)
    fields = dict(before.fields())
    put, cut = after.repacked(before ^ after)
    for field in cut:
        del fields[field]
    fields |= put
    assert fields == dict(after.fields())
    read = EntrySet()
    read.take_fields({field.encode(): value for field, value in fields.items()})
    assert set(read) == two
    assert set(EntrySet(two).touched_fields()) == fields.keys()
    for text in one | two:
        assert field_of(text) in EntrySet([text]).touched_fields()


def test_fields_that_a_hand_has_spoilt_hold_nothing() -> None:
    found = EntrySet()
    found.take_fields({b"n12": b"rubbish", b"nonsense": b"", b"n": b"", b"\xff": b""})
    assert not found.numbers


def test_many_numbers_take_a_few_bytes_each() -> None:
    dense = EntrySet(f"+1202{n:07}" for n in range(100_000))
    assert sum(len(value) for _, value in dense.fields()) < 1_000
    sparse = EntrySet(f"+1{2_000_000_000 + n * 800}" for n in range(100_000))
    assert sum(len(field) + len(value) for field, value in sparse.fields()) < 300_000
