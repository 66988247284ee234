"""What came of a run, as a table, and which of its invariants were violated; measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.soak.changes import Changer
from benchmarks.soak.judge import Judged
from benchmarks.soak.ledger import Trouble
from benchmarks.soak.mischief import Mischief
from benchmarks.soak.traffic import Placed

GROWTH_MB = 3.0
"""From the middle to the end of the calm part; caches are still being filled in its first half."""
ANNOUNCED = "intercepted"
"""The kind of calls that are refused only when their prompt has been played."""
EXPLAINED = (
    "a worker ended and is started again",
    "the embedded Valkey ended and is started again",
    "Redis is away",
    "call records wait in the spool",
    "ARI door not connected",
    "verdict not applied",
    "no embedded Valkey",
    "ARI event filter not set",
    "stood still",
)


class Found(NamedTuple):
    """Everything of one run; `held_back` calls were not placed, as too many were open."""

    judged: Judged
    calls: list[Placed]
    held_back: int
    records: int
    trouble: Trouble
    mischief: Mischief
    changer: Changer
    memory: list[tuple[int, float, float, float]]
    complaints: dict[str, int]
    asterisk: list[str]
    orphans: list[str]


def show(console: Console, found: Found) -> int:
    """The table; returns how many invariants were violated."""
    table = Table("what", "figure", "", title="soak")
    for kind in sorted({kind for kind, _ in found.judged.seen}):
        said = {status: n for (k, status), n in found.judged.seen.items() if k == kind}
        table.add_row(f"calls: {kind}", str(sum(said.values())), str(said))
    spoken = [call.setup_ms for call in found.calls if call.status and call.kind == ANNOUNCED]
    setups = [call.setup_ms for call in found.calls if call.status and call.kind != ANNOUNCED]
    table.add_row("setup p50, p99, max", _percentiles(sorted(setups)), "ms")
    table.add_row("the same with its prompt", _percentiles(sorted(spoken)), f"ms, {ANNOUNCED}")
    table.add_row("held back", str(found.held_back), "calls not placed: too many were open")
    table.add_row("records", str(found.records), "")
    for place in ("agi", "ari", "step"):
        table.add_row(f"trouble: {place}", f"{found.trouble.seconds(place):.0f} s", "")
    for what, n in found.judged.unscreened.most_common():
        table.add_row("listed, yet let through", str(n), what)
    for name, counted in (("mischief", found.mischief.done), ("change", found.changer.done),
                          ("change failed", found.changer.failed)):  # fmt: skip
        for what, n in counted.most_common():
            table.add_row(name, str(n), what)
    for pid, early, middle, late in found.memory:
        table.add_row(f"MB of worker {pid}", f"{early:.1f} → {middle:.1f} → {late:.1f}", "")
    for what, n in sorted(found.complaints.items()):
        table.add_row("log", str(n), what)
    for what, n in _shapes(found.asterisk).items():
        table.add_row("Asterisk's log", str(n), what)
    console.print(table)
    wrong = _violated(found)
    for what, examples in wrong.items():
        console.print(f"VIOLATED {len(examples)} times: {what}", style="red", markup=False)
        for example in examples[:5]:
            console.print(f"    {example}", markup=False)
    if not wrong:
        console.print("no invariant was violated", style="green")
    return len(wrong)


def _violated(found: Found) -> dict[str, list[str]]:
    wrong = dict(found.judged.violations)
    if found.held_back:
        wrong["calls could not be placed at this rate"] = [str(found.held_back)]
    wrong["did not come back"] = found.mischief.slips
    wrong["memory grows"] = [
        f"{pid}: {middle:.1f} to {late:.1f} MB"
        for pid, _, middle, late in found.memory
        if late - middle > GROWTH_MB
    ]
    wrong["the log complains without reason"] = [
        f"{n} {what}" for what, n in found.complaints.items()
        if not any(known in what for known in EXPLAINED)
    ]  # fmt: skip
    wrong["a process is left behind"] = found.orphans
    return {what: examples for what, examples in wrong.items() if examples}


def _shapes(lines: Sequence[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for line in lines:
        level = "ERROR" if "] ERROR[" in line else "WARNING"
        text = "".join("#" if c.isdigit() else c for c in line.rpartition(": ")[2])
        counted[f"{level} {text[:90]}"] = counted.get(f"{level} {text[:90]}", 0) + 1
    return counted


def _percentiles(values: Sequence[float]) -> str:
    if not values:
        return "-"
    at = [values[min(int(len(values) * share), len(values) - 1)] for share in (0.5, 0.99, 1.0)]
    return ", ".join(f"{value:.1f}" for value in at)
