"""Number lists, also against a plain slow list."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.lists import Entry, NumberList, parse_entry
from ringfence.numbers import normalise


def a_list(*entries: str, until: float = math.inf) -> NumberList:
    numbers = NumberList("test")
    for text in entries:
        numbers.add(parse_entry(text), until)
    return numbers


def found(numbers: NumberList, text: str, now: float = 0.0) -> str:
    return numbers.contains(normalise(text), now)


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("+12025550123", Entry("+12025550123", 12025550123, 12025550123)),
        ("12025550123", Entry("+12025550123", 12025550123, 12025550123)),
        (" +442079460123\n", Entry("+442079460123", 442079460123, 442079460123)),
        ("+1900*", Entry("+1900*", prefix="1900")),
        ("1900*", Entry("+1900*", prefix="1900")),
        ("+1*", Entry("+1*", prefix="1")),
        ("+44*", Entry("+44*", prefix="44")),
        (
            "+12025550100-+12025550199",
            Entry("+12025550100-+12025550199", 12025550100, 12025550199),
        ),
        ("12025550100 - 12025550199", Entry("+12025550100-+12025550199", 12025550100, 12025550199)),
        ("+12025550100-+12025550100", Entry("+12025550100", 12025550100, 12025550100)),
        ("911", Entry("911")),
        ("116117", Entry("116117")),
        ("*67", Entry("*67")),
    ],
)
def test_an_entry_has_one_canonical_form(text: str, entry: Entry) -> None:
    assert parse_entry(text) == entry
    assert parse_entry(entry.text) == entry


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "+",
        "*",
        "+*",
        "+911",
        "+0123456789",
        "+1234567890123456",
        "2025550123",  # Egypt, or Washington without its country code?
        "2025550100-2025550199",
        "202*",
        "44*",
        "+1900**",
        "+1*900",
        "+12025550199-+12025550100",
        "+12025550100-+442079460123",
        "+12025550100-",
        "anonymous",
        "@other",
        "+1202555012٣",
        "+1 202 555 0123",
        "+12025550123\x00",
        "x" * 100_000,
    ],
)
def test_what_is_no_entry_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"write \+1|larger number") as refused:
        parse_entry(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_the_entry_that_a_number_is_under_is_named() -> None:
    numbers = a_list("+12025550123", "+1900*", "+13015550100-+13015550199", "911")
    assert found(numbers, "2025550123") == "+12025550123"
    assert found(numbers, "9005551234") == "+1900*"
    assert found(numbers, "3015550150") == "+13015550100-+13015550199"
    assert found(numbers, "911") == "911"
    assert found(numbers, "+911") == "911"
    assert found(numbers, "2025550124") == ""
    assert found(numbers, "anonymous") == ""
    assert found(numbers, "alice") == ""


def test_the_first_and_the_last_number_of_a_range_are_in_it() -> None:
    numbers = a_list("+12025550100-+12025550199")
    assert found(numbers, "+12025550100")
    assert found(numbers, "+12025550199")
    assert not found(numbers, "+12025550099")
    assert not found(numbers, "+12025550200")
    assert not found(numbers, "+1202555015")


@pytest.mark.parametrize(
    "text",
    ["+12025550123", "+1202*", "+12025550100-+12025550199", "911", "+12025550123-+12025550123"],
)
def test_an_entry_counts_until_its_expiry_and_not_at_it(text: str) -> None:
    numbers = a_list(text, until=1000.0)
    number = "911" if text == "911" else "+12025550123"
    assert found(numbers, number, 999.999)
    assert not found(numbers, number, 1000.0)
    assert len(numbers) == 1
    assert sum(numbers.expire(999.0)) == 0
    assert sum(numbers.expire(1000.0)) == 1
    assert len(numbers) == 0


def test_the_newest_expiry_of_an_entry_holds() -> None:
    entry = parse_entry("+12025550123")
    numbers = a_list("+12025550123")
    numbers.add(entry, 10.0)
    assert not found(numbers, "+12025550123", 11.0)
    numbers.add(entry)
    assert found(numbers, "+12025550123", 1e12)
    assert len(numbers) == 1


def test_a_number_put_in_with_many_others_loses_its_expiry_and_outlives_it() -> None:
    numbers = a_list("+12025550123", until=10.0)
    numbers.extend_numbers(iter([12025550122, 12025550123]))
    assert len(numbers) == 2
    assert sum(numbers.expire(11.0)) == 0
    assert found(numbers, "+12025550123", 11.0)


def test_what_ran_out_gives_way_to_what_still_holds() -> None:
    numbers = a_list("+1202*", "+12025550000-+12025559999")
    numbers.add(parse_entry("+1202555*"), 10.0)
    numbers.add(parse_entry("+12025550123"), 10.0)
    numbers.add(parse_entry("+12025550100-+12025550199"), 10.0)
    assert found(numbers, "+12025550123", 9.0) == "+12025550123"
    assert found(numbers, "+12025550123", 11.0) == "+1202*"
    numbers.remove(parse_entry("+1202*"))
    assert found(numbers, "+12025550123", 11.0) == "+12025550000-+12025559999"


def test_removing_what_is_not_in_changes_nothing() -> None:
    numbers = a_list("+1202*")
    for text in ("+12025550123", "+1900*", "+12025550100-+12025550199", "911"):
        numbers.remove(parse_entry(text))
    assert [*numbers.entries()] == [("+1202*", math.inf)]


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xc1", b"\x91\xc4\x01x"])
def test_a_damaged_snapshot_is_refused_by_the_lists_name(data: bytes) -> None:
    with pytest.raises(ValueError, match="list scammers: the snapshot is damaged"):
        NumberList.load("scammers", [data])


def test_ten_thousand_ranges_and_prefixes_come_and_go_in_a_moment() -> None:
    entries = [parse_entry(f"+1202{n:05d}*") for n in range(10_000)]
    entries += [parse_entry(f"+1301{n:05d}00-+1301{n:05d}50") for n in range(10_000)]
    numbers = NumberList("test")
    began = time.process_time()
    for entry in entries:
        numbers.add(entry)
    assert found(numbers, "+12020999901") == "+120209999*"
    for entry in entries:
        numbers.remove(entry)
    assert time.process_time() - began < 2.0
    assert len(numbers) == 0


def test_a_list_is_dumped_and_taken_apart_in_steps_while_it_changes() -> None:
    numbers = NumberList("test")
    far = [10_000_000_000 + n * 100_000_000 for n in range(90)]
    numbers.extend_numbers(far)
    numbers.extend_numbers([number + 1 for number in far], 1e9)
    parts = numbers.dump()
    kept = [next(parts) for _ in range(10)]
    numbers.extend_numbers([99_999_999_999])
    numbers.remove(parse_entry(f"+{far[-1]}"))
    again = NumberList.load("test", [*kept, *parts])
    assert dict(again.entries()) == dict(numbers.entries())
    assert len([*numbers.take_apart()]) > 90
    assert len(numbers) == 0


# -- against a plain list -------------------------------------------------------------------

ENTRIES = [
    *("+12025550123", "+12025550124", "+1202*", "+12025550*", "+1202555012*", "+1*"),
    *("+12025550100-+12025550199", "+12025550120-+12025550123", "+12025550000-+12025559999"),
    *("+12025550123-+12025550130", "+19005550000-+19005559999", "911", "*67"),
]
NUMBERS = [
    *("+12025550123", "+12025550124", "+12025550100", "+12025550199", "+12025550200"),
    *("+12025550130", "+12025551123", "+19005550100", "+442079460123", "911", "*67", ""),
]


def covers(entry: Entry, text: str) -> bool:
    number = normalise(text)
    if not number.key:
        return entry.text == number.text
    if entry.prefix:
        return number.e164.startswith("+" + entry.prefix)
    return bool(entry.first) and entry.first <= number.key <= entry.last


STEPS = st.one_of(
    st.tuples(
        st.just("add"), st.sampled_from(ENTRIES), st.sampled_from([math.inf, -math.inf, 5.0, 15.0])
    ),
    st.tuples(st.just("remove"), st.sampled_from(ENTRIES), st.none()),
    st.tuples(st.just("expire"), st.none(), st.sampled_from([4.0, 5.0, 20.0])),
    st.tuples(st.just("reload"), st.none(), st.none()),
    st.tuples(st.just("extend"), st.none(), st.none()),
)


@given(steps=st.lists(STEPS, max_size=25), now=st.sampled_from([0.0, 5.0, 14.9, 16.0]))
def test_a_list_says_what_a_plain_list_of_its_entries_says(
    steps: list[tuple[str, str, float]], now: float
) -> None:
    numbers, plain = NumberList("test"), dict[str, float]()
    for step, text, until in steps:
        if step == "add":
            numbers.add(parse_entry(text), until)
            plain[text] = until
        elif step == "remove":
            numbers.remove(parse_entry(text))
            plain.pop(text, None)
        elif step == "expire":
            gone = [text for text, expiry in plain.items() if expiry <= until]
            assert sum(numbers.expire(until)) == len(gone)
            for text in gone:
                del plain[text]
        elif step == "extend":
            numbers.extend_numbers([12025550123, 12025550199])
            plain["+12025550123"] = plain["+12025550199"] = math.inf
        else:
            numbers = NumberList.load("test", numbers.dump())
        for text in NUMBERS:
            right = {e for e, end in plain.items() if end > now and covers(parse_entry(e), text)}
            said = found(numbers, text, now)
            assert said in right or (not said and not right)
    assert dict(numbers.entries()) == plain
    assert len(numbers) == len(plain)
