"""`ringfence list`: number lists in Redis, which rules name as @NAME."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import click

from ringfence.cli.history import history_command
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.list_import import import_
from ringfence.cli.list_number import show_number, until_text
from ringfence.cli.list_sources import command as sources_command
from ringfence.cli.list_users import callees_by_list, rules_by_list
from ringfence.cli.output import moment, parse_moment, print_table
from ringfence.cli.progress import progress
from ringfence.cli.refusals import Refused
from ringfence.cli.rule_flags import as_entry
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.signature import signed
from ringfence.store.imports.bringing import Bringer, Few
from ringfence.store.imports.list_changes import Done
from ringfence.store.imports.sources import Sources
from ringfence.store.imports.taking_out import Taker

SORT_MOST = 100_000
MOST_NAMED = 8
_NAME = click.argument("name", metavar="NAME")
_NUMBERS = click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)


@click.group("list", cls=Group)
def command() -> None:
    """Number lists, named in rules as @NAME. Numbers without a + are read as dialled in the US."""


command.add_command(import_)
command.add_command(history_command("list", "scammers"))
command.add_command(sources_command)


@command.command("add")
@_NAME
@_NUMBERS
@click.option("--for", "span", metavar="SPAN", help="Only for so long: 90m, 12h, 7d, 2w.")
@click.option("--expires", "--until", "until", metavar="WHEN",
              help="Only until 2027-01-31, or a time with its zone.")  # fmt: skip
@signed
@click.pass_obj
def add(
    invocation: Invocation, name: str, numbers: tuple[str, ...], span: str | None, until: str | None
) -> None:
    """Add numbers, prefixes or ranges; in force on the next call.

    \b
    Example:
      ringfence list add scammers +12025550123 '+1900*' --for 7d
    """
    if span and until:
        raise click.UsageError("--for or --expires, not both")
    expires, now = math.inf, datetime.now(UTC)
    if text := span or until:
        expires = parse_moment(text, now).timestamp()
        if expires <= now.timestamp():
            raise Refused("the expiry lies in the past: give a time to come")

    async def work() -> Done:
        wanted = Few(map(as_entry, numbers), expires)
        async with open_store(invocation.settings, invocation.signature) as store:
            return await Bringer(_sources(store, invocation)).bring(name, wanted)

    running_out = expires < math.inf
    done = run(work())
    if invocation.json:
        print_json({
            "list": name, "changed": done.changed, "size": done.size,
            "expires": expires if running_out else None,
        })  # fmt: skip
    else:
        until_text = f" until {moment(expires)}" if running_out else ""
        click.echo(f"list {name}: {done.changed} new{until_text}, {done.size} in all")


@command.command("remove")
@_NAME
@click.argument("numbers", metavar="[NUMBER...]", nargs=-1)
@click.option("--source", metavar="SOURCE", help="What this source brought, and nobody else.")
@click.option("--all", "everything", is_flag=True, help="The list itself, with all numbers.")
@signed
@click.pass_obj
def remove(
    invocation: Invocation,
    name: str,
    numbers: tuple[str, ...],
    source: str | None,
    everything: bool,
) -> int:
    """Take numbers out, or all that a source brought, or remove a whole list.

    What another source brought too stays, and what was there without one. A removal by source
    that was cut off is run again and goes on.

    \b
    Examples:
      ringfence list remove scammers +12025550123
      ringfence list remove scammers --source ftc
    """
    if sum((everything, bool(numbers), bool(source))) != 1:
        raise click.UsageError(
            "name the numbers to take out, a --source, or --all to remove the list"
        )

    async def work() -> Done:
        async with open_store(invocation.settings, invocation.signature) as store:
            taker = Taker(_sources(store, invocation), progress)
            if everything:
                return await taker.take_all(name)
            if source:
                return await taker.remove_source(name, source)
            return await taker.take_out(name, map(as_entry, numbers))

    done = run(work())
    if invocation.json:
        print_json({
            "list": name, "source": source, "removed": done.changed, "size": done.size,
        })  # fmt: skip
    elif done.changed or source:
        click.echo(f"list {name}: {done.changed} removed, {done.size} left")
    elif not done.size:
        click.echo(f"ringfence: no list {name}: `ringfence list names` shows them", err=True)
    else:
        click.echo(f"ringfence: nothing of that is in list {name}", err=True)
    return 0 if done.changed or source else 1


@command.command("show")
@_NAME
@click.argument("number", metavar="[NUMBER]", default="")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.pass_obj
def show(invocation: Invocation, name: str, number: str, limit: int) -> int:
    """What is in a list, or whether one number is and by which entry (exit code 1: it is not).

    Of a list that rules fill it says which of them caught the number, when, and by which call, as
    far back as the call log goes.

    \b
    Example:
      ringfence list show scammers +12025550123
    """
    return run(show_number(invocation, name, number) if number else _show(invocation, name, limit))


async def _show(invocation: Invocation, name: str, limit: int) -> int:
    async with open_store(invocation.settings) as store:
        size = await store.reader.list_size(name)
        if not size:
            raise Refused(f"no list {name}: `ringfence list names` shows them")
        entries = await _some(store.reader.list_entries(name), limit, in_order=size <= SORT_MOST)
    if invocation.json:
        print_json({
            "list": name, "size": size,
            "entries": [{"entry": entry, "expires": until if until < math.inf else None}
                        for entry, until in entries],
        })  # fmt: skip
        return 0
    now = time.time()
    print_table(
        ("entry", "until"), ((entry, until_text(expires, now)) for entry, expires in entries)
    )
    if size > len(entries):
        click.echo(f"{len(entries)} of {size} entries; --limit shows more", err=True)
    return 0


async def _some(
    entries: AsyncIterator[tuple[str, float]], limit: int, *, in_order: bool
) -> list[tuple[str, float]]:
    found: dict[str, float] = {}
    async for entry, until in entries:
        found[entry] = until
        if len(found) >= limit and not in_order:
            break
    return sorted(found.items())[:limit]


@command.command("names")
@click.pass_obj
def names(invocation: Invocation) -> None:
    """All lists with their size, the number of their sources, and the rules and callees that name
    them.

    \b
    Example:
      ringfence list names
    """

    async def work() -> list[tuple[str, int, int, list[str], list[str]]]:
        async with open_store(invocation.settings) as store:
            found = {n: await store.reader.list_size(n) for n in await store.reader.list_names()}
            users, callees = await rules_by_list(store), await callees_by_list(store)
            sources = Sources(store.redis, store.keys)
            named = {n: len((await sources.outline(n)).named) for n in found}
        return [
            (n, found.get(n, 0), named.get(n, 0), users.get(n, []), callees.get(n, []))
            for n in sorted({*found, *users, *callees})
        ]

    lists = run(work())
    if invocation.json:
        print_json([
            {"list": n, "size": size, "sources": sources, "rules": rules, "callees": callees}
            for n, size, sources, rules, callees in lists
        ])  # fmt: skip
    elif not lists:
        click.echo("no lists: ringfence list add NAME NUMBER", err=True)
    else:
        rows = (
            (n, str(size) if size else "none", str(sources) if sources else "", _few(rules),
             _few(callees))
            for n, size, sources, rules, callees in lists
        )  # fmt: skip
        print_table(("list", "entries", "sources", "rules", "callees"), rows)


def _sources(store: Store, invocation: Invocation) -> Sources:
    signature = invocation.signature
    return Sources(store.redis, store.keys, signature.who, why=signature.why)


def _few(names: list[str]) -> str:
    more = f", {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
