"""Owns what single dialplan steps cost on this Asterisk; it must not know any door's code.

Every step is repeated in its extension, and calls take the extensions in turn, so that drift of
the machine meets all of them alike. `python -m benchmarks.dialplan_steps` prints the table.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.children import LoadGenerator, child
from benchmarks.load import Leg, Plan, Target
from benchmarks.paths import QUIET_LOGGER
from lab import Lab, Trunk

REPEAT = 10
RATE = 100.0
HEADER = "X-Bench"
AGI_PORT = 4574
LONG = "abcdefghijklmnopqrst" * 40
ARGUMENTS = (
    "called=%2B12025550123&caller=%2B12125550100&name=Some%20One&pres=allowed_not_screened"
    "&trunk=carrier-a&addr=127.77.1.5%3A5060&callid=abcdef0123456789%40127.77.1.5"
)


TOLD = (
    "NoOp()", "MSet of 5", "Gosub with argument + Return", "TIMEOUT(absolute) on, off",
    "CHANNEL(pjsip,remote_addr)", "URIENCODE, 12 characters", "connect only", "SET VARIABLE",
    "SET VARIABLE, own side closed",
)  # fmt: skip
"""Of all steps, those that tell where a screened call's time goes in Asterisk."""


class StepCost(msgspec.Struct):
    """What one step adds to a call, in microseconds."""

    name: str
    each_us: float


class Step(NamedTuple):
    """Dialplan applications under test; `times` how often what is named happens in a call."""

    name: str
    lines: tuple[str, ...]
    times: int


def _repeated(name: str, *lines: str, times: int = REPEAT) -> Step:
    return Step(name, lines * times, times)


def _read(expression: str, name: str = "", times: int = REPEAT) -> Step:
    """An expression several times in one Set, so that the step itself costs only once."""
    return Step(name or f"${{{expression}}}", (f"Set(X={f'${{{expression}}}' * times})",), times)


def _agi(name: str, address: str, *before: str) -> Step:
    return Step(f"AGI, {name}", (*before, f"AGI({address})"), 1)


def steps(agi: str) -> Sequence[Step]:
    """All steps; `agi` is the address of the empty AGI server."""
    deferred = agi.replace(str(AGI_PORT), str(AGI_PORT + 1))
    wait, no_wait = "TIMEOUT(absolute)=0.25", "TIMEOUT(absolute)=0"
    many = ",".join(f"A{n}={n}" for n in range(20))
    return (
        _repeated("(nothing)", times=0),
        _repeated("NoOp()", "NoOp()"),
        _repeated("Set(X=1)", "Set(X=1)"),
        _repeated("Set(X=1), 20 of them", "Set(X=1)", times=20),
        _repeated("MSet of 1", "MSet(A=1)"),
        _repeated("MSet of 5", "MSet(A=1,B=2,C=3,D=4,E=5)"),
        Step("MSet, one of 20 variables", (f"MSet({many})",), 20),
        _repeated("Set(LOCAL(X)=1)", "Set(LOCAL(X)=1)"),
        _repeated("ExecIf, false", 'ExecIf($["${EXTEN}" = "1"]?NoOp())'),
        _repeated("GotoIf, not taken", 'GotoIf($["${EXTEN}" = "1"]?nowhere)'),
        _repeated("Goto the next", "Goto(${MATH(${PRIORITY}+1,int)})"),
        _repeated("Gosub + Return", "Gosub(bench-sub,s,1)"),
        _repeated("Gosub with argument + Return", "Gosub(bench-sub,s,1(${EXTEN}))"),
        _repeated("TryExec(NoOp())", "TryExec(NoOp())"),
        _repeated("TIMEOUT(absolute) on, off", f"Set({wait})", f"Set({no_wait})"),
        _repeated("the same with two in one MSet", f"MSet({wait},X=1)", f"MSet({no_wait},X=1)"),
        _read("G", "${VARIABLE}"),
        _read("GLOBAL(G)"),
        _read("IF($[1=2]?a:b)"),
        _read("CALLERID(num)"),
        _read("CALLERID(pres)"),
        _read("CHANNEL(name)"),
        _read("CHANNEL(endpoint)"),
        _read("CHANNEL(pjsip,remote_addr)"),
        _read("CHANNEL(pjsip,call-id)"),
        _read("PJSIP_HEADER(read,X-Bench)", "PJSIP_HEADER(read), there"),
        _read("PJSIP_HEADER(read,X-Missing)", "PJSIP_HEADER(read), missing"),
        _read("PJSIP_HEADERS(P-)"),
        _read("STIR_SHAKEN(count)"),
        _read("URIENCODE(+12025550123)", "URIENCODE, 12 characters"),
        _read(f"URIENCODE({LONG})", "URIENCODE, 800 characters"),
        _read("FILTER(0-9,+12025550123)"),
        _agi("connect only", f"{agi}/nothing"),
        _agi("SET VARIABLE", f"{agi}/set"),
        _agi("SET VARIABLE, closed at once", f"{agi}/set-close"),
        _agi("SET VARIABLE, own side closed", f"{agi}/set-eof"),
        _agi("SET VARIABLE, accepted late", f"{deferred}/set"),
        _agi("SET VARIABLE, both of these", f"{deferred}/set-eof"),
        _agi("2 SET VARIABLE", f"{agi}/set2"),
        _agi("EXEC MSet", f"{agi}/mset"),
        _agi("EXEC MSet, closed at once", f"{agi}/mset-close"),
        _agi("EXEC MSet of 6", f"{agi}/mset5"),
        _agi("SET VARIABLE as long as that", f"{agi}/set5"),
        _agi("SET VARIABLE, 200 bytes of facts", f"{agi}/set,{ARGUMENTS}"),
        _agi("SET VARIABLE, 1,000 bytes of facts", f"{agi}/set,{ARGUMENTS}&{LONG}"),
        _agi("SET VARIABLE, AGIEXITONHANGUP", f"{agi}/set", "Set(AGIEXITONHANGUP=yes)"),
        _agi("SET VARIABLE, bounded", f"{agi}/set", f"MSet({wait},AGIEXITONHANGUP=yes)"),
    )


def dialplan(all_steps: Sequence[Step]) -> str:
    """A context with one extension per step. An AGI's call ends in 604 if it changed nothing."""
    return "\n".join(_extensions(all_steps)) + "\n[bench-sub]\nexten => s,1,Return()\n"


def _extensions(all_steps: Sequence[Step]) -> Iterator[str]:
    yield "[bench-steps]"
    for at, step in enumerate(all_steps):
        # A Gosub around all, for LOCAL() and as the doors have it.
        yield f"exten => step{at},1,Gosub(bench-run,step{at},1)"
        end = "603"
        if step.name.startswith("AGI") and "connect" not in step.name:
            end = '${IF($["${BENCH}${AGISTATUS}" = "1SUCCESS"]?603:604)}'
        yield f" same => n,PJSIPHangup({end})"
    yield "[bench-run]"
    for at, step in enumerate(all_steps):
        lines = [*step.lines, "Return()"]
        yield f"exten => step{at},1,{lines[0]}"
        yield from (f" same => n,{line}" for line in lines[1:])


async def measure(
    rate: float, seconds: float, wanted: Callable[[str], bool]
) -> tuple[Sequence[Step], Sequence[Leg]]:
    """Place the calls. Kept are the steps whose names are wanted, and the first."""
    with Lab(extra_trunks=[Trunk("bench", 5, "bench-steps")], files={"logger.conf": QUIET_LOGGER},
             extra_dialplan="@@BENCH@@") as lab:  # fmt: skip
        host = lab.asterisk_address
        kept = [s for n, s in enumerate(steps(f"agi://{host}:{AGI_PORT}")) if not n or wanted(s[0])]
        lab.settings.extra_dialplan = dialplan(kept)
        lab.reload_dialplan()
        lab.rx("core set verbose 0")
        targets = tuple(
            Target(lab.address("bench"), f"step{at}", headers=((HEADER, "value"),))
            for at in range(len(kept))
        )
        agi = child("-m", "benchmarks.empty_agi", host, str(AGI_PORT))
        async with agi, LoadGenerator() as load:
            await load.run(Plan((host, 5060), rate, 1.0, targets))
            return kept, await load.run(Plan((host, 5060), rate, seconds, targets))


async def measure_told(seconds: float) -> list[StepCost]:
    """The steps of `TOLD`, at the default rate."""
    names = {name for each in TOLD for name in (each, f"AGI, {each}", f"${{{each}}}")}
    kept, legs = await measure(RATE, seconds, names.__contains__)
    floor = statistics.median(legs[0].setup_ms)
    return [
        StepCost(step.name, round((statistics.median(leg.setup_ms) - floor) * 1e3 / step.times, 1))
        for step, leg in zip(kept[1:], legs[1:], strict=True)
    ]


def table(kept: Sequence[Step], legs: Sequence[Leg], title: str) -> Table:
    """What each step adds to a call; `each` is that divided by `times`."""
    out = Table(title=title)
    for column in ("step", "times", "p50 ms", "p90 ms", "adds µs", "each µs", "final responses"):
        out.add_column(column, justify="left" if column == "step" else "right")
    floor = statistics.median(legs[0].setup_ms)
    for step, leg in zip(kept, legs, strict=True):
        if len(leg.setup_ms) < 2:
            out.add_row(step.name, *[""] * 5, str(leg.statuses).strip("{}"))
            continue
        p50 = statistics.median(leg.setup_ms)
        p90 = statistics.quantiles(leg.setup_ms, n=10)[8]
        adds = (p50 - floor) * 1000
        each = f"{adds / step.times:.1f}" if step.times else ""
        out.add_row(step.name, str(step.times), f"{p50:.3f}", f"{p90:.3f}", f"{adds:.0f}", each,
                    str(leg.statuses).strip("{}"))  # fmt: skip
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dialplan_steps")
    parser.add_argument("--rate", type=float, default=RATE, help="calls per second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", default="", help="steps with this text in their names")
    options = parser.parse_args()
    kept, legs = asyncio.run(
        measure(options.rate, options.seconds, lambda name: options.only in name)
    )
    title = f"dialplan steps at {options.rate:.0f} calls/s"
    Console(width=120).print(table(kept, legs, title))


if __name__ == "__main__":
    main()
