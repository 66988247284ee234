"""Owns docs/benchmarks.md: its template, a run's tables and pictures; it measures nothing."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from benchmarks.report import BUSY, BUSY_NOTE, Section, sections
from benchmarks.results import Results

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs" / "benchmarks.md"
PICTURES = DOCS.with_suffix("")
_ALT = {
    "latency": "p50 and p99 from INVITE to final response, by calls per second, for each way",
    "held": "highest rate held without a lost call, for each way",
    "decision": "time of the decision alone, by rules and listed numbers",
}


def why_not() -> str:
    """What is missing for the page; empty where nothing is."""
    if find_spec("matplotlib") is None:
        return "the plots need matplotlib: .venv/bin/pip install -e '.[bench]'"
    return ""


def write(results: Results) -> Path:
    """docs/benchmarks.md and its pictures anew, from its template and these results."""
    from benchmarks.plots import draw

    drawn = draw(results, PICTURES)
    parts = [(HERE / "benchmarks.md.in").read_text(), "## Measured\n", _circumstances(results)]
    if results.machine.load_before >= BUSY:
        parts.append(f"**The machine was busy with other work when this run began**: {BUSY_NOTE}\n")
    parts += [_section(each, drawn) for each in sections(results)]
    DOCS.write_text("\n".join(parts))
    return DOCS


def _circumstances(results: Results) -> str:
    machine = results.machine
    return (
        f"{results.date[:10]}, `{results.command}`, {results.seconds:.0f} s, {results.rounds} "
        f"round(s). {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python "
        f"{machine.python}; {', '.join(machine.versions)}. Load average before: "
        f"{machine.load_before:.2f}. {results.rules:,} rules and {results.listed:,} listed "
        f"numbers in an embedded Valkey; from `ringfence serve` to rules in force: "
        f"{results.start_seconds:.1f} s.\n"
    )


def _section(section: Section, drawn: Iterable[str]) -> str:
    head = section.head
    lines = [f"### {section.title}\n"]
    if section.plot in drawn:
        lines.append(f"![{_ALT[section.plot]}]({PICTURES.name}/{section.plot}.svg)\n")
    lines += [_line(head), _line(["---", *["---:"] * (len(head) - 1)]), *map(_line, section.rows)]
    if section.note:
        lines += ["", section.note]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
