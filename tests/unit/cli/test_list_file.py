"""Files of numbers, read as they were meant or refused line by line."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime

import pytest

from ringfence.cli.list_columns import expiry_heading, find_columns
from ringfence.cli.list_file import BadLine, NumberFile
from ringfence.cli.refusals import Refused

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ONE, TWO = "+12025550101", "+12025550102"


def read(text: str | bytes, **options: str) -> tuple[dict[str, float], list[BadLine], int]:
    """The entries, the refused lines, and how many have run out."""
    data = text if isinstance(text, bytes) else text.encode()
    file = NumberFile(io.BytesIO(data), now=NOW, **options)  # type: ignore[arg-type]
    checked = file.check()
    found = dict(file.dated())
    assert set(file.entries) == found.keys()
    assert file.expiring or all(until == math.inf for until in found.values())
    return found, checked.shown, checked.run_out


def numbers(text: str | bytes, **options: str) -> list[str]:
    found, bad, _ = read(text, **options)
    assert not bad
    return list(found)


def test_a_file_of_numbers_may_have_comments_columns_and_a_byte_order_mark() -> None:
    text = '\ufeff# head\n+12025550100\n\n"202-555-0101",spam\r\n+1900* # premium\n2025550102;x\n'
    assert numbers(text) == ["+12025550100", ONE, "+1900*", TWO]


def test_bad_lines_are_counted_and_named_by_their_number() -> None:
    file = NumberFile(io.BytesIO(b"+12025550100\nfoo\n\xff\xfe\n+0\n" + b"x\n" * 30))
    refused: list[BadLine] = []
    checked = file.check(refuse=refused.append)
    assert (checked.good, checked.bad) == (1, 33)
    assert [line.number for line in checked.shown[:3]] == [2, 3, 4]
    assert len(checked.shown) == 20
    assert [line.number for line in refused] == list(range(2, 35))


def test_lines_are_counted_over_many_plain_numbers() -> None:
    lines = [f"+1202{n:07}" for n in range(30_000)]
    for at in (0, 7_777, 29_999):
        lines[at] = f"bad{at}"
    file = NumberFile(io.BytesIO("\r\n".join(lines).encode()))
    checked = file.check()
    assert [line.number for line in checked.shown] == [1, 7_778, 30_000]
    assert checked.good == len(file.entries) == len(list(file.dated())) == 29_997


def test_an_endless_line_does_not_fill_the_memory_and_hides_no_entry() -> None:
    file = NumberFile(io.BytesIO(b"9" * 4_096 + b"+12025550100\n" + b"x" * 9_000 + b"\n+1900*\n"))
    checked = file.check()
    assert (checked.good, checked.bad) == (1, 2)
    assert [line.number for line in checked.shown] == [1, 2]


def test_a_column_is_found_by_its_heading() -> None:
    text = (
        "Created_Date,Company_Phone_Number,Subject\n"
        '2026-03-05 00:05:41,2025550101,"Reducing debt, loans"\n2026-03-05 00:05:41,,x\n'
    )
    assert numbers(text) == [ONE]
    assert str(find_columns(text.splitlines())) == "column 2 (Company_Phone_Number)"


@pytest.mark.parametrize(
    "text",
    [
        f"id,what\n17,{ONE}\n18,{TWO}\n",
        f"number\n{ONE}\n{TWO}\n",
        f"Phone Number;note\n{ONE};x\n{TWO};y\n",
        f"note\ttn\n1\t{ONE}\n2\t{TWO}\n",
        f"17,{ONE}\n18,{TWO}\n",
        f"a|{ONE}\nb|{TWO}\n",
        f'"number","note"\n"{ONE}","x, y"\n"{TWO}",""\n',
    ],
)
def test_where_the_numbers_are_is_seen_from_the_first_lines(text: str) -> None:
    assert numbers(text) == [ONE, TWO]


def test_a_first_line_that_is_a_mistake_is_no_heading() -> None:
    for first in ("foo", "+12025", "+12025,spam", "20255501011,x"):
        _, bad, _ = read(f"{first}\n{ONE}\n")
        assert [line.number for line in bad] == [1], first


def test_a_column_may_be_named_or_counted() -> None:
    text = f"number,callback,x\n{ONE},{TWO},y\n"
    assert numbers(text) == [ONE]
    assert numbers(text, column="Callback") == [TWO]
    assert numbers(text, column="2") == [TWO]
    assert numbers(f"{ONE},{TWO}\n", column="2") == [TWO]
    with pytest.raises(Refused, match="number, callback, x"):
        read(text, column="phone")
    with pytest.raises(Refused, match="no headings"):
        read(f"{ONE},{TWO}\n", column="phone")


def test_each_entry_may_have_its_expiry() -> None:
    at = datetime(2027, 1, 31, tzinfo=UTC).timestamp()
    text = (
        f"number,until\n{ONE},2027-01-31\n{TWO},\n+1900*,{int(at)}\n911,7d\n"
        "+1876*,2027-01-31T00:00:00+00:00\n+1877*,never\n+12025550199,2020-01-01\n"
    )
    found, bad, run_out = read(text, expires_column="until")
    week = datetime(2026, 11, 28, 12, 0, tzinfo=UTC).timestamp()
    assert found == {
        ONE: at, TWO: math.inf, "+1900*": at, "911": week, "+1876*": at, "+1877*": math.inf,
    }  # fmt: skip
    assert (bad, run_out) == ([], 1)
    assert expiry_heading(find_columns(text.splitlines())) == "until"


def test_an_expiry_that_is_none_is_a_bad_line() -> None:
    _, bad, _ = read(f"number,until\n{ONE},soon\n", expires_column="2")
    assert [line.number for line in bad] == [2]
    assert "2027-01-31" in bad[0].reason


def test_lines_without_an_expiry_have_that_of_the_import() -> None:
    data = io.BytesIO(f"number,until\n{ONE},2027-01-31\n{TWO},\n".encode())
    until = NOW.timestamp() + 60
    file = NumberFile(data, expires_column="until", expires=until, now=NOW)
    file.check()
    assert dict(file.dated())[TWO] == until


def test_a_number_that_comes_twice_counts_as_it_comes_last() -> None:
    found, _, _ = read(f"number,until\n{ONE},2027-01-31\n{ONE},\n", expires_column="until")
    assert found == {ONE: math.inf}


def test_a_spreadsheet_in_utf16_is_refused_in_words() -> None:
    with pytest.raises(Refused, match="UTF-8"):
        read(f"{ONE}\n".encode("utf-16"))


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", ",,,\n", '"\n', "\x00\n"])
def test_a_file_without_numbers_has_none(text: str) -> None:
    assert read(text)[0] == {}
