"""Owns what has to be there before Asterisk starts, for the ways that are measured; no call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from benchmarks.rivals import astdb, database, script
from benchmarks.ruleset import known_elsewhere
from lab import Lab

Pids = dict[str, int]


def beside(
    names: Collection[str], listed: int, pids: Pids
) -> Callable[[Lab], AbstractContextManager[None]]:
    """For `Lab(beside=...)`: what the ways of these names need. Fills `pids` when it is up."""

    @contextmanager
    def prepare(lab: Lab) -> Iterator[None]:
        with ExitStack() as stack:
            if "astdb" in names:
                astdb.fill(lab.home / "var" / "astdb.sqlite3", known_elsewhere(listed))
            if "script" in names:
                script.install(lab.home / "agi-bin", known_elsewhere(listed))
            if "odbc" in names:
                server = database.running(lab.root, lab.home, lab.inside, known_elsewhere(listed))
                pids["MariaDB"] = stack.enter_context(server).pid
            yield

    return prepare
