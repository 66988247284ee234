"""Owns one soak run: its options, its order, its end; it judges nothing itself."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shlex
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from benchmarks.children import ChildError, child
from benchmarks.soak import changes, mischief
from benchmarks.soak.changes import SETTLE_CLI
from benchmarks.soak.judge import FREQUENT, FREQUENT_SECONDS, judge
from benchmarks.soak.ledger import Ledger, Trouble
from benchmarks.soak.report import Found, show
from benchmarks.soak.traffic import HELD_BACK, Kind, Placed, Plan
from benchmarks.soak.watch import LogFile, MemoryWatch, processes_of
from demo.ringfence import Ringfence, StageError
from demo.stage import Stage
from lab import LabError

RELAY_PORT = 8089
EXPORT_SECONDS = 900.0


def options(words: Sequence[str]) -> argparse.Namespace:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    parser.add_argument(
        "--calm", type=float, default=0.5, metavar="SHARE",
        help="of the run in which Ringfence's own processes live on: their memory is watched then",
    )  # fmt: skip
    parser.add_argument(
        "--peace", action="store_true", help="no misfortunes: only calls, and changes of rules"
    )
    parser.add_argument(
        "--every",
        type=float,
        default=0.7,
        metavar="SECONDS",
        help="between two changes, on average",
    )
    parser.add_argument("--seed", type=int, default=0, help="for the same misfortunes again")
    parser.add_argument("--keep-log", type=Path, help="a copy of Ringfence's log")
    return parser.parse_args(words)


def kinds(dice: random.Random) -> tuple[Kind, ...]:
    """What is called, and in what share."""
    free = tuple(f"+1415{dice.randrange(2_000_000, 9_999_999)}" for _ in range(300))
    listed = tuple(f"+1212555{n:04d}" for n in range(100))
    return (
        Kind("free", 32, free),
        Kind("listed", 20, listed),
        Kind("changing", 15, tuple(changes.blockable())),
        Kind("frequent", 5, tuple(f"+1502555{n:04d}" for n in range(100)), shuffled=True),
        Kind("generation", 5, tuple(f"+1408555{n:04d}" for n in range(20))),
        Kind("flagged", 10, tuple(f"+1617555{n:04d}" for n in range(100))),
        Kind("intercepted", 5, tuple(f"+1305555{n:04d}" for n in range(20))),
        Kind("emergency", 5, listed, called="911"),
        Kind("leaver", 3, listed, leaves=True),
    )


RULES = (
    "list add soak-listed +12125550000-+12125550099",
    "rule add soak-listed --caller @soak-listed --action block --basis analytics",
    "rule add soak-flagged --caller +1617555* --action flag --label SOAK",
    "rule add soak-frequent --caller +1502555* --action block --basis analytics "
    f"--rate '{FREQUENT} in {FREQUENT_SECONDS}s per caller'",
    "rule add soak-intercept --caller +1305555* --action intercept --prompt beep --basis analytics",
)


async def run(chosen: argparse.Namespace, console: Console) -> Found:
    """Everything up, trouble, everything down, and what came of it."""
    # Started on this thread, so that the lab lives as long as it does (`lab.process`).
    with Stage(purpose="soak", verbose=0) as stage:
        lab, ringfence = stage.lab, stage.ringfence
        # Python starts anew for each change: on two full processors calls come first.
        ringfence.command_prefix = ("nice", "-n", "10")
        lab.rx("core set verbose 0")
        # Answered calls fill Asterisk's processor already, without telling us how each ends.
        ringfence.environment["RINGFENCE_AMI_HOST"] = ""
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
                ringfence.cli(*shlex.split(words))
            changes.prepare(ringfence)
            await asyncio.sleep(SETTLE_CLI)
            seconds = chosen.minutes * 60
            memory = MemoryWatch(lambda: list(log.workers().values()))
            changer = changes.Changer(ringfence, ledger, chosen.seed, chosen.every)
            plan = Plan(
                (lab.asterisk_address, 5060), (lab.address(2), lab.address(3)), chosen.rate,
                seconds, kinds(random.Random(chosen.seed)), chosen.seed,
            )  # fmt: skip
            calls: list[Placed] = []
            held_back: list[float] = []
            traffic = child("-m", "benchmarks.soak.traffic", ready="")
            async with traffic as placing:
                assert placing.stdin
                placing.stdin.write(msgspec.json.encode(plan) + b"\n")
                reading = asyncio.create_task(_read(placing, calls, held_back))
                memory.start()
                changer.start()
                began = time.monotonic()
                console.print(f"calls for {chosen.minutes:g} minutes ...")
                if chosen.peace:
                    await asyncio.sleep(seconds - 3)
                    grown = _growth(memory)
                else:
                    calm = began + (seconds - 3) * chosen.calm
                    await _beside(lambda: havoc.around(calm, restarts=False))
                    grown = _growth(memory)
                    console.print(f"{len(calls)} calls so far; now Ringfence's own processes too")
                    await _beside(lambda: havoc.around(began + seconds - 3, restarts=True))
                await asyncio.wait_for(reading, 60)
                await placing.wait()
            changer.stop()
            memory.stop()
        ringfence.stop()
        records = _records(ringfence)
        complaints = dict(log.complaints())
        asterisk = lab.warnings()
        if chosen.keep_log:
            chosen.keep_log.write_bytes(ringfence.log_path.read_bytes())
        folder = ringfence.state
    return Found(
        judge(calls, records, trouble, ledger), calls, len(held_back), len(records), trouble,
        havoc, changer, grown, complaints, asterisk, list(processes_of(folder)),
    )  # fmt: skip


def _records(ringfence: Ringfence) -> list[dict[str, Any]]:
    """All call records; hundreds of thousands, so they go by way of a file."""
    file = changes.files_of(ringfence) / "calls.jsonl"
    ringfence.cli("calls", "--export", str(file), seconds=EXPORT_SECONDS)
    with file.open() as lines:
        return [json.loads(line) for line in lines]


async def _read(
    placing: asyncio.subprocess.Process, calls: list[Placed], held_back: list[float]
) -> None:
    assert placing.stdout
    decoder = msgspec.json.Decoder(Placed)
    while line := await placing.stdout.readline():
        placed = decoder.decode(line)
        if placed.kind == HELD_BACK:
            held_back.append(placed.began)
        else:
            calls.append(placed)


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
