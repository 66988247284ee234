"""Owns what the archive of the call log takes: rows a second, bytes a row, milliseconds a look-up.

Writes made-up calls into day files by the code that the service runs, and asks for some of them as
the commands do. `python -m benchmarks.archive --rows 2000000 --days 1`; with `--folder` the files
stay, and a later run with more days adds to them. `--bulk 2` writes the days in that many processes
by the quick way of `bulk_day`, which is no measure of writing. With `--dsn postgresql://…` the same
on a server.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from benchmarks.bulk_day import bulk_day
from ringfence.archive.archiver import BATCH
from ringfence.archive.day import day_path, days_in, midnight
from ringfence.archive.place import DayFolder, Place
from ringfence.archive.writing import Entry
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord, encode_record, utc_text
from ringfence.verdict import Action, Noted

NEWEST = date(2026, 11, 20)
CALLERS, CALLED, TRUNKS, RULES, SIGNERS = 400_000, 30_000, 40, 60, 300
SIGNED = 0.4
TOLD_EVERY = 100_000


class Asked(NamedTuple):
    """One kind of question, and how often it is asked."""

    name: str
    times: int
    wanted: Callable[[CallRecord], CallFilter]
    limit: int | None = 20


def calls_of(day: date, count: int, seed: int) -> Iterator[CallRecord]:
    """Made-up calls of a day in the order of time: few callers call much, most a little."""
    dice = random.Random(f"{seed}/{day}")
    begins = midnight(day).timestamp()
    for n in range(count):
        at = begins + (n + dice.random()) * 86_400 / count
        caller = f"1{2_012_000_000 + int(CALLERS * dice.random() ** 3) * 1_999:010d}"
        called = f"1{3_012_000_000 + dice.randrange(CALLED) * 13:010d}"
        rule = f"rule-{dice.randrange(RULES)}" if dice.random() < 0.15 else ""
        trunk = f"carrier-{int(TRUNKS * dice.random() ** 2)}"
        signed = dice.random() < SIGNED
        host = f"198.51.100.{dice.randrange(1, 255)}"
        yield CallRecord(
            id=f"{int(at * 1000):012x}{dice.getrandbits(40):010x}",
            time=utc_text(at),
            outcome="applied",
            door="agi",
            worker=f"worker-{1 + n % 2}",
            uniqueid=f"{at:.0f}.{n}",
            channel=f"PJSIP/{trunk}-{n:08x}",
            trunk=trunk,
            provider=f"provider-{trunk}",
            source=f"{host}:5060",
            sip_call_id=f"{dice.getrandbits(64):016x}-{dice.getrandbits(32):08x}@{host}",
            caller=caller,
            caller_e164=f"+{caller}",
            caller_name="WIRELESS CALLER" if dice.random() < 0.5 else "",
            called=called,
            called_e164=f"+{called}",
            sip_from=f'"WIRELESS CALLER" <sip:+{caller}@{host}>',
            headers={"user-agent": "Sonus SBC"},
            attestation=dice.choice("ABC") if signed else "none",
            verification="passed" if signed else "none",
            attestation_origin="asterisk" if signed else "",
            origid=f"{dice.getrandbits(32):08x}-0000-4000-8000-000000000000" if signed else "",
            signer=f"{1000 + dice.randrange(SIGNERS)}" if signed else "",
            action="block" if rule else "allow",
            reason="rule" if rule else "no-rule",
            rule=rule,
            basis="analytics" if rule else "",
            sip=603 if rule else 0,
            matched=(f"caller @list (+{caller})",) if rule else (),
            noted=(Noted("watch", Action.FLAG, True),) if dice.random() < 0.02 else (),
            ms=round(0.03 + dice.random() / 20, 3),
        )


class Spent(NamedTuple):
    """Seconds in the archive's own code, without those that making up the calls takes."""

    wall: float = 0.0
    processor: float = 0.0


def write_day(place: Place, day: date, count: int, seed: int) -> tuple[Spent, list[CallRecord]]:
    """How long it took, and some of the calls, to ask for."""
    files, begins, spent = place.writer(), midnight(day), Spent()
    files.progress()
    calls, some = calls_of(day, count, seed), list[CallRecord]()
    done = 0
    while batch := list(islice(calls, BATCH)):
        some.append(batch[done // BATCH % len(batch)])
        encoded = [(call, encode_record(call)) for call in batch]
        began = Spent(time.perf_counter(), time.process_time())
        entries = [
            Entry(
                day,
                (datetime.fromisoformat(call.time) - begins) // timedelta(milliseconds=1),
                call,
                data,
            )
            for call, data in encoded
        ]
        done += files.write(entries, StreamId(done + 1, 0), 1)
        spent = Spent(
            spent.wall + time.perf_counter() - began.wall,
            spent.processor + time.process_time() - began.processor,
        )
        if done % TOLD_EVERY < BATCH:
            print(f"  {day} {done:>10,} rows, {_rates(done, spent)}", flush=True)
    files.close()
    return spent, some


def _rates(rows: int, spent: Spent) -> str:
    # on a machine that others use, too, the second says what it would take alone
    return (f"{rows / spent.wall:,.0f} a second, {rows / spent.processor:,.0f} "
            "a second of a processor")  # fmt: skip


QUESTIONS = (
    Asked("by id", 500, lambda call: CallFilter(id=call.id)),
    Asked("by SIP Call-ID, that day", 500, lambda call: _day(call, sip_call_id=call.sip_call_id)),
    Asked("by SIP Call-ID, all days", 100, lambda call: CallFilter(sip_call_id=call.sip_call_id)),
    Asked(
        "a traceback: both numbers, 10 minutes", 500,
        lambda call: CallFilter(
            caller=call.caller, called=call.called,
            since=_at(call) - 300, until=_at(call) + 300,
        ), None,
    ),
    Asked("by caller, newest 20", 200, lambda call: CallFilter(caller=call.caller)),
    Asked("by called number, newest 20", 200, lambda call: CallFilter(called=call.called)),
    Asked("a called number's blocked calls, all days", 50,
          lambda call: CallFilter(called=call.called, action="block"), None),
    Asked("by a caller who never called, all days", 100,
          lambda call: CallFilter(caller="9995550100")),
    Asked("by rule and trunk, newest 20", 100,
          lambda call: CallFilter(rule="rule-7", trunk=call.trunk)),
    Asked("by signer, newest 20", 200, lambda call: CallFilter(signer=call.signer or "1000")),
    Asked("newest 20", 200, lambda call: CallFilter()),
)  # fmt: skip


def _at(call: CallRecord) -> float:
    return datetime.fromisoformat(call.time).timestamp()


def _day(call: CallRecord, **fields: str) -> CallFilter:
    begins = midnight(datetime.fromisoformat(call.time).astimezone(UTC).date()).timestamp()
    return CallFilter(since=begins, until=begins + 86_399.999, **fields)


def connect(place: Place) -> float:
    """Milliseconds from nothing to a first, short answer: what a server costs a command before."""
    began = time.perf_counter()
    place.source().position()
    return (time.perf_counter() - began) * 1000


def ask(place: Place, asked: Asked, calls: list[CallRecord], dice: random.Random) -> list[float]:
    """Milliseconds of each time, by one reader, as a command has."""
    took, source = [], place.source()
    for _ in range(asked.times):
        wanted = asked.wanted(dice.choice(calls))
        began = time.perf_counter()
        found = list(islice(source.newest(wanted), asked.limit))
        took.append((time.perf_counter() - began) * 1000)
        assert found or "never" in asked.name or "blocked" in asked.name or "rule" in asked.name
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="a day")
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="to keep the files, or to use those there")
    parser.add_argument("--dsn", default="", help="a PostgreSQL server, and not files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bulk", type=int, default=0, metavar="PROCESSES")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringfence-archive-") as temporary:
        if options.dsn:
            from ringfence.archive.postgresql.place import PostgresqlPlace

            run(PostgresqlPlace(options.dsn), options.rows, options.days, options.seed)
            return
        folder = options.folder or Path(temporary)
        if options.bulk:
            write_in_bulk(folder, options.rows, options.days, options.seed, options.bulk)
        run(DayFolder(folder), options.rows, options.days, options.seed)


def write_in_bulk(folder: Path, rows: int, days: int, seed: int, processes: int) -> None:
    """All days that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    there = set(days_in(folder))
    missing = [
        day for n in range(days) if (day := NEWEST - timedelta(days=n)) not in there
    ]  # fmt: skip
    with ProcessPoolExecutor(processes) as pool:
        began = time.perf_counter()
        work = [(folder, day, rows, seed) for day in missing]
        for done, day in enumerate(pool.map(_bulk, work), 1):
            took = time.perf_counter() - began
            print(f"  {day} {done * rows:>12,} rows in bulk, {took:,.0f} s", flush=True)


def _bulk(work: tuple[Path, date, int, int]) -> date:
    folder, day, rows, seed = work
    bulk_day(day_path(folder, day), calls_of(day, rows, seed))
    return day


def run(place: Place, rows: int, days: int, seed: int) -> None:
    """Write what is missing, then ask."""
    there, calls, spent, written = set(place.holding().days), list[CallRecord](), Spent(), 0
    for n in range(days):
        day = NEWEST - timedelta(days=n)
        if day in there:
            calls += islice(calls_of(day, rows, seed), 2_000)
        else:
            took, some = write_day(place, day, rows, seed)
            spent = Spent(spent.wall + took.wall, spent.processor + took.processor)
            written, calls = written + rows, calls + some
    if written:
        print(f"written: {written:,} rows, {_rates(written, spent)}, "
              f"{2_000_000 * spent.wall / written:,.0f} s for 2 million")  # fmt: skip
    size = place.holding().size
    print(f"{rows * days:,} rows in {days} days, {size / 1e6:,.0f} MB, "
          f"{size / (rows * days):.0f} bytes a row; "
          f"process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    first = sorted(connect(place) for _ in range(50))[25]
    print(f"from nothing to how far it is: {first:.1f} ms")
    print(f"{'look-up':<45}{'p50':>9}{'p99':>9}{'slowest':>9}  ms")
    dice = random.Random(seed)
    for asked in QUESTIONS:
        each = sorted(ask(place, asked, calls, dice))
        p50, p99 = each[len(each) // 2], each[int(len(each) * 0.99)]
        print(f"{asked.name:<45}{p50:>9.2f}{p99:>9.2f}{each[-1]:>9.2f}")


if __name__ == "__main__":
    main()
