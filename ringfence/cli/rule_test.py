"""`ringfence rule test`: a table of calls with the verdicts that an admin expects of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from ringfence.cli import list_file
from ringfence.cli.import_ import read_checked
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.json_stream import JsonRefused
from ringfence.cli.output import one_line, print_table
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.cli.table_rows import MAX_BYTES, read_rows
from ringfence.cli.trial import Failure, notes_on_counting, try_all
from ringfence.cli.trial_ground import Ground, ground_in_file, ground_in_redis
from ringfence.cli.verdict_table import Case, column, read_table
from ringfence.rules import Step

SHORT = 20
"""Of more rules than this only those are shown that have something to do with the call."""
MOST_SHOWN = 20


@click.command("test", cls=Command)
@click.argument("source", metavar="FILE|-")
@click.option(
    "--rules", "export", metavar="FILE", help="Try an export's rules, not those in Redis."
)
@click.option("--all", "everything", is_flag=True, help="Show every rule and every failure.")
@click.pass_obj
def test_rules(invocation: Invocation, source: str, export: str | None, everything: bool) -> int:
    """Hold a table of calls against the rules: does each get the verdict that is expected?

    The table is CSV with a heading, or a JSON array of objects. Its columns are the facts of a
    call (caller, called, trunk, source_ip, caller_name, presentation, attestation, verification,
    signer, diverter, origid, attestation_reason, at, header:NAME), what is expected (action, rule,
    sip, label, reason, callee, score, noted) and a note. An empty cell is not checked; - expects
    none. Nothing is placed, recorded or changed.

    Columns rate and spread say what the counters would answer, this call included: 12 for all
    rules, fast=12 slow=3 for some. Where they are empty nothing is counted.

    Exit code 0: all are as expected; 1: some are not; 2: the table or the export is not in order.

    \b
    Example:
      ringfence rule test verdicts.csv

    \b
    where verdicts.csv holds
      caller,called,trunk,action,rule
      +19005550100,+12025550123,,block,premium
      +12025550142,911,gateway-b,allow,-
    """
    now = time.time()
    with _wrong_use():
        cases = _read(source)
    if export:
        with _wrong_use(), list_file.opened(export) as file:
            ground = ground_in_file(read_checked(file, export), cases)
    else:
        ground = run(_in_redis(invocation, cases))
        if invocation.settings.screening.monitor:
            ground.notes.append(
                "screening.monitor is on and left out here: rules are tried as they are written"
            )
    tried = try_all(cases, ground.world, now, invocation.settings.score.thresholds)
    failures = tried.failures
    ground.notes.extend(_unknown(failures, ground))
    ground.notes.extend(notes_on_counting(cases, ground.world, tried))
    if invocation.json:
        print_json(_document(cases, failures, ground))
    else:
        _print(cases, failures, ground, everything=everything)
    return 1 if failures else 0


async def _in_redis(invocation: Invocation, cases: list[Case]) -> Ground:
    async with open_store(invocation.settings) as store:
        return await ground_in_redis(store, cases)


@contextmanager
def _wrong_use() -> Iterator[None]:
    """What cannot be read is wrong use, so that code 1 means one thing: a verdict is another."""
    try:
        yield
    except Refused as error:
        raise click.UsageError(error.message) from None


def _read(source: str) -> list[Case]:
    with list_file.opened(source) as file:
        file.seek(0)
        data = file.read(MAX_BYTES + 1)
    try:
        table = read_table(read_rows(data, column))
    except JsonRefused as error:
        raise Refused(f"{source}:{error.line}: {error.reason}") from None
    for line in table.shown:
        click.echo(f"{source}:{line.number}: {one_line(line.reason)}", err=True)
    if table.bad:
        raise Refused(
            f"nothing was tested: {table.bad} of {table.bad + len(table.cases)} calls in {source} "
            "are not in order"
        )
    return table.cases


def _unknown(failures: list[Failure], ground: Ground) -> Iterator[str]:
    known = {each.rule.id for each in ground.world.rules.rules}
    expected = {failure.case.expected.get("rule", "") for failure in failures} - known - {""}
    return (f"there is no rule {rule_id}, which the table expects" for rule_id in sorted(expected))


def _print(cases: list[Case], failures: list[Failure], ground: Ground, *, everything: bool) -> None:
    for note in ground.notes:
        click.echo(f"note: {one_line(note)}", err=True)
    for failure in failures if everything else failures[:MOST_SHOWN]:
        _print_failure(failure, everything=everything)
    if len(failures) > MOST_SHOWN and not everything:
        click.echo(f"{len(failures) - MOST_SHOWN} more failures; --all shows them", err=True)
    good = len(cases) - len(failures)
    click.echo(f"{good} of {len(cases)} calls get the verdict that is expected")


def _print_failure(failure: Failure, *, everything: bool) -> None:
    call, case = failure.call, failure.case
    facts = f"{call.caller.text or '(none)'} to {call.called.text or '(none)'}"
    if call.trunk:
        facts += f" from {call.trunk}"
    note = f" ({case.note})" if case.note else ""
    click.echo(one_line(f"line {case.line}: {facts}{note}"))
    for name, (wanted, got) in failure.differences.items():
        click.echo(one_line(f"  {name}: expected {wanted or 'none'}, got {got or 'none'}"))
    steps = failure.steps
    if len(steps) > SHORT and not everything:
        steps = [step for step in steps if _matters(step, case)]
    if steps:
        rows = ((s.rule, s.action, s.outcome, s.why) for s in steps)
        print_table(("rule", "action", "outcome", "why"), rows)
    if len(steps) < len(failure.steps):
        click.echo(f"{len(failure.steps) - len(steps)} more rules; --all shows them", err=True)
    click.echo()


def _matters(step: Step, case: Case) -> bool:
    named = (case.expected.get("rule", ""), *case.expected.get("noted", "").split())
    return step.outcome in ("matched", "noted") or step.rule in named


def _document(cases: list[Case], failures: list[Failure], ground: Ground) -> dict[str, Any]:
    return {
        "tested": len(cases),
        "failed": len(failures),
        "notes": ground.notes,
        "failures": [
            {
                "line": failure.case.line,
                "note": failure.case.note,
                "caller": failure.call.caller.text,
                "called": failure.call.called.text,
                "trunk": failure.call.trunk,
                "expected": {name: wanted for name, (wanted, _) in failure.differences.items()},
                "got": {name: got for name, (_, got) in failure.differences.items()},
                "verdict": msgspec.to_builtins(failure.verdict),
                "steps": msgspec.to_builtins(failure.steps),
            }
            for failure in failures
        ],
    }
