"""Plain lists and do-not-originate files: every line an entry, or nothing of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import IO

import pytest

from ringfence.feeds import number_files
from ringfence.feeds.refused import FeedRefused

from .conftest import Ask, entries

File = Callable[[str | bytes], IO[bytes]]


def test_one_entry_a_line_with_comments(file: File, ask: Ask) -> None:
    plan = number_files.plan(file("numbers.txt"), ask("mine"))
    assert entries(plan, "mine") == {
        "+12025550160": math.inf, "+12025550161": math.inf, "+1900*": math.inf
    }  # fmt: skip
    assert plan.rows == 3


@pytest.mark.parametrize("column", ["", "tn", "TN", "2"])
def test_a_column_of_a_csv_file_by_its_heading_or_place(file: File, ask: Ask, column: str) -> None:
    asked = ask("dno", options={"list": "dno-subscriber", "column": column})
    found = entries(number_files.plan(file("dno.csv"), asked), "dno-subscriber")
    assert found.keys() == {"+12025550130", "+12025550140-+12025550149", "+18005550150"}


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        (b"+12025550160\n5550161\n", "", "line 2: expected +12025550123, +1900* or"),
        (b"+12025550160\nnone\n", "", "found 'none'"),
        (b"+12025550160,x\n,y\n", "", "line 2"),
        (b"+1*\n", "", "a prefix of 4 digits or more, found +1*"),
        (b"+120*\n", "", "a prefix of 4 digits or more, found +120*"),
        (b"+10000000000-+19999999999\n", "", "a range of 10000000 numbers or fewer"),
        (b"+12025550160\r+12025550161\r", "", "line 1: a carriage return within a line: save"),
        (b"name,tn\na,+12025550160\n", "phone", "expected a column phone, found name, tn"),
        (b"name,tn\na,+12025550160\n", "9", "line 1"),
        (b"name,tn\na,+12025550160\n", "0", "expected a column 0"),
        (b"<html><body>404", "", "found a web page"),
        (b"", "", "found an empty file"),
    ],
)
def test_one_bad_line_refuses_the_file(
    file: File, ask: Ask, text: bytes, column: str, said: str
) -> None:
    with pytest.raises(FeedRefused, match=re.escape(said)):
        number_files.plan(file(text), ask("dno", options={"column": column}))


def test_a_file_of_nothing_but_comments_has_no_rows(file: File, ask: Ask) -> None:
    assert number_files.plan(file(b"# none today\n"), ask("dno")).rows == 0
