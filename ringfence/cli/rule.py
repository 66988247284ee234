"""`ringfence rule`: the rules in Redis, in force on the next call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from ringfence.cli import rule_views as views
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.output import print_details, print_table
from ringfence.cli.refusals import Refused
from ringfence.cli.rule_flags import rule_flags, rule_of
from ringfence.cli.rule_test import test_rules
from ringfence.cli.session import Store, open_store, run, who
from ringfence.rules import Rule
from ringfence.rules.compile import compile_rules

_SOURCE = click.argument("source", metavar="[FILE|-]", default="")
_ID = click.argument("rule_id", metavar="ID")


@click.group("rule", cls=Group)
def command() -> None:
    """Rules: what happens to which calls."""


command.add_command(test_rules)


@command.command("add")
@_ID
@_SOURCE
@rule_flags
@click.pass_obj
def add(invocation: Invocation, /, rule_id: str, source: str, **flags: Any) -> None:
    """Add a rule, from flags or from JSON. An existing id is refused.

    \b
    Example:
      ringfence rule add premium --caller '+1900*' --action block --note 'ticket 17'
    """
    run(_write(invocation, rule_id, source, flags, only_new=True))


@command.command("set")
@_ID
@_SOURCE
@rule_flags
@click.pass_obj
def set_(invocation: Invocation, /, rule_id: str, source: str, **flags: Any) -> None:
    """Put a rule in the place of the one with this id, or add it.

    \b
    Example:
      ringfence rule show premium --json | ringfence rule set premium -
    """
    run(_write(invocation, rule_id, source, flags, only_new=False))


async def _write(
    invocation: Invocation, rule_id: str, source: str, flags: dict[str, Any], *, only_new: bool
) -> None:
    rule = rule_of(rule_id, source, flags, who(), datetime.now(UTC))
    async with open_store(invocation.settings) as store:
        done = await store.writer.set_rule(rule_id, rule, only_new=only_new)
        missing = await _missing_lists(store, rule)
    if invocation.json:
        print_json({"id": rule_id, "result": str(done), "missing_lists": missing})
        return
    click.echo(f"rule {rule_id} {done}: {rule.action} {views.conditions(rule)}")
    for name in missing:
        click.echo(f"note: there is no list {name} yet: ringfence list add {name} NUMBER", err=True)


async def _missing_lists(store: Store, rule: Rule) -> list[str]:
    named = sorted(compile_rules([rule]).list_names)
    return [name for name in named if not await store.reader.list_size(name)]


@command.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """All rules in the order in which calls meet them, refused ones first.

    \b
    Example:
      ringfence rule list
    """
    now = datetime.now(UTC)

    async def work() -> list[views.Shown]:
        async with open_store(invocation.settings) as store:
            found = await store.reader.rules()
        return sorted((views.read_rule(*item) for item in found.items()), key=views.order)

    rules = run(work())
    if invocation.json:
        print_json([views.document(shown) for shown in rules])
    elif not rules:
        click.echo("no rules: every call is let through", err=True)
    else:
        print_table(views.COLUMNS, (views.row(shown, now) for shown in rules))


@command.command("show")
@_ID
@click.pass_obj
def show(invocation: Invocation, rule_id: str) -> None:
    """One rule: why, since when, who, and how to undo it.

    \b
    Example:
      ringfence rule show premium
    """

    async def work() -> views.Shown:
        async with open_store(invocation.settings) as store:
            text = await store.reader.rule(rule_id)
        if text is None:
            raise Refused(f"no rule {rule_id}: `ringfence rule list` shows them")
        return views.read_rule(rule_id, text)

    shown = run(work())
    if invocation.json:
        print_json(views.document(shown))
    else:
        print_details(views.details(shown, datetime.now(UTC)))


@command.command("remove")
@click.argument("rule_ids", metavar="ID...", nargs=-1, required=True)
@click.pass_obj
def remove(invocation: Invocation, rule_ids: tuple[str, ...]) -> int:
    """Remove rules, refused ones too.

    \b
    Example:
      ringfence rule remove premium
    """

    async def work() -> dict[str, bool]:
        async with open_store(invocation.settings) as store:
            return {rule_id: await store.writer.remove_rule(rule_id) for rule_id in rule_ids}

    removed = run(work())
    if invocation.json:
        print_json([{"id": rule_id, "removed": done} for rule_id, done in removed.items()])
    else:
        for rule_id, done in removed.items():
            said = f"rule {rule_id} removed" if done else f"ringfence: no rule {rule_id}"
            click.echo(said, err=not done)
    return 0 if all(removed.values()) else 1


@command.command("enable")
@_ID
@click.pass_obj
def enable(invocation: Invocation, rule_id: str) -> None:
    """Switch a rule on again.

    \b
    Example:
      ringfence rule enable premium
    """
    run(_switch(invocation, rule_id, True))


@command.command("disable")
@_ID
@click.pass_obj
def disable(invocation: Invocation, rule_id: str) -> None:
    """Switch a rule off and keep it.

    \b
    Example:
      ringfence rule disable premium
    """
    run(_switch(invocation, rule_id, False))


async def _switch(invocation: Invocation, rule_id: str, on: bool) -> None:
    async with open_store(invocation.settings) as store:
        done = await store.writer.enable_rule(rule_id, on)
    if invocation.json:
        print_json({"id": rule_id, "enabled": on, "result": str(done)})
    else:
        click.echo(f"rule {rule_id} is {'on' if on else 'off'}")
