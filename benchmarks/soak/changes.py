"""Blocks and frees numbers by every way an admin has, at random, and keeps the ledger of it."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.soak.ledger import Changed, Ledger
from demo.ringfence import Ringfence, StageError

SETTLE_CLI, SETTLE_HAND = 0.5, 1.2
"""Seconds until a change must be in force. Its bars are 0.1 and 1; this machine is busy."""


class Way(NamedTuple):
    """How one number is blocked and freed; `by_hand` with redis-cli, else with `ringfence`."""

    name: str
    number: str
    block: tuple[str, ...]
    free: tuple[str, ...]
    by_hand: bool


def blockable() -> list[str]:
    """One number for each way."""
    return [f"+1310555{n:04d}" for n in range(1000, 1008)]


def ways(folder: Path) -> list[Way]:
    """Every way that an admin has; files go into `folder`."""
    numbers = blockable()
    whole, without = _list_files(folder, numbers[7])
    rule = json.dumps({"action": "block", "basis": "analytics", "when": {"caller": numbers[6]}})
    return [
        Way("list add/remove", numbers[0], ("list", "add", "soak-cli", numbers[0]),
            ("list", "remove", "soak-cli", numbers[0]), False),
        Way("list add --for", numbers[1], ("list", "add", "soak-timed", numbers[1], "--for", "2h"),
            ("list", "remove", "soak-timed", numbers[1]), False),
        Way("rule add/remove", numbers[2],
            ("rule", "add", "soak-rule", "--caller", numbers[2], "--action", "block",
             "--basis", "analytics"), ("rule", "remove", "soak-rule"), False),
        Way("rule enable/disable", numbers[3], ("rule", "enable", "soak-switch"),
            ("rule", "disable", "soak-switch"), False),
        Way("SADD/SREM", numbers[4], ("SADD", "ringfence:list:soak-hand", numbers[4]),
            ("SREM", "ringfence:list:soak-hand", numbers[4]), True),
        Way("ZADD/ZREM", numbers[5], ("ZADD", "ringfence:list:soak-zset", "+inf", numbers[5]),
            ("ZREM", "ringfence:list:soak-zset", numbers[5]), True),
        Way("HSET/HDEL", numbers[6], ("HSET", "ringfence:rules", "soak-hash", rule),
            ("HDEL", "ringfence:rules", "soak-hash"), True),
        Way("list import --replace", numbers[7],
            ("list", "import", "soak-whole", str(whole), "--replace"),
            ("list", "import", "soak-whole", str(without), "--replace"), False),
    ]  # fmt: skip


def _list_files(folder: Path, number: str) -> tuple[Path, Path]:
    """Two lists of 10,000: one has the number, the other a different one in its place."""
    folder.mkdir(exist_ok=True)
    files = folder / "whole.txt", folder / "without.txt"
    for path, one in zip(files, (number, "+13105559999"), strict=True):
        rest = (f"+1661{n:07d}" for n in range(2_000_000, 2_009_999))
        path.write_text("\n".join((one, *rest)) + "\n")
    return files


BY_HAND_OFTENER = 4
"""Each `ringfence` command costs this machine half a second of a processor that calls need too."""
GENERATIONS = 20
"""Rules that are replaced all at once: a call sees all of them new, or none."""


def generation_file(folder: Path, number: int) -> Path:
    """An export with the rules of one generation: the same calls, said in another way."""
    value = ("+1408555*", "+14085550000-+14085559999")[number % 2]
    rules = {
        f"soak-gen-{n:02d}": {"action": "flag", "when": {"caller": value}}
        for n in range(GENERATIONS)
    }
    folder.mkdir(exist_ok=True)
    path = folder / "generation.json"
    path.write_text(json.dumps({"ringfence_export": 1, "rules": rules}))
    return path


def prepare(ringfence: Ringfence) -> None:
    """What the ways stand on."""
    for name in ("soak-cli", "soak-timed", "soak-hand", "soak-zset", "soak-whole"):
        ringfence.cli("rule", "add", f"on-{name}", "--caller", f"@{name}", "--action", "block",
                      "--basis", "analytics")  # fmt: skip
    ringfence.cli("rule", "add", "soak-switch", "--caller", blockable()[3], "--action", "block",
                  "--basis", "analytics")  # fmt: skip
    ringfence.cli("rule", "disable", "soak-switch")
    ringfence.cli("import", str(generation_file(files_of(ringfence), 0)))


def files_of(ringfence: Ringfence) -> Path:
    """Where the files of the changes lie."""
    return ringfence.state.parent / "soak-files"


class Changer(threading.Thread):
    """Changes one thing after another until told to stop."""

    def __init__(self, ringfence: Ringfence, ledger: Ledger, seed: int, every: float) -> None:
        super().__init__(name="changes")
        self._ringfence = ringfence
        self._ledger = ledger
        self._every = every
        self._generation = 0
        self._dice = random.Random(seed)
        self._blocked: dict[str, bool | None] = {}
        self._over = threading.Event()
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def stop(self) -> None:
        """No more changes; the last one is waited for."""
        self._over.set()
        self.join()

    def run(self) -> None:
        known = ways(files_of(self._ringfence))
        # The last one, None, is the replacement of rules.
        often = [BY_HAND_OFTENER if way.by_hand else 1 for way in known] + [1]
        began = time.monotonic()
        while not self._over.wait(max(0.0, self._every - (time.monotonic() - began))):
            began = time.monotonic()
            (way,) = self._dice.choices([*known, None], often)
            if way:
                self._change(way)
            else:
                self._replace_rules()

    def _replace_rules(self) -> None:
        self._generation += 1
        name = f"import of {GENERATIONS} rules"
        try:
            path = generation_file(files_of(self._ringfence), self._generation)
            self._ringfence.cli("import", str(path))
            self.done[name] += 1
        except (StageError, OSError, subprocess.TimeoutExpired):
            self.failed[name] += 1

    def _change(self, way: Way) -> None:
        # What nobody knows is blocked, which then is certain again.
        wanted = self._blocked.get(way.number, False) is not True
        words = way.block if wanted else way.free
        doing: Callable[..., object] = (
            self._ringfence.redis_cli if way.by_hand else self._ringfence.cli
        )
        began = time.monotonic()
        result: bool | None = wanted
        try:
            doing(*words)
            self.done[way.name] += 1
        except (StageError, OSError, subprocess.TimeoutExpired) as error:
            # "rule soak-rule exists": what was not known before is as wanted.
            if "exists" not in str(error):
                result = None
                self.failed[way.name] += 1
        self._blocked[way.number] = result
        settle = SETTLE_HAND if way.by_hand else SETTLE_CLI
        self._ledger.note(way.number, Changed(began, time.monotonic() + settle, result))
