"""Owns the pictures of docs/benchmarks.md, drawn from a run's results; it measures nothing.

Small SVG files with text as text, the same bytes for the same results. Needs the extra `bench`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.climb import Held
from benchmarks.decision import Decided
from benchmarks.results import Results
from benchmarks.rounds import Measured
from benchmarks.tables import P99_BAR

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ringfence",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
}
# One look for each way in all pictures: Ringfence in full lines, empty doors dotted, others dashed.
_LOOKS = {
    "none": ("#888888", ":", "."), "astdb": ("#2ca02c", "--", "s"), "odbc": ("#9467bd", "--", "D"),
    "curl": ("#8c564b", "--", "v"), "script": ("#e377c2", "--", "^"),
    "empty-agi": ("#1f77b4", ":", "."), "agi": ("#1f77b4", "-", "o"),
    "agi-rate": ("#17becf", "-", "o"), "empty-ari": ("#ff7f0e", ":", "."),
    "ari": ("#ff7f0e", "-", "o"),
}  # fmt: skip
_OTHER = ("#000000", "-", "x")


def draw(results: Results, folder: Path) -> list[str]:
    """Draw what there are results for, `<name>.svg` each; the names drawn."""
    mpl.rcParams.update(_STYLE)
    folder.mkdir(parents=True, exist_ok=True)
    main = [each for each in results.calls if each.main and not each.saturated]
    drawn = []
    if len({each.rate for each in main}) > 1:
        drawn.append(_save(folder, "latency", (9.5, 4.6), lambda figure: _latency(figure, main)))
    if results.held:
        drawn.append(_save(folder, "held", (7.5, 3.4), lambda figure: _held(figure, results.held)))
    if results.decision:
        cells = results.decision
        drawn.append(_save(folder, "decision", (7.5, 3.2), lambda figure: _decision(figure, cells)))
    return drawn


def _save(
    folder: Path, name: str, size: tuple[float, float], paint: Callable[[Figure], None]
) -> str:
    figure = Figure(figsize=size, layout="constrained")
    paint(figure)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    return name


def _latency(figure: Figure, calls: Sequence[Measured]) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, name in ((left, "p50"), (right, "p99")):
        for way in dict.fromkeys(each.way for each in calls):
            mine = [each for each in calls if each.way == way]
            color, line, marker = _LOOKS.get(way, _OTHER)
            axes.plot(
                [each.rate for each in mine], [getattr(each, name) for each in mine],
                color=color, linestyle=line, marker=marker, markersize=4, label=mine[0].title,
            )  # fmt: skip
        _scale(axes, sorted({each.rate for each in calls}))
        axes.set_title(f"{name}, INVITE to final response")
    left.set_ylabel("ms")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _scale(axes: Axes, rates: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(rates, [f"{rate:.0f}" for rate in rates])
    axes.minorticks_off()
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    low, high = axes.get_ylim()
    axes.set_yticks(
        [tick for tick in ticks if low <= tick <= high],
        [f"{tick:g}" for tick in ticks if low <= tick <= high],
    )
    axes.set_xlabel("calls per second")


def _held(figure: Figure, held: Sequence[Held]) -> None:
    axes = figure.subplots()
    shown = list(reversed(held))
    bars = axes.barh(
        [each.title for each in shown], [each.rate for each in shown],
        color=[_LOOKS.get(each.way, _OTHER)[0] for each in shown],
    )  # fmt: skip
    for each, bar in zip(shown, bars, strict=True):
        bar.set_alpha(0.5 if each.way.startswith("empty") else 1.0)
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("calls per second held without a lost call")


def _decision(figure: Figure, cells: Sequence[Decided]) -> None:
    axes = figure.subplots()
    sizes = list(dict.fromkeys(each.listed for each in cells))
    counts = list(dict.fromkeys(each.rules for each in cells))
    width = 0.8 / len(sizes)
    for at, listed in enumerate(sizes):
        mine = {each.rules: each for each in cells if each.listed == listed}
        places = [n + (at - (len(sizes) - 1) / 2) * width for n in range(len(counts))]
        color = f"C{at}"
        axes.bar(
            places, [mine[count].p50 for count in counts], width * 0.9, color=color,
            label=f"{listed:,} listed numbers",
        )  # fmt: skip
        axes.plot(
            places, [mine[count].p99 for count in counts], "_", color="black", markersize=14,
            label="p99" if not at else None,
        )  # fmt: skip
    axes.axhline(P99_BAR, color="#888888", linestyle=":", label="bar for p99")
    axes.set_xticks(range(len(counts)), [f"{count:,} rules" for count in counts])
    axes.set_ylabel("µs, p50")
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside right upper")
