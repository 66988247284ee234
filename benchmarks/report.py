"""Owns how results are shown: on the terminal, as JSON, as docs/benchmarks.md; it measures nothing.

A bar is the figure of the design; it stands beside what was measured, met or not.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.decision import Decided
from benchmarks.rounds import Held, Measured

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs" / "benchmarks.md"
P99_BAR, MEMORY_BAR, HELD_BAR = 50.0, 16.0, 0.9
BUSY = 1.0
WIDEST = 150
BUSY_NOTE = "these figures show that it works, not how fast it is; measure again when idle."
Row = tuple[str, ...]


class Machine(msgspec.Struct):
    """What it ran on. No host name: it tells a reader nothing."""

    cpu: str
    cores: int
    kernel: str
    python: str
    asterisk: str
    load_before: float


class Results(msgspec.Struct):
    """One whole run."""

    date: str
    command: str
    seconds: float
    machine: Machine
    rules: int
    listed: int
    rounds: int
    start_seconds: float
    calls: list[Measured]
    held: list[Held]
    decision: list[Decided]


def this_machine(asterisk: str, load_before: float) -> Machine:
    """The machine that this runs on."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return Machine(
        cpu[1] if cpu else platform.machine(), os.cpu_count() or 0, platform.release(),
        platform.python_version(), asterisk, load_before,
    )  # fmt: skip


CALL_HEAD = ("", "p50 ms", "p99 ms", "× floor, p50", "rounds", "× floor, p99", "bar",
             "calls", "lost", "wrong")  # fmt: skip


def call_rows(calls: Iterable[Measured]) -> list[Row]:
    """One row for each way."""
    return [
        (
            each.title, f"{each.p50:.2f}", f"{each.p99:.2f}",
            f"{each.ratio:.2f}" if each.ratio else "",
            f"{min(each.ratio_rounds):.2f}-{max(each.ratio_rounds):.2f}"
            if each.ratio_rounds else "",
            f"{each.ratio_p99:.2f}" if each.ratio else "",
            _bar(each) if each.bar else "",
            str(each.calls), str(each.lost), str(each.unexpected),
        )
        for each in calls
    ]  # fmt: skip


HELD_HEAD = ("", "calls/s held", "failed at", "of the empty door's", "bar")


def held_rows(held: Sequence[Held]) -> list[Row]:
    """One row for each way; Ringfence's doors beside the empty ones."""
    rates = {each.way: each.rate for each in held}
    rows: list[Row] = []
    for each in held:
        floor = rates.get(f"empty-{each.way}", 0.0)
        share = each.rate / floor if floor else 0.0
        met = "met" if share >= HELD_BAR else "missed"
        rows.append((
            each.title, f"{each.rate:.0f}", f"{each.failed_at:.0f}" if each.failed_at else "-",
            f"{share:.2f}" if floor else "", f">= {HELD_BAR} {met}" if floor else "",
        ))  # fmt: skip
    return rows


DECISION_HEAD = ("rules", "listed", "p50 µs", "p99 µs", "p99 CPU µs", "blocked p50", "blocked p99",
                 "compile ms", "bytes/number")  # fmt: skip


def decision_rows(cells: Iterable[Decided]) -> list[Row]:
    """One row for each cell of the grid."""
    return [
        (
            f"{each.rules:,}", f"{each.listed:,}", f"{each.p50:.1f}", f"{each.p99:.1f}",
            f"{each.cpu_p99:.1f}",
            f"{each.blocked_p50:.1f}", f"{each.blocked_p99:.1f}", f"{each.compile_ms:.1f}",
            f"{each.bytes_per_number:.1f}" if each.listed else "",
        )
        for each in cells
    ]  # fmt: skip


def _bar(each: Measured) -> str:
    if each.floor_lost:
        return f"<= {each.bar:g} unclear: floor lost calls"
    if min(each.ratio_rounds) <= each.bar < max(each.ratio_rounds):
        return f"<= {each.bar:g} unclear: rounds differ"
    return f"<= {each.bar:g} {'met' if each.ratio <= each.bar else 'missed'}"


def _sections(results: Results) -> Iterable[tuple[str, Row, list[Row]]]:
    for rate in dict.fromkeys(each.rate for each in results.calls):
        at_rate = call_rows(each for each in results.calls if each.rate == rate)
        yield f"INVITE to final response at {rate:.0f} calls/s", CALL_HEAD, at_rate
    if results.held:
        yield "Calls per second held without a lost call", HELD_HEAD, held_rows(results.held)
    if results.decision:
        title = f"The decision alone (bars: p99 {P99_BAR:g} µs, {MEMORY_BAR:g} bytes per number)"
        yield title, DECISION_HEAD, decision_rows(results.decision)


def show(console: Console, results: Results) -> None:
    """Tables on the terminal."""
    # a narrow terminal, or a pipe, folds the lines; squeezed columns could not be read at all
    console.width = max(console.width, WIDEST)
    if results.machine.load_before >= BUSY:
        console.print(f"load average {results.machine.load_before:.2f} at the start: {BUSY_NOTE}")
    for title, head, rows in _sections(results):
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for column in head:
            table.add_column(column, justify="right" if column else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def save(results: Results) -> Path:
    """Keep all figures, every round's too."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{datetime.fromisoformat(results.date):%Y-%m-%d-%H%M%S}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    return path


def write_docs(results: Results) -> Path:
    """docs/benchmarks.md anew, from its template and these results."""
    machine = results.machine
    parts = [
        (HERE / "benchmarks.md.in").read_text(),
        "## Measured\n",
        f"{results.date[:10]}, `{results.command}`, {results.seconds:.0f} s, {results.rounds} "
        f"round(s). {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, "
        f"{machine.asterisk}, Python {machine.python}. Load average before: "
        f"{machine.load_before:.2f}. {results.rules:,} rules and {results.listed:,} listed "
        f"numbers in an embedded Valkey; from `ringfence serve` to rules in force: "
        f"{results.start_seconds:.1f} s.\n",
    ]
    if machine.load_before >= BUSY:
        parts.append(f"**The machine was busy with other work when this run began**: {BUSY_NOTE}\n")
    for title, head, rows in _sections(results):
        lines = [f"### {title}\n", _line(head), _line(["---", *["---:"] * (len(head) - 1)])]
        parts.append("\n".join([*lines, *map(_line, rows)]) + "\n")
    DOCS.parent.mkdir(exist_ok=True)
    DOCS.write_text("\n".join(parts))
    return DOCS


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
