"""`ringfence calls`: the call log, newest last, and as calls come in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from ringfence.calllog.query import CallFilter, CallQuery
from ringfence.calllog.record import CallRecord
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import one_line, parse_moment, parse_span, print_details, print_table
from ringfence.cli.session import Store, open_store, run
from ringfence.verdict import Action

COLUMNS = ("time", "caller", "called", "trunk", "att", "verdict", "rule", "sip", "ms", "outcome",
           "id")  # fmt: skip
# columns while following, when how wide later lines will be is not known yet
_WIDTHS = (24, 16, 16, 14, 5, 10, 20, 4, 7, 8, 18)


@click.command("calls", cls=Command)
@click.option("--caller", default="", metavar="NUMBER", help="On its last ten digits.")
@click.option("--called", default="", metavar="NUMBER", help="On its last ten digits.")
@click.option("--trunk", default="", metavar="NAME", help="* allowed.")
@click.option("--rule", default="", metavar="ID", help="Ended or noted by this rule.")
@click.option("--action", type=click.Choice([str(action) for action in Action]), default=None)
@click.option("--since", metavar="WHEN", help="A span ago (90m, 7d), a date, or a time.")
@click.option("--id", "call_id", default="", metavar="ID", help="One call, with all its facts.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True)
@click.option("--follow", "-f", is_flag=True, help="Go on with calls as they come.")
@click.pass_obj
def command(invocation: Invocation, /, call_id: str, limit: int, follow: bool, **asked: Any) -> int:
    """What was screened, and how it ended: the newest calls last.

    \b
    Example:
      ringfence calls --action block --since 24h --limit 50
    """
    wanted = CallFilter(
        caller=asked["caller"],
        called=asked["called"],
        trunk=asked["trunk"],
        rule=asked["rule"],
        action=asked["action"] or "",
        id=call_id,
        since=_since(asked["since"]),
    )
    try:
        return run(_calls(invocation, wanted, limit, follow=follow))
    except KeyboardInterrupt:
        return 0  # how following ends


def _since(text: str | None) -> float:
    if not text:
        return 0.0
    now = datetime.now(UTC)
    if text[-1:].lower() in "mhdw" and text[:-1].isdigit():
        return (now - parse_span(text)).timestamp()
    return parse_moment(text, now).timestamp()


async def _calls(invocation: Invocation, wanted: CallFilter, limit: int, *, follow: bool) -> int:
    async with open_store(invocation.settings) as store:
        query = CallQuery(store.redis, store.keys)
        end = await query.position()
        found = [r async for r in query.newest(wanted, limit=limit, upto=end)] if limit else []
        found.reverse()
        if follow:
            await _follow(invocation, store, query, wanted, found, end)
            return 0
    if query.skipped:
        click.echo(f"note: {query.skipped} entries of the stream are no call records", err=True)
    if invocation.json:
        print_json(msgspec.to_builtins(found))
    elif wanted.id and found:
        print_details(_details(found[0]))
    elif found:
        print_table(COLUMNS, map(_row, found))
    else:
        asked = wanted != CallFilter() or not limit
        click.echo("no such calls" if asked else "no calls yet", err=True)
    return 0 if found else 1


async def _follow(
    invocation: Invocation, store: Store, query: CallQuery, wanted: CallFilter,
    found: list[CallRecord], end: str,
) -> None:  # fmt: skip
    if not invocation.json:
        click.echo(_line(COLUMNS))
    async for record in _chained(found, query.follow(wanted, after=end)):
        if invocation.json:
            # a line each, as there is no end
            print_json(msgspec.to_builtins(record))
        else:
            click.echo(_line(_row(record)))


async def _chained(
    before: list[CallRecord], after: AsyncIterator[CallRecord]
) -> AsyncIterator[CallRecord]:
    for record in before:
        yield record
    async for record in after:
        yield record


def _line(cells: tuple[str, ...]) -> str:
    return " ".join(
        one_line(cell).ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)
    ).rstrip()


def _row(record: CallRecord) -> tuple[str, ...]:
    noted = ", ".join(f"({note.rule})" for note in record.noted)
    return (
        record.time,
        record.caller_e164 or ("anonymous" if record.anonymous else record.caller[:24]),
        record.called_e164 or record.called[:24],
        record.trunk,
        record.attestation,
        record.action,
        record.rule or noted or record.reason,
        str(record.sip or ""),
        f"{record.ms:.3f}",
        record.outcome,
        record.id,
    )


def _details(record: CallRecord) -> list[tuple[str, str]]:
    facts = []
    for name, value in msgspec.to_builtins(record).items():
        if isinstance(value, dict):
            facts += [(f"{name}.{key}", str(each)) for key, each in value.items()]
        elif name == "noted":
            facts.append((name, ", ".join(f"{each['rule']}" for each in value)))
        elif isinstance(value, list | tuple):
            facts.append((name, ", ".join(map(str, value))))
        else:
            facts.append((name, str(value)))
    if record.rule:
        facts.append(("see", f"ringfence rule show {record.rule}"))
    return facts
