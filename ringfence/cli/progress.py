"""A bar on a terminal for what takes longer than a moment; nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MANY = 10_000
"""Fewer entries are there before a bar could be read."""


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Tells how many of `total` are done (None: nobody knows how many there are)."""
    if not sys.stderr.isatty() or (total is not None and total < MANY):
        yield lambda done: None
        return
    # imported here, as pipes need not wait for it
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
