"""Kills, stops and cuts, at random, and keeps the times in which that excuses a call."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from benchmarks.soak.ledger import Trouble
from benchmarks.soak.watch import LogFile
from demo.ringfence import Ringfence, StageError, frozen

WORKERS = 2
BACK_SECONDS = 20.0
RECONNECT = 5.0
"""Seconds after which a mirror that lost Redis must have it again: its backoff and its checks."""


class Mischief:
    """One misfortune at a time; `slips` says what did not come back."""

    def __init__(
        self, ringfence: Ringfence, log: LogFile, trouble: Trouble, cut_ari: Callable[[], None],
        seed: int,
    ) -> None:  # fmt: skip
        self._ringfence = ringfence
        self._log = log
        self._trouble = trouble
        self._cut_ari = cut_ari
        self._dice = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.slips: list[str] = []

    def around(self, until: float, *, restarts: bool) -> None:
        """Go on until then. Without `restarts` Ringfence's own processes live on."""
        kinds: list[Callable[[], None]] = [
            self.valkey_killed, self.valkey_ended, self.valkey_stopped, self.ari_cut,
            self.worker_frozen,
        ]  # fmt: skip
        if restarts:
            kinds = [*kinds, *2 * [self.worker_killed, self.killed, self.restarted]]
        while time.monotonic() < until:
            time.sleep(1.0 + 2.0 * self._dice.random())
            what = self._dice.choice(kinds)
            self.done[what.__name__.replace("_", " ")] += 1
            try:
                what()
            except (StageError, OSError) as error:
                self.slips.append(f"{what.__name__}: {str(error).splitlines()[0]}")

    def valkey_killed(self) -> None:
        self._to_valkey(signal.SIGKILL)

    def valkey_ended(self) -> None:
        self._to_valkey(signal.SIGTERM)

    def _to_valkey(self, number: signal.Signals) -> None:
        with self._trouble.at("step", what="Valkey", after=RECONNECT):
            pid = self._ringfence.valkey_pid
            os.kill(pid, number)
            self._ringfence.wait_until(lambda: self._valkey() not in (0, pid), "Valkey back", 20)

    def _valkey(self) -> int:
        try:
            return self._ringfence.valkey_pid
        except (StageError, OSError):
            return 0

    def valkey_stopped(self) -> None:
        pid = self._ringfence.valkey_pid
        with self._trouble.at("step", what="Valkey", after=RECONNECT), frozen(pid):
            time.sleep(5.0 * self._dice.random())

    def ari_cut(self) -> None:
        at = self._log.end()
        with self._trouble.at("ari", what="ARI cut"):
            self._cut_ari()
            self._await(at, "ARI door connected", WORKERS)

    def worker_frozen(self) -> None:
        pid = self._dice.choice(list(self._log.workers().values()))
        with (
            # Its time-outs have run out when it wakes: it may take Redis for away.
            self._trouble.at("step", what="worker frozen", after=RECONNECT),
            self._trouble.at("agi", "ari", what="worker frozen", after=1.0),
            frozen(pid),
        ):
            time.sleep(0.2 + 2.0 * self._dice.random())
        self._await_ari()

    def _await_ari(self) -> None:
        # A worker that was frozen for long has lost its connection by the time it goes on.
        at = self._log.end()
        with self._trouble.at("ari", what="worker frozen"):
            time.sleep(1.0)
            if any("ARI door not connected" in str(line) for line in self._log.since(at)):
                self._await(at, "ARI door connected", 1)

    def worker_killed(self) -> None:
        at = self._log.end()
        with self._trouble.at("agi", "ari", "step", what="worker killed"):
            os.kill(self._dice.choice(list(self._log.workers().values())), signal.SIGKILL)
            self._await_up(at, 1)

    def killed(self) -> None:
        self._again("Ringfence killed", self._ringfence.kill)

    def restarted(self) -> None:
        self._again("Ringfence restarted", self._ringfence.stop)

    def _again(self, what: str, end: Callable[[], None]) -> None:
        at = self._log.end()
        with self._trouble.at("agi", "ari", "step", what=what):
            end()
            self.start(at)

    def start(self, at: int) -> None:
        """Start until it comes up, as a service manager would."""
        until = time.monotonic() + BACK_SECONDS
        while True:
            try:
                self._ringfence.start("--workers", str(WORKERS), in_step=False)
                break
            except StageError as error:
                self.done["a start refused and tried again"] += 1
                if time.monotonic() > until:
                    raise
                last = str(error).splitlines()[-1]
                self.slips.append(f"start: {last[:160]}")
                time.sleep(0.3)
        self._await_up(at, WORKERS)

    def _await_up(self, at: int, workers: int) -> None:
        for event in ("ready", "in step with Redis", "ARI door connected"):
            self._await(at, event, workers)

    def _await(self, at: int, event: str, times: int) -> None:
        def enough(lines: list[dict[str, Any]]) -> bool:
            return [line.get("event") for line in lines].count(event) >= times

        if not self._log.wait(at, enough, BACK_SECONDS):
            raise StageError(f"not {times} times {event!r} within {BACK_SECONDS:.0f} s")


def cutter(pid: int) -> Callable[[], None]:
    """Cuts the relay with this process id."""

    def cut() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)

    return cut
