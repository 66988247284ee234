"""Owns what one run found, and where it is kept as JSON; it neither measures nor shows."""

from __future__ import annotations

import os
import platform
import re
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.climb import Held
from benchmarks.decision import Decided
from benchmarks.dialplan_steps import StepCost
from benchmarks.living import Living
from benchmarks.rounds import Measured
from benchmarks.verify.cost import Verified

FOLDER = Path(__file__).resolve().parent / "results"
LIBRARIES = ("uvloop", "aiohttp", "redis", "pyroaring", "google-re2", "cryptography")


class ResultsError(Exception):
    """There are no such results; in one line why."""


class Machine(msgspec.Struct):
    """What it ran on. No host name: it tells a reader nothing."""

    cpu: str
    cores: int
    kernel: str
    python: str
    versions: list[str]
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
    living: list[Living] = []
    steps: list[StepCost] = []
    verified: list[Verified] = []


def this_machine(versions: list[str], load_before: float) -> Machine:
    """The machine that this runs on, with what the ways are made of."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return Machine(
        cpu[1] if cpu else platform.machine(), os.cpu_count() or 0, platform.release(),
        platform.python_version(), [*versions, *(f"{name} {version(name)}" for name in LIBRARIES)],
        load_before,
    )  # fmt: skip


def save(results: Results) -> Path:
    """Keep all figures, every round's too."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{datetime.fromisoformat(results.date):%Y-%m-%d-%H%M%S}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    return path


def load(name: str) -> Results:
    """The results in that file, or with no name those of the last run. Raises ResultsError."""
    path = Path(name) if name else max(FOLDER.glob("*.json"), default=None)
    if path is None:
        raise ResultsError("no run yet: make bench")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except (OSError, msgspec.MsgspecError) as error:
        raise ResultsError(f"{path}: {error}: name a file of benchmarks/results") from None
