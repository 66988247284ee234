"""Owns the command line of the lab: python -m lab build|up|down|status|call."""

import argparse
import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from lab import CallResult, Lab, LabError, SipCaller, ensure_root, slots

_DIALPLAN = Path(__file__).parents[2] / "dialplan" / "ringfence.conf"
_STOP_PATIENCE = 10.0


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab", description="A real Asterisk on loopback addresses."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    build = commands.add_parser("build", help="build the root folder with Asterisk and SIPp")
    build.set_defaults(run=_build)
    up = commands.add_parser("up", help="run a lab until Ctrl-C")
    up.add_argument("--slot", type=int, help="1 to 200; without it, the first that is free")
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="stop labs that `up` started elsewhere")
    down.add_argument("slot", type=int, nargs="?", help="stop this one, whoever started it")
    down.set_defaults(run=_down)
    status = commands.add_parser("status", help="show the labs that run")
    status.set_defaults(run=_status)
    call = commands.add_parser(
        "call", help="place a call: python -m lab call +12025550100 +12025550199"
    )
    call.add_argument("caller")
    call.add_argument("called")
    call.add_argument("--slot", type=int, default=1)
    call.add_argument("--trunk", choices=("carrier-a", "gateway-b", "customer"),
                      default="carrier-a")  # fmt: skip
    call.add_argument("--name", default="", help="the caller's name")
    call.add_argument("--talk", type=float, default=1.0, help="seconds, if it is answered")
    call.add_argument("--header", action="append", default=[], help="'Name: value'; repeatable")
    call.set_defaults(run=_call)
    return parser


def _build(options: argparse.Namespace) -> int:
    print(ensure_root())
    return 0


def _up(options: argparse.Namespace) -> int:
    with Lab(slot=options.slot, dialplan=_DIALPLAN, purpose="up") as lab:
        print(describe(lab), flush=True)
        lab.asterisk.wait()  # until Ctrl-C, SIGTERM, or the end of Asterisk
        raise LabError(f"Asterisk ended:\n{lab.log_tail()}")


def describe(lab: Lab) -> str:
    """What runs where, and what to try."""
    number = lab.slot.number
    trunks = "\n".join(
        f"  {trunk.name:<10} {lab.address(trunk.name):<14} into [{trunk.context}]"
        for trunk in lab.settings.trunks
    )
    return f"""\
Lab {number} is up after {lab.start_seconds:.1f} s; Ctrl-C stops it.
  SIP        {lab.asterisk_address}:5060 (UDP)
  ARI        {lab.ari_url}  {lab.ari_username} / {lab.ari_password}
  AMI        {lab.ami_host}:{lab.ami_port}  {lab.ami_username} / {lab.ami_password}
{trunks}
  callee     {lab.callee_address}:5060 answers any number
  files      {lab.home}
Try, in another terminal:
  python -m lab call --slot {number} +12025550100 +12025550199
  chroot {lab.root} asterisk -C {lab.inside}/etc/asterisk.conf -rvvv"""


def _down(options: argparse.Namespace) -> int:
    wanted = {
        number: owner
        for number, owner in slots.taken().items()
        if number == options.slot or (options.slot is None and owner.purpose == "up")
    }
    if not wanted:
        raise LabError("no such lab runs: see `python -m lab status`")
    for owner in wanted.values():
        os.kill(owner.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_PATIENCE
    while wanted.keys() & slots.taken().keys():
        if time.monotonic() > deadline:
            raise LabError(f"still running after {_STOP_PATIENCE:.0f} s: see `status`")
        time.sleep(0.1)
    print(f"stopped: {', '.join(f'lab {number}' for number in wanted)}")
    return 0


def _status(options: argparse.Namespace) -> int:
    running = slots.taken()
    for number, owner in running.items():
        print(
            f"lab {number:<3}  {slots.Slot(number).address(1):<14} {owner.purpose:<8} {owner.pid}"
        )
    if not running:
        print("no lab runs")
    return 0


def _call(options: argparse.Namespace) -> int:
    if options.slot not in slots.taken():
        raise LabError(f"lab {options.slot} does not run: start it with `python -m lab up`")
    result = asyncio.run(_place(options))
    print(f"{result.status} {result.phrase}  after {result.setup_ms:.1f} ms  {result.reason}")
    if result.early_rtp_packets:
        print(f"heard before the answer: {result.early_rtp_packets * 0.02:.1f} s")
    if result.answered:
        print(f"answered, heard: {result.rtp_packets * 0.02:.1f} s")
    return 0 if result.answered else 1


async def _place(options: argparse.Namespace) -> CallResult:
    slot = slots.Slot(options.slot)
    hosts = {"carrier-a": 2, "gateway-b": 3, "customer": 4}
    headers = [(name, value.strip()) for name, _, value in
               (header.partition(":") for header in options.header)]  # fmt: skip
    async with SipCaller(slot.address(hosts[options.trunk]), (slot.address(1), 5060)) as caller:
        return await caller.call(
            caller=options.caller, called=options.called, caller_name=options.name,
            talk=options.talk, headers=headers, timeout=60,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
