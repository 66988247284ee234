"""`python -m demo` plays all scenes; `python -m demo up` leaves everything running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from demo.play import Player
from demo.ringfence import StageError
from demo.scenes import CALLEE, CARRIER_HEADER, DIALPLAN, SCENES
from demo.stage import Stage
from demo.table import Table
from lab import LabError
from lab.shaken import Shaken

LAB = Path(__file__).resolve().parent.parent / "docker"
GLOBALS = {"RINGFENCE_HEADERS": CARRIER_HEADER}
# The first call of a signer waits for the certificate: longer than it would in service, so that a
# slow machine shows the same calls.
SIGNED = {"RINGFENCE_IDENTITY": "yes", "RINGFENCE_DEADLINE": "2"}
PATIENT = {"RINGFENCE_ATTESTATION_WAIT": "1", "RINGFENCE_ARI_DEADLINE": "2"}


async def play_all(stage: Stage, table: Table) -> int:
    """Play every scene; returns how many did not go as they should."""
    wrong = 0
    stage.ringfence.on_admin = lambda typed: table.say(f"   $ {typed}", style="cyan")
    async with Player(stage) as player:
        for scene in SCENES:
            for change in scene.before:
                change(stage.ringfence)
            played = await player.play(scene)
            table.row(played)
            wrong += bool(played.faults)
    return wrong


def demo(table: Table) -> int:
    """Start everything, play, stop everything."""
    began = time.monotonic()
    table.say("starting Asterisk, Valkey and Ringfence ...")
    with Stage(
        globals={**GLOBALS, **SIGNED}, environment=PATIENT, shaken=Shaken(),
        extra_dialplan=DIALPLAN, purpose="demo",
    ) as stage:  # fmt: skip
        stage.ringfence.start()
        table.say(f"ready after {time.monotonic() - began:.1f} s; placing {len(SCENES)} calls\n")
        table.header()
        wrong = asyncio.run(play_all(stage, table))
    took = time.monotonic() - began
    said = "every call as it should be" if not wrong else f"{wrong} calls NOT as they should be"
    table.say(f"\n{len(SCENES)} real calls in {took:.0f} s, {said}", style="bold")
    return 1 if wrong else 0


def up(table: Table) -> int:
    """Leave the lab running until Ctrl-C, and say what to try."""
    stopped = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopped
        stopped = True

    with Stage(globals=GLOBALS, extra_dialplan=DIALPLAN, purpose="up") as stage:
        stage.ringfence.start()
        settings = stage.ringfence.write_settings()
        lab = stage.lab
        table.say(
            f"""Asterisk, Valkey and Ringfence are running. In another terminal:

  export RINGFENCE_CONFIG={settings}
  alias ringfence={Path(sys.executable).with_name("ringfence")}
  alias call='PYTHONPATH={LAB} {sys.executable} -m lab call --slot {lab.slot.number}'
  alias redis-cli='{shlex.join(stage.ringfence.redis_cli_command)}'
  alias console='chroot {lab.root} asterisk -C {lab.inside}/etc/asterisk.conf -r'

  ringfence doctor                                    is everything well?
  call +19005550123 {CALLEE}                      200: it is put through
  ringfence rule add premium --caller '+1900*' --action block
  ringfence check --caller +19005550123 --called {CALLEE}
  call +19005550123 {CALLEE}                      403
  call +19005550123 911                               emergency calls always go through
  redis-cli HSET ringfence:rules by-hand '{{"when": {{"trunk": "gateway-b"}}, "action": "block"}}'
  call +12025550142 {CALLEE} --trunk gateway-b --header 'X-Lab-Door: ari'
  ringfence calls                                     what was screened; --follow goes on
  ringfence rule remove premium by-hand

Ringfence's log: {stage.ringfence.log_path}

Ctrl-C stops everything.""",
            style="",
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        while not stopped and stage.ringfence.running:
            time.sleep(0.5)
        if not stopped:
            table.say(f"Ringfence has ended:\n{stage.ringfence.log_tail()}", style="red")
            return 1
    table.say("everything is stopped")
    return 0


def main() -> int:
    """Run what the command line asks for."""
    table = Table(Console(highlight=False, width=None if sys.stdout.isatty() else 120))
    words = sys.argv[1:]
    if words not in ([], ["up"]):
        print("usage: python -m demo [up]", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("the lab needs root: run it with sudo", file=sys.stderr)
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        try:
            return up(table) if words else demo(table)
        except (LabError, StageError) as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
    return 130


if __name__ == "__main__":
    raise SystemExit(main())
