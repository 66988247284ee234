"""The Robocall Mitigation Database as a table, and who was removed from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import IO

import pytest

from ringfence.feeds import rmd
from ringfence.feeds.refused import FeedRefused

from .conftest import NOW, Ask

DAY = 86_400
File = Callable[[str | bytes], IO[bytes]]


def test_filings_are_found_by_number_and_by_every_frn(file: File, ask: Ask) -> None:
    plan = rmd.plan(file("rmd.csv"), ask("rmd"))
    table = dict(plan.table or {})
    filing = rmd.filing_of(table["RMD0000001"])
    assert filing
    assert (filing.name, filing.frn) == ("Example Voice, LLC", "0012345678")
    assert filing.other_frns == ("0099999999", "0088888888")
    for frn in (filing.frn, *filing.other_frns):
        assert table[rmd.frn_field(frn)] == b"RMD0000001"
    # leading zeros are lost where a spreadsheet was in between
    assert table[rmd.frn_field("0023456789")] == b"RMD0000002"
    assert (plan.rows, plan.dated, table[rmd.DATED]) == (2, "2026-02-20", b"2026-03-06")
    assert plan.lists == {}


def test_who_is_missing_in_a_later_file_was_removed_on_the_day_it_was_seen(
    file: File, ask: Ask
) -> None:
    table = rmd.plan(file("rmd.csv"), ask("rmd")).table or {}
    text = b"".join(file("rmd.csv").read().splitlines(keepends=True)[:2])
    plan = rmd.plan(file(text), ask("rmd", table=table, now=NOW + DAY))
    removed = rmd.filing_of((plan.table or {})["RMD0000002"])
    assert removed
    assert removed.removed == "2026-03-07"
    assert plan.notes == ("1 are in it no more since the last import",)
    later = rmd.plan(file(text), ask("rmd", table=plan.table, now=NOW + 9 * DAY))
    assert later.notes == ()
    assert rmd.filing_of((later.table or {})["RMD0000002"]) == removed
    back = rmd.plan(file("rmd.csv"), ask("rmd", table=later.table, now=NOW + 9 * DAY))
    again = rmd.filing_of((back.table or {})["RMD0000002"])
    assert again
    assert again.removed == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b",frn,", b",frn_number,", "with a column frn, found none"),
        (b",filing_url", b",filing_url,status", "found a column 'status' more"),
        (b"RMD0000002", b"RMD0000001", "one RMD number more, found 'RMD0000001'"),
        (b"RMD0000002", b"0000002", "one RMD number more, found '0000002'"),
        (b",23456789,", b",n/a,", "an FRN of digits, found 'n/a'"),
        (b",Partial,No,Yes,No", b",Partial", "line 3: expected 23 cells, found 20"),
    ],
)
def test_a_changed_file_is_refused(file: File, ask: Ask, old: bytes, new: bytes, said: str) -> None:
    text = file("rmd.csv").read()
    assert old in text
    with pytest.raises(FeedRefused, match=re.escape(said)):
        rmd.plan(file(text.replace(old, new)), ask("rmd"))
