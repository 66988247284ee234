"""Calls by what became of them, as a picture; needs matplotlib, an extra. Counts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ringfence.reports.kept_away import BLOCKED, DIVERTED, GAVE_UP, INTERCEPTED, NOT_PASSED

MOST_BARS = 40
LET_THROUGH, HAD_A_PART, WOULD_HAVE = "let through", "had a part", "would have"
COLOURS = {
    LET_THROUGH: "#7fb069",
    BLOCKED: "#c1292e",
    INTERCEPTED: "#e07a3f",
    NOT_PASSED: "#8f5aa8",
    GAVE_UP: "#c9a3d9",
    DIVERTED: "#3d7ea6",
    HAD_A_PART: "#d9b44a",
    WOULD_HAVE: "#b3b3b3",
}
"""What each part of a bar means, in this order; the same in every picture."""


class NoMatplotlib(RuntimeError):  # noqa: N818 - what is missing
    """matplotlib is not installed; the text says how to get it."""


class Bar(NamedTuple):
    """One trunk, provider or rule: what it is called, and parts that make up its bar."""

    name: str
    parts: dict[str, int]


def draw(bars: Sequence[Bar], title: str, path: Path) -> None:
    """Write bars as PNG, SVG or PDF, by the file's ending. ValueError for another."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NoMatplotlib(
            "a plot needs matplotlib: pip install 'ringfence[bench]', or leave --plot out"
        ) from None
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"{path.name}: a plot is a .png, .svg or .pdf")
    shown = list(bars[:MOST_BARS])[::-1]
    figure = Figure(figsize=(9, 1.5 + 0.35 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    left = [0] * len(shown)
    for part, colour in COLOURS.items():
        lengths = [bar.parts.get(part, 0) for bar in shown]
        if any(lengths):
            names = [bar.name for bar in shown]
            axes.barh(names, lengths, left=left, label=part, color=colour)
        left = [before + length for before, length in zip(left, lengths, strict=True)]
    axes.margins(y=0.01)
    axes.set_xlabel("calls")
    figure.suptitle(title)
    if any(left):
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path)
