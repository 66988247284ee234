"""`ringfence import`: puts an export, or a part of one, into Redis; shows the difference first."""

from __future__ import annotations

import os
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import IO

import click
import msgspec

from ringfence.cli import list_file
from ringfence.cli.difference import Difference, ListDifference, compare
from ringfence.cli.difference_view import document_of, print_difference, print_foreseen
from ringfence.cli.export import parse_only
from ringfence.cli.export_file import Exported, read_export
from ringfence.cli.export_sections import SECTIONS
from ringfence.cli.foreseen import Foreseen
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.json_stream import JsonRefused
from ringfence.cli.list_contents import ListContents
from ringfence.cli.looking_ahead import look_ahead
from ringfence.cli.output import one_line
from ringfence.cli.progress import progress
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.signature import signed
from ringfence.rules import Rule
from ringfence.store.writing.writer import BATCH, Origin

LONG_FILE = 1_000_000


@click.command("import", cls=Command)
@click.argument("source", metavar="FILE|-")
@click.option("--dry-run", is_flag=True, help="Only show the difference.")
@click.option("--prune", is_flag=True, help="Remove what the file has not: then Redis is like it.")
@click.option(
    "--only",
    default="",
    metavar="SECTIONS",
    callback=parse_only,
    help=f"Of {', '.join(SECTIONS)}.",
)
@click.option("--enforce", is_flag=True, help="Also where notices then block a provider at once.")
@signed
@click.pass_obj
def command(
    invocation: Invocation,
    source: str,
    dry_run: bool,
    prune: bool,
    only: tuple[str, ...],
    enforce: bool,
) -> None:
    """Put an export, or a part of one, into Redis, and show what changes.

    The file is checked as a whole before anything is written. A section that it has not is left
    alone. Lists change first, and then all else in one step.

    A line with ! says what Ringfence would do by itself as soon as this is written: a notice that
    is open and due blocks its provider. Such an import is refused without --enforce.

    \b
    Example:
      ringfence import backup.json --dry-run
    """

    async def work() -> tuple[Difference, Foreseen]:
        with list_file.opened(source) as file:
            wanted = read_checked(file, source, only)
        signature = invocation.signature
        async with open_store(invocation.settings, signature) as store:
            sign = partial(_signed, signature.who)
            difference = await compare(store, wanted, time.time(), prune=prune, sign=sign)
            ahead = await look_ahead(store, difference, wanted.lists or {}, prune=prune)
            if not invocation.json:
                print_difference(difference)
                print_foreseen(ahead)
            if not dry_run and not difference.is_empty:
                if ahead.blocks and not enforce:
                    raise Refused(f"nothing is written: {ahead.blocks[0]}; --enforce has it so")
                await _write(store, difference)
            return difference, ahead

    difference, ahead = run(work())
    if invocation.json:
        written = not dry_run and not difference.is_empty
        found = {**document_of(difference), **ahead._asdict()}
        print_json({"dry_run": dry_run, "written": written, **found})
    elif difference.is_empty:
        click.echo("nothing to change")
    else:
        click.echo("dry run: nothing is written" if dry_run else f"{source} is in force")


def read_checked(file: IO[bytes], source: str, only: Iterable[str] = SECTIONS) -> Exported:
    """All of a file that is in order; else each fault with its line, and the command ends."""
    file.seek(0)
    long = os.fstat(file.fileno()).st_size > LONG_FILE
    with progress(f"reading {source}", None if long else 0) as tell:
        try:
            found = read_export(file, time.time(), only, tell)
        except JsonRefused as error:
            raise Refused(f"{source}:{error.line}: {error.reason}") from None
    for line in found.shown:
        click.echo(f"{source}:{line.number}: {one_line(line.reason)}", err=True)
    if found.bad > len(found.shown):
        click.echo(f"… and {found.bad - len(found.shown)} more", err=True)
    if found.bad:
        raise Refused(f"nothing is taken from {source}: {found.bad} of its parts are not in order")
    if found.run_out:
        click.echo(f"note: {found.run_out} entries have run out and are left out", err=True)
    return found


def _signed(who: str, rule: Rule) -> Rule:
    now = datetime.now(UTC).replace(microsecond=0)
    return msgspec.structs.replace(rule, added_by=who[:200], added_at=now)


async def _write(store: Store, difference: Difference) -> None:
    # Lists first, as rules may name new ones; what goes goes last, as rules in force may name it.
    lists = [each for each in difference.lists or () if each.size]
    in_parts = [each for each in lists if each.whole is None or each.size <= BATCH]
    for each in lists:
        if each not in in_parts and each.whole is not None:
            await _swap(store, each.name, each.whole)
    for each in in_parts:
        await _add(store, each)
    if difference.fields:
        await store.writer.apply(difference.fields)
    for each in in_parts:
        if len(each.gone):
            await store.writer.remove_from_list(each.name, (text for text, _ in each.gone))
    for name in difference.gone:
        await store.writer.remove_list(name)


async def _swap(store: Store, name: str, whole: ListContents) -> None:
    with progress(f"list {name}", len(whole)) as tell:
        texts = (text for text, _ in whole)
        await store.writer.replace_list(name, texts, tell, expiries=whole.expiries)


async def _add(store: Store, each: ListDifference) -> None:
    by_expiry: dict[float, list[str]] = defaultdict(list)
    done, origin = 0, Origin(change=secrets.token_hex(4))
    with progress(f"list {each.name}", len(each.new) + len(each.other)) as tell:
        for text, until in _to_add(each):
            by_expiry[until].append(text)
            if len(by_expiry[until]) >= BATCH:
                await _add_until(store, each.name, by_expiry.pop(until), until, origin)
                done += BATCH
                tell(done)
        for until, texts in by_expiry.items():
            await _add_until(store, each.name, texts, until, origin)
            done += len(texts)
            tell(done)


def _to_add(each: ListDifference) -> Iterable[tuple[str, float]]:
    yield from each.new
    for text, (_, until) in each.other.items():
        yield text, until


async def _add_until(
    store: Store, name: str, texts: list[str], until: float, origin: Origin
) -> None:
    if until == float("inf"):
        await store.writer.add_to_list(name, texts, origin=origin)
    elif until > time.time() + 1:  # what runs out while it is written need not be written
        await store.writer.add_to_list(name, texts, until, origin=origin)
