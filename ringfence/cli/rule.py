"""`ringfence rule`: the rules in Redis, in force on the next call."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ringfence.cli import rule_views as views
from ringfence.cli.history import history_command, undo_command
from ringfence.cli.hit_views import besides, counting_note, hit_document, is_unused
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.output import parse_past, print_details, print_table
from ringfence.cli.refusals import Refused
from ringfence.cli.rule_changes import add, disable, enable, remove, set_
from ringfence.cli.rule_test import test_rules
from ringfence.cli.session import open_store, run
from ringfence.store.counting.hits import NEVER, Hits, HitsReader

_ID = click.argument("rule_id", metavar="ID")


@click.group("rule", cls=Group)
def command() -> None:
    """Rules: what happens to which calls."""


command.add_command(add)
command.add_command(set_)
command.add_command(remove)
command.add_command(enable)
command.add_command(disable)
command.add_command(test_rules)
command.add_command(history_command("rule", "premium"))
command.add_command(undo_command("rule", "premium"))


@command.command("list")
@click.option("--unused", is_flag=True, help="Those that met no call, in monitor mode neither.")
@click.option("--since", metavar="WHEN", help="With --unused: a span ago (30d), a date, a time.")
@click.pass_obj
def list_(invocation: Invocation, unused: bool, since: str | None) -> None:
    """All rules in the order in which calls meet them, refused ones first.

    With --unused only those that no call met, --since a time (rules added later have had no time
    to): what can be removed, or never did what it was meant to.

    \b
    Example:
      ringfence rule list --unused --since 30d
    """
    if since and not unused:
        raise click.UsageError("--since goes with --unused")
    now = datetime.now(UTC)
    before = parse_past(since, now) if since else None

    async def work() -> tuple[list[views.Shown], dict[str, Hits], float | None]:
        async with open_store(invocation.settings) as store:
            reader = HitsReader(store.redis, store.keys)
            found = await store.reader.rules()
            hits, counting = await reader.all(), await reader.since()
        return (
            sorted((views.read_rule(*item) for item in found.items()), key=views.order),
            hits,
            counting,
        )

    rules, hits, counting = run(work())
    if unused:
        rules = [s for s in rules if s.rule and is_unused(s.rule, hits.get(s.id, NEVER), before)]
        if note := counting_note(counting, before):
            click.echo(f"note: {note}", err=True)
    if invocation.json:
        print_json([{**views.document(s), **hit_document(hits.get(s.id, NEVER))} for s in rules])
    elif rules:
        print_table(views.COLUMNS, (views.row(s, hits.get(s.id, NEVER), now) for s in rules))
        if (others := besides(hits)) and not unused:
            click.echo(f"besides rules: {others}", err=True)
    else:
        click.echo("no such rules" if unused else "no rules: every call is let through", err=True)


@command.command("show")
@_ID
@click.pass_obj
def show(invocation: Invocation, rule_id: str) -> None:
    """One rule: why, since when, who, how often it was hit, and how to undo it.

    With --json: what differs from the defaults, as in Redis, and version and hits besides.

    \b
    Example:
      ringfence rule show premium
    """

    async def work() -> tuple[views.Shown, Hits]:
        async with open_store(invocation.settings) as store:
            text = await store.reader.rule(rule_id)
            hits = await HitsReader(store.redis, store.keys).of(rule_id)
        if text is None:
            raise Refused(f"no rule {rule_id}: `ringfence rule list` shows them")
        return views.read_rule(rule_id, text), hits

    shown, hits = run(work())
    if invocation.json:
        print_json({**views.document(shown), **hit_document(hits)})
    else:
        print_details(views.details(shown, hits, datetime.now(UTC)))
