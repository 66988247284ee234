"""Complaints to the FTC and the FCC become lists that run out, and never anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import IO

import pytest

from ringfence.feeds import complaints
from ringfence.feeds.counts import unpack
from ringfence.feeds.refused import FeedRefused

from .conftest import NOW, Ask, entries

DAY = 86_400
File = Callable[[str | bytes], IO[bytes]]
FTC = "DNC_Complaint_Numbers_2026-03-05.csv"
EXPIRY = 20_517 * DAY + 90 * DAY
"""90 days after 2026-03-05."""


def test_a_day_of_ftc_complaints_fills_lists_by_number(file: File, ask: Ask) -> None:
    plan = complaints.plan_ftc(file(FTC), ask("ftc", FTC))
    assert entries(plan, "complaints-ftc-1") == {"+12025550101": EXPIRY, "+12025550102": EXPIRY}
    assert entries(plan, "complaints-ftc-5") == {}
    assert plan.lists.keys() == {f"complaints-ftc-{level}" for level in (1, 5, 20)}
    assert (plan.rows, plan.left_out, plan.dated) == (5, 2, "2026-03-05")
    assert plan.put.keys() == {"2026-03-05"}


def test_a_file_that_was_revised_takes_its_own_place_and_others_add_up(
    file: File, ask: Ask
) -> None:
    first = complaints.plan_ftc(file(FTC), ask("ftc", FTC))
    again = complaints.plan_ftc(file(FTC), ask("ftc", FTC, parts=first.put))
    assert entries(again, "complaints-ftc-1") == entries(first, "complaints-ftc-1")
    text = file(FTC).read()
    three = text.replace(b"2025550102", b"2025550101").replace(b"5550100,", b"2025550101,")
    other = FTC.replace("05.csv", "04.csv")
    plan = complaints.plan_ftc(file(three), ask("ftc", other, parts=first.put))
    assert entries(plan, "complaints-ftc-5").keys() == {"+12025550101"}
    assert plan.put.keys() == {"2026-03-04"}


def test_a_file_without_a_date_in_its_name_goes_by_its_newest_complaint(
    file: File, ask: Ask
) -> None:
    assert complaints.plan_ftc(file(FTC), ask("ftc", "today.csv")).put.keys() == {"2026-03-05"}


def test_files_that_no_longer_count_are_let_go_of(file: File, ask: Ask) -> None:
    first = complaints.plan_ftc(file(FTC), ask("ftc", FTC))
    late = NOW + 95 * DAY
    text = file(FTC).read().replace(b"2026-03-0", b"2026-06-0")
    plan = complaints.plan_ftc(file(text), ask("ftc", "2026-06-05", parts=first.put, now=late))
    assert plan.cut == ("2026-03-05",)
    assert entries(plan, "complaints-ftc-1").keys() == {"+12025550101", "+12025550102"}
    old = complaints.plan_ftc(file(FTC), ask("ftc", FTC, now=late))
    assert old.notes == ("no complaint in it counts: the newest is of 2026-03-05",)


def test_a_complaint_of_a_day_to_come_counts_as_todays(file: File, ask: Ask) -> None:
    text = file(FTC).read().replace(b"2026-03-05", b"2036-03-05")
    plan = complaints.plan_ftc(file(text), ask("ftc", FTC))
    assert max(entries(plan, "complaints-ftc-1").values()) == EXPIRY + DAY


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"Violation_Date", b"Call_Date", "Violation_Date in column 3, found 'Call_Date'"),
        (b"_Robocall\n", b"_Robocall,Extra\n", "8 columns, found 9: 'Extra' is new"),
        (b",503,No Subject Provided,N\n", b",503\n", "line 5: expected 8 cells, found 6"),
        (b"2026-03-05 02:00:00", b"yesterday", "line 5: expected a date, found 'yesterday'"),
        (b"Company_Phone_Number", b"<html>", "found a web page"),
        (b'loans)",Y', b"loans),Y", "cut off"),
    ],
)
def test_a_changed_ftc_file_is_refused(
    file: File, ask: Ask, old: bytes, new: bytes, said: str
) -> None:
    text = file(FTC).read()
    assert old in text
    with pytest.raises(FeedRefused, match=re.escape(said)):
        complaints.plan_ftc(file(text.replace(old, new)), ask("ftc", FTC))


@pytest.mark.parametrize(
    ("name", "rows", "left_out"), [("fcc_complaints.csv", 4, 1), ("fcc_complaints.json", 3, 1)]
)
def test_fcc_complaints_come_as_csv_or_json_and_old_ones_are_not_kept(
    file: File, ask: Ask, name: str, rows: int, left_out: int
) -> None:
    plan = complaints.plan_fcc(file(name), ask("fcc"))
    assert entries(plan, "complaints-fcc-1").keys() == {"+12025550111"}
    assert (plan.rows, plan.left_out, plan.dated) == (rows, left_out, "2026-03-04")
    assert sum(of.total() for of in unpack(plan.put["all"]).values()) == 2


def test_columns_of_the_fccs_file_may_come_in_any_order_but_no_other_may_be_there(
    file: File, ask: Ask
) -> None:
    text = file("fcc_complaints.csv").read()
    lines = text.decode().replace("id,issue_date", "issue_date,id", 1)
    lines = re.sub(r"^(71\d+),([^,]+)", r"\2,\1", lines, flags=re.MULTILINE)
    assert complaints.plan_fcc(file(lines.encode()), ask("fcc")).rows == 4
    for old, new, said in (
        (b"location_1", b"place", "with a column location_1, found none"),
        (b"location_1", b"location_1,more", "found a column 'more' more"),
        (b"state", b"zip", "with a column state, found none"),
    ):
        with pytest.raises(FeedRefused, match=said):
            complaints.plan_fcc(file(text.replace(old, new, 1)), ask("fcc"))


def test_a_long_json_array_is_read_in_pieces_however_it_is_written(file: File, ask: Ask) -> None:
    rows = [
        {"id": str(n), "issue_date": "2026-03-04", "caller_id_number": f"202-555-{n % 100:04}",
         "issue": "é" * 100} for n in range(2_000)
    ]  # fmt: skip
    for text in (
        json.dumps(rows),
        json.dumps(rows, indent=1),
        json.dumps(rows, ensure_ascii=False),
    ):
        plan = complaints.plan_fcc(file(text.encode()), ask("fcc"))
        assert plan.rows == 2_000
        assert len(entries(plan, "complaints-fcc-20")) == 100


@pytest.mark.parametrize(
    "text",
    [
        b'[{"id":"1","issue_date":"2026-03-04"}',
        b'[{"id":"1","issue_date":"2026-03-04"},',
        b'[{"id":"1","issue_date":"2026-0',
        b'[{"id":"1","issue_date":"2026-03-04"} {"id":"2"}]',
        b'[{"id":"1","issue_date":"2026-03-04"},7]',
        b'[{"id":"1","issue_date":"2026-03-04"},]',
        b'[,{"id":"1","issue_date":"2026-03-04"}]',
        b'[{"id":"1","issue_date":"2026-03-04","new":1}]',
        b'[{"id":"1"}]',
        b'[{"id":"' + b"x" * 200_000,
        b"[" * 100_000,
        b'{"error":true}',
        b'{"numbers":[]}',
    ],
)
def test_a_broken_json_file_is_refused(file: File, ask: Ask, text: bytes) -> None:
    with pytest.raises(FeedRefused) as refused:
        complaints.plan_fcc(file(text), ask("fcc"))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300
