"""`ringfence calls`: the call log, newest last, as calls come in, or into a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from ringfence.archive import CallSearch, archive_of
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.record import CallRecord, utc_text
from ringfence.cli import call_views as views
from ringfence.cli.calls_export import export_calls, export_format, tell_left_out
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import one_line, parse_past, print_details, print_table
from ringfence.cli.rule_views import read_rule
from ringfence.cli.session import Store, open_store, run
from ringfence.store.writing.history import Change, History
from ringfence.verdict import Action

# columns while following, when how wide later lines will be is not known yet
_WIDTHS = (24, 16, 16, 14, 5, 10, 20, 4, 7, 8, 18)


@click.command("calls", cls=Command)
@click.option("--caller", default="", metavar="NUMBER", help="On its last ten digits.")
@click.option("--called", default="", metavar="NUMBER", help="On its last ten digits.")
@click.option("--trunk", default="", metavar="NAME", help="* allowed.")
@click.option("--provider", default="", metavar="ID", help="The provider behind the trunk.")
@click.option("--signer", default="", metavar="SPC", help="Who signed, of verified calls.")
@click.option("--rule", default="", metavar="ID", help="Ended or noted by this rule, or '(score)'.")
@click.option("--callee", default="", metavar="ID", help="The called customer, as `callee` has it.")
@click.option(
    "--action", "--verdict", type=click.Choice([str(action) for action in Action]), default=None
)
@click.option("--since", metavar="WHEN", help="A span ago (90m, 7d), a date, or a time.")
@click.option("--until", metavar="WHEN", help="Likewise; a date is its first moment.")
@click.option("--sip-call-id", default="", metavar="TEXT", help="SIP's Call-ID, as a whole.")
@click.option(
    "--id",
    "call_id",
    default="",
    metavar="ID",
    help="One call, as RINGFENCE_ID and the log name it: the whole trail.",
)
@click.option("--limit", type=click.IntRange(0), help="The newest so many.  [default: 20]")
@click.option("--follow", "-f", is_flag=True, help="Go on with calls as they come.")
@click.option(
    "--export",
    metavar="FILE",
    callback=export_format,
    help="All of them into a file, the newest first: .csv, .jsonl or .parquet.",
)
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    call_id: str,
    limit: int | None,
    follow: bool,
    export: str | None,
    **asked: Any,
) -> int:
    """What was screened, and how it ended: the newest calls last.

    From Redis and from the archive, as one. With --id why it ended so, by which rules, who added
    them, and how to undo it.

    \b
    Example:
      ringfence calls --action block --since 24h --limit 50
      ringfence calls --called 2025550123 --since 28d --export blocked.csv
    """
    now = datetime.now(UTC)
    wanted = CallFilter(
        caller=asked["caller"],
        called=asked["called"],
        trunk=asked["trunk"],
        rule=asked["rule"],
        action=asked["action"] or "",
        id=call_id,
        callee=asked["callee"],
        since=parse_past(asked["since"], now).timestamp() if asked["since"] else 0.0,
        until=parse_past(asked["until"], now).timestamp() if asked["until"] else 0.0,
        provider=asked["provider"],
        sip_call_id=asked["sip_call_id"],
        signer=asked["signer"],
    )
    if export and follow:
        raise click.UsageError("--export or --follow, not both")
    try:
        if export:
            return run(export_calls(invocation, wanted, limit, export))
        return run(_calls(invocation, wanted, 20 if limit is None else limit, follow=follow))
    except KeyboardInterrupt:
        return 0  # how following ends


async def _calls(invocation: Invocation, wanted: CallFilter, limit: int, *, follow: bool) -> int:
    async with open_store(invocation.settings) as store:
        search = CallSearch(store.redis, store.keys, archive_of(invocation.settings))
        end = await search.stream.position()
        found = [r async for r in search.newest(wanted, limit=limit, upto=end)] if limit else []
        found.reverse()
        if follow:
            await _follow(invocation, search, wanted, found, end)
            return 0
        trailed = wanted.id and found and not invocation.json
        rules = await _behind(store, found[0]) if trailed else {}
    tell_left_out(search)
    if invocation.json:
        print_json(msgspec.to_builtins(found))
    elif wanted.id and found:
        print_details(views.trail(found[0], rules, datetime.now(UTC)))
    elif found:
        print_table(views.COLUMNS, map(views.row, found))
    else:
        asked = wanted != CallFilter() or not limit
        click.echo("no such calls" if asked else "no calls yet", err=True)
    return 0 if found else 1


async def _behind(store: Store, record: CallRecord) -> dict[str, views.Behind]:
    """The rules that had to do with a call, as they are now and as they were then."""
    names = views.concerned(record)
    if not names:
        return {}
    history = History(store.redis, store.keys)
    first, last = dict[str, Change](), dict[str, Change]()
    async for change in history.changes("rule", names):
        if utc_text(change.at) <= record.time:
            break
        first[change.name] = change
        last.setdefault(change.name, change)
    return {
        name: views.Behind(
            read_rule(name, text) if text is not None else None,
            last.get(name),
            read_rule(name, first[name].before or b"") if name in first else None,
        )
        for name, text in (await history.now("rule", names)).items()
    }


async def _follow(
    invocation: Invocation, search: CallSearch, wanted: CallFilter,
    found: list[CallRecord], end: str,
) -> None:  # fmt: skip
    if not invocation.json:
        click.echo(_line(views.COLUMNS))
    async for record in _chained(found, search.stream.follow(wanted, after=end)):
        if invocation.json:
            # a line each, as there is no end
            print_json(msgspec.to_builtins(record))
        else:
            click.echo(_line(views.row(record)))


async def _chained(
    before: list[CallRecord], after: AsyncIterator[CallRecord]
) -> AsyncIterator[CallRecord]:
    shown = {record.id for record in before}
    for record in before:
        yield record
    async for record in after:
        # archived in the moment between the two questions
        if record.id not in shown:
            yield record


def _line(cells: tuple[str, ...]) -> str:
    return " ".join(
        one_line(cell).ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)
    ).rstrip()
