"""Owns the command line of `python -m benchmarks.verify`; it measures nothing itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import tables
from benchmarks.verify.cost import ROUNDS, measure


def main(words: Sequence[str]) -> int:
    """A table for people; `--json` for who started this."""
    numbers = [word for word in words if word.isdecimal()]
    if len(numbers) > 1 or set(words) - {"--json", *numbers}:
        print("benchmarks.verify: say a number of rounds, or --json, or both", file=sys.stderr)
        return 2
    done = measure(int(numbers[0]) if numbers else ROUNDS)
    if "--json" in words:
        print(msgspec.json.encode(done).decode(), flush=True)
        return 0
    table = Table(title="One verification, its certificate at hand")
    for at, column in enumerate(tables.VERIFY_HEAD):
        table.add_column(column, justify="right" if at else "left", no_wrap=True)
    for row in tables.verify_rows(done):
        table.add_row(*row)
    Console(width=150).print(table)
    return 0
