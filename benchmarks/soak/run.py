"""Owns one soak run: its options, its order, its table; it judges nothing itself."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.children import ChildError, child
from benchmarks.soak import changes, mischief
from benchmarks.soak.changes import SETTLE_CLI
from benchmarks.soak.judge import Judged, judge
from benchmarks.soak.ledger import Ledger, Trouble
from benchmarks.soak.traffic import Kind, Placed, Plan
from benchmarks.soak.watch import LogFile, MemoryWatch, processes_of
from demo.stage import Stage, StageError
from lab import LabError

RELAY_PORT = 8089
CALM_SHARE = 0.5
"""Of the run, Ringfence's own processes live on: whether their memory grows is seen then."""
GROWTH_MB = 3.0
EXPLAINED = (
    "a worker ended and is started again",
    "the embedded Valkey ended and is started again",
    "Redis is away",
    "call records wait in the spool",
    "ARI door not connected",
    "verdict not applied",
    "no embedded Valkey",
    "ARI event filter not set",
)


class Found(NamedTuple):
    """Everything of one run."""

    judged: Judged
    calls: list[Placed]
    records: int
    trouble: Trouble
    mischief: mischief.Mischief
    changer: changes.Changer
    memory: list[tuple[int, float, float, float]]
    complaints: dict[str, int]
    asterisk: list[str]
    orphans: list[str]


def options(words: Sequence[str]) -> argparse.Namespace:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    parser.add_argument("--seed", type=int, default=0, help="for the same misfortunes again")
    parser.add_argument("--keep-log", type=Path, help="a copy of Ringfence's log")
    return parser.parse_args(words)


def kinds(dice: random.Random) -> tuple[Kind, ...]:
    """What is called, and in what share."""
    free = tuple(f"+1415{dice.randrange(2_000_000, 9_999_999)}" for _ in range(2_000))
    listed = tuple(f"+1212555{n:04d}" for n in range(100))
    return (
        Kind("free", 36, free),
        Kind("listed", 20, listed),
        Kind("changing", 21, tuple(way.number for way in changes.ways())),
        Kind("flagged", 10, tuple(f"+1617555{n:04d}" for n in range(100))),
        Kind("intercepted", 5, tuple(f"+1305555{n:04d}" for n in range(20))),
        Kind("emergency", 5, listed, called="911"),
        Kind("leaver", 3, listed, leaves=True),
    )


RULES = (
    "list add soak-listed +12125550000-+12125550099",
    "rule add soak-listed --caller @soak-listed --action block --basis analytics",
    "rule add soak-flagged --caller +1617555* --action flag --label SOAK",
    "rule add soak-intercept --caller +1305555* --action intercept --prompt beep --basis analytics",
)


async def run(chosen: argparse.Namespace, console: Console) -> Found:
    """Everything up, trouble, everything down, and what came of it."""
    # Started on this thread, so that the lab lives as long as it does (`lab.process`).
    with Stage(
        globals={"RINGFENCE_BROADCAST": "yes"}, environment={}, purpose="soak", verbose=0
    ) as stage:
        lab, ringfence = stage.lab, stage.ringfence
        lab.rx("core set verbose 0")
        relay_at = (lab.address(9), str(RELAY_PORT))
        ringfence.environment["RINGFENCE_ARI_URL"] = f"http://{':'.join(relay_at)}/ari"
        line = child("-m", "benchmarks.soak.relay", *relay_at, lab.asterisk_address, "8088")
        async with line as relay:
            log = LogFile(ringfence.log_path)
            trouble, ledger = Trouble(), Ledger()
            cut = mischief.cutter(relay.pid)
            havoc = mischief.Mischief(ringfence, log, trouble, cut, chosen.seed)
            havoc.start(0)
            for words in RULES:
                ringfence.cli(*words.split())
            changes.prepare(ringfence)
            await asyncio.sleep(SETTLE_CLI)
            seconds = chosen.minutes * 60
            memory = MemoryWatch(lambda: list(log.workers().values()))
            changer = changes.Changer(ringfence, ledger, chosen.seed)
            plan = Plan(
                (lab.asterisk_address, 5060), (lab.address(2), lab.address(3)), chosen.rate,
                seconds, kinds(random.Random(chosen.seed)), chosen.seed,
            )  # fmt: skip
            calls: list[Placed] = []
            traffic = child("-m", "benchmarks.soak.traffic", ready="")
            async with traffic as placing:
                assert placing.stdin
                placing.stdin.write(msgspec.json.encode(plan) + b"\n")
                reading = asyncio.create_task(_read(placing, calls))
                memory.start()
                changer.start()
                began = time.monotonic()
                console.print(f"calls for {chosen.minutes:g} minutes ...")
                calm = began + seconds * CALM_SHARE
                await _beside(lambda: havoc.around(calm, restarts=False))
                grown = _growth(memory)
                console.print(f"half: {len(calls)} calls; now Ringfence's own processes too")
                await _beside(lambda: havoc.around(began + seconds - 3, restarts=True))
                await asyncio.wait_for(reading, 60)
            changer.stop()
            memory.stop()
        ringfence.stop()
        records = ringfence.cli_json("calls", "--limit", "10000000")
        complaints = dict(log.complaints())
        asterisk = lab.warnings()
        if chosen.keep_log:
            chosen.keep_log.write_bytes(ringfence.log_path.read_bytes())
        folder = ringfence.state
    return Found(
        judge(calls, records, trouble, ledger), calls, len(records), trouble, havoc, changer,
        grown, complaints, asterisk, list(processes_of(folder)),
    )  # fmt: skip


async def _read(placing: asyncio.subprocess.Process, calls: list[Placed]) -> None:
    assert placing.stdout
    decoder = msgspec.json.Decoder(Placed)
    while line := await placing.stdout.readline():
        calls.append(decoder.decode(line))


async def _beside(work: Any) -> None:
    # A thread of its own that stays until the end: children die with the thread that began them.
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    failed: list[BaseException] = []

    def all_of_it() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            loop.call_soon_threadsafe(done.set)
        _NEVER.wait()

    threading.Thread(target=all_of_it, daemon=True, name="mischief").start()
    await done.wait()
    if failed:
        raise failed[0]


_NEVER = threading.Event()


def _growth(memory: MemoryWatch) -> list[tuple[int, float, float, float]]:
    """Process id, and MB at a fifth of its samples, at the middle and at the end."""
    return [
        (pid, kept[len(kept) // 5][1], kept[len(kept) // 2][1], kept[-1][1])
        for pid, kept in memory.samples.items()
        if len(kept) >= 5
    ]


def show(console: Console, found: Found) -> int:
    """The table; returns how many invariants were violated."""
    table = Table("what", "figure", "", title="soak")
    for kind in sorted({kind for kind, _ in found.judged.seen}):
        said = {status: n for (k, status), n in found.judged.seen.items() if k == kind}
        table.add_row(f"calls: {kind}", str(sum(said.values())), str(said))
    setups = sorted(call.setup_ms for call in found.calls if call.status)
    table.add_row("setup p50, p99, max", _percentiles(setups), "ms")
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


def main() -> int:
    """Run, show; 1 where anything was violated or did not come up."""
    if os.geteuid() != 0:
        print("the lab needs root: run it with sudo", file=sys.stderr)
        return 2
    chosen = options(sys.argv[1:])
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    try:
        found = asyncio.run(run(chosen, console))
    except (LabError, StageError, ChildError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 1 if show(console, found) else 0
