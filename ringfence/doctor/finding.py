"""One answer of the doctor: what was looked at, how it is, what to do. Knows no check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """How a thing is; FAIL makes `ringfence doctor` exit with 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(NamedTuple):
    """`part` is what was looked at, `mend` what to do where it is not ok."""

    part: str
    state: State
    what: str
    mend: str = ""


Findings = AsyncIterator[Finding]


def ok(part: str, what: str) -> Finding:
    """As it should be."""
    return Finding(part, State.OK, what)


def warn(part: str, what: str, mend: str) -> Finding:
    """It works, and will hurt some day; or it could not be looked at."""
    return Finding(part, State.WARN, what, mend)


def fail(part: str, what: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(part, State.FAIL, what, mend)
