"""Owns the tables of a run, in their order, and how a terminal shows them; it measures nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import profile, tables
from benchmarks.results import Results
from benchmarks.tables import Row

BUSY = 1.0
WIDEST = 170
BUSY_NOTE = "these figures show that it works, not how fast it is; measure again when idle."
_STEPS_NOTE = (
    "Of it again: `python -m benchmarks --only none,empty-agi,agi-dialplan,agi,agi-rate,"
    "agi-signed,agi-handed,agi-verified,empty-ari,ari,ari-signed,ari-handed,ari-verified "
    "--no-decision --no-living`. "
    "Every dialplan step: `PYTHONPATH=docker python -m benchmarks.dialplan_steps`."
)

_VERIFY_NOTE = (
    "A verification is done on the event loop: the loop stands still for other calls for as long. "
    "Of it again: `python -m benchmarks.verify`."
)


class Section(NamedTuple):
    """One table. `plot` names the picture that belongs above it, `note` stands below."""

    title: str
    head: Row
    rows: list[Row]
    plot: str = ""
    note: str = ""


def sections(results: Results) -> Iterable[Section]:
    """All tables of a run."""
    plot = "latency"
    for rate in dict.fromkeys(each.rate for each in results.calls):
        at_rate = tables.call_rows(each for each in results.calls if each.rate == rate)
        title = f"INVITE to final response at {rate:.0f} calls/s"
        yield Section(title, tables.CALL_HEAD, at_rate, plot)
        plot = ""
    if results.held:
        title = "Calls per second held without a lost call"
        yield Section(title, tables.HELD_HEAD, tables.held_rows(results.held), "held")
    if results.calls:
        rate = profile.rate_of(results)
        title = f"Where a call's time goes, at {rate:.0f} calls/s"
        yield Section(title, profile.HEAD, profile.parts(results), note=_STEPS_NOTE)
        rows = profile.processors(results.calls, rate)
        yield Section(f"Processor time, at {rate:.0f} calls/s", profile.CPU_HEAD, rows)
    if results.decision:
        title = (
            f"The decision alone (bars: p99 {tables.P99_BAR:g} µs, "
            f"{tables.MEMORY_BAR:g} bytes per number)"
        )
        rows = tables.decision_rows(results.decision)
        yield Section(title, tables.DECISION_HEAD, rows, "decision")
    if results.verified:
        rows = tables.verify_rows(results.verified)
        title = "One verification of a signed call, its certificate at hand"
        yield Section(title, tables.VERIFY_HEAD, rows, note=_VERIFY_NOTE)
    if results.living:
        title = "Start, and changes in force"
        yield Section(title, tables.LIVING_HEAD, tables.living_rows(results.living))


def show(console: Console, results: Results) -> None:
    """Tables on the terminal."""
    # a narrow terminal, or a pipe, folds the lines; squeezed columns could not be read at all
    console.width = max(console.width, WIDEST)
    if results.machine.load_before >= BUSY:
        console.print(f"load average {results.machine.load_before:.2f} at the start: {BUSY_NOTE}")
    for section in sections(results):
        table = Table(title=section.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for at, column in enumerate(section.head):
            table.add_column(column, justify="right" if at else "left", no_wrap=True)
        for row in section.rows:
            table.add_row(*row)
        console.print(table)
