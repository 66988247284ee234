"""Calls of a table against an export: the register counts, counters answer what the table says."""

from __future__ import annotations

import io
import json
from typing import Any

from ringfence.cli.export_file import read_export
from ringfence.cli.table_rows import read_rows
from ringfence.cli.trial import notes_on_counting, try_all
from ringfence.cli.trial_ground import ground_in_file
from ringfence.cli.verdict_table import Case, column, read_table

NOW = 1_800_000_000.0
FAST = {"action": "block", "when": {"rate": {"per": "caller", "over": "1m", "at_least": 10}}}


def cases(text: str) -> list[Case]:
    found = read_table(read_rows(text.encode(), column))
    assert not found.bad, found.shown
    return found.cases


def wrong(table: str, **sections: Any) -> tuple[list[int], list[str]]:
    """The lines that do not get their verdict, and the notes on counting."""
    file = io.BytesIO(json.dumps({"ringfence_export": 1, **sections}).encode())
    asked = cases(table)
    world = ground_in_file(read_export(file, NOW), asked).world
    tried = try_all(asked, world, NOW)
    notes = notes_on_counting(asked, world, tried)
    return [failure.case.line for failure in tried.failures], notes


def test_a_trunk_is_its_providers_as_the_files_register_says() -> None:
    rules = {"theirs": {"action": "block", "when": {"provider": "gateway"}}}
    table = "trunk,rule\ngw,theirs\nother,-\n"
    assert wrong(table, rules=rules, providers={"gateway": {"trunks": ["gw"]}}) == ([], [])
    assert wrong(table, rules=rules)[0] == [2]


def test_what_the_table_says_of_counters_is_what_they_answer() -> None:
    table = "caller,rate,rule\n+13015550100,10,fast\n+13015550100,9,-\n+13015550100,slow=10,-\n"
    assert wrong(table, rules={"fast": FAST}) == (
        [], ["no rule slow counts a rate", "not counted, by calls: rate of rule fast (1); columns "
             "rate and spread say how many there are"],
    )  # fmt: skip


def test_a_call_that_is_not_counted_says_so_in_its_trail() -> None:
    file = io.BytesIO(json.dumps({"ringfence_export": 1, "rules": {"fast": FAST}}).encode())
    asked = cases("caller,rate,rule\n+13015550100,,fast\n+13015550100,0,fast\n")
    world = ground_in_file(read_export(file, NOW), asked).world
    why = [failure.steps[0].why for failure in try_all(asked, world, NOW).failures]
    assert why == ["rate not counted, of 10 in 1m per caller", "rate 0 of 10 in 1m per caller"]


def test_a_call_that_meets_no_rule_that_counts_needs_no_number() -> None:
    rule = {**FAST, "when": {**FAST["when"], "trunk": "gw"}}  # type: ignore[dict-item]
    assert wrong("caller,trunk,rule\n+13015550100,other,-\n", rules={"fast": rule}) == ([], [])
