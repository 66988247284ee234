"""Owns how results are laid out in rows, for terminal and page alike; it measures nothing.

A bar is the figure of the design; it stands beside what was measured, met or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.climb import Held
from benchmarks.decision import Decided
from benchmarks.living import Living
from benchmarks.rounds import Measured
from benchmarks.verify.cost import Verified

P99_BAR, MEMORY_BAR, HELD_BAR = 50.0, 16.0, 0.9
Row = tuple[str, ...]

CALL_HEAD = ("", "p50 ms", "p95 ms", "p99 ms", "× floor, p50", "rounds", "× floor, p99", "bar",
             "calls", "lost", "wrong")  # fmt: skip


def call_rows(calls: Iterable[Measured]) -> list[Row]:
    """One row for each way; a queue's length is no latency, so a saturated way has none."""
    return [
        (each.title, "saturated", *[""] * 6, str(each.calls), str(each.lost), str(each.unexpected))
        if each.saturated
        else (
            each.title, f"{each.p50:.2f}", f"{each.p95:.2f}", f"{each.p99:.2f}",
            f"{each.ratio:.2f}" if each.ratio else "",
            f"{min(each.ratio_rounds):.2f}-{max(each.ratio_rounds):.2f}"
            if each.ratio_rounds else "",
            f"{each.ratio_p99:.2f}" if each.ratio else "",
            _bar(each) if each.bar or each.adds else "",
            str(each.calls), str(each.lost), str(each.unexpected),
        )
        for each in calls
    ]  # fmt: skip


def _bar(each: Measured) -> str:
    bar, rounds = (each.adds, each.adds_rounds) if each.adds else (each.bar, each.ratio_rounds)
    asked = f"<= +{bar:g} ms" if each.adds else f"<= {bar:g}"
    if each.floor_lost:
        return f"{asked} unclear: floor lost calls"
    if not rounds:
        return f"{asked} unclear: no floor"
    found = f": {median(rounds):+.2f}" if each.adds else ""
    if min(rounds) <= bar < max(rounds):
        return f"{asked} unclear: rounds differ{found}"
    return f"{asked} {'met' if median(rounds) <= bar else 'missed'}{found}"


HELD_HEAD = ("", "calls/s held", "failed at", "because", "cores", "load gen.", "of empty's", "bar")


def held_rows(held: Sequence[Held]) -> list[Row]:
    """One row for each way; Ringfence's doors beside the empty ones."""
    rates = {each.way: each.rate for each in held}
    rows: list[Row] = []
    for each in held:
        floor = rates.get(f"empty-{each.way.partition('-')[0]}", 0.0)
        floor = 0.0 if each.way.startswith("empty") else floor
        share = each.rate / floor if floor else 0.0
        met = "met" if share >= HELD_BAR else "missed"
        has_bar = floor and each.way in ("agi", "ari")
        rows.append((
            each.title, f"{each.rate:.0f}", f"{each.failed_at:.0f}" if each.failed_at else "-",
            each.why, *_cores(each), f"{share:.2f}" if floor else "",
            f">= {HELD_BAR} {met}" if has_bar else "",
        ))  # fmt: skip
    return rows


def _cores(each: Held) -> Row:
    if not each.cores:
        return ("", "")
    return f"{sum(each.cores.values()):.1f}", f"{each.cores.get('load generator', 0.0):.1f}"


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


VERIFY_HEAD = ("of one call", "signatures", "a second of CPU", "p50 µs", "p99 µs", "p99 CPU µs",
               "× bare, p50", "rounds", "bar")  # fmt: skip


def verify_rows(kinds: Iterable[Verified]) -> list[Row]:
    """One row for each kind of header, the bare check first."""
    return [
        (
            each.title, str(each.signatures), f"{each.per_second:,.0f}", f"{each.p50:.1f}",
            f"{each.p99:.1f}", f"{each.cpu_p99:.1f}", f"{each.ratio:.2f}",
            f"{min(each.ratio_rounds):.2f}-{max(each.ratio_rounds):.2f}"
            if each.ratio_rounds else "",
            f">= {each.bar:,.0f} {'met' if each.per_second >= each.bar else 'missed'}"
            if each.bar else "",
        )
        for each in kinds
    ]  # fmt: skip


LIVING_HEAD = ("rules", "listed", "what", "p50", "p99")


def living_rows(runs: Iterable[Living]) -> list[Row]:
    """Starts first, then changes."""
    rows: list[Row] = []
    for run in runs:
        size = (f"{run.rules:,}", f"{run.listed:,}")
        rows += [
            (*size, "all from Redis, into an empty process", f"{run.load_seconds:.1f} s", ""),
            (*size, "all from the last snapshot", f"{run.restore_seconds:.2f} s", ""),
            (*size, "memory of the process, more than without", f"{run.grown_mb:.0f} MB", ""),
        ]
        rows += [
            (*size, f"{each.what}, in force after", f"{each.p50:.1f} ms", f"{each.p99:.1f} ms")
            for each in run.changes
        ]
    return rows
