"""`ringfence list sources`: who brought what to a list, when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
import msgspec

from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import moment, print_table
from ringfence.cli.progress import progress
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store, open_store, run
from ringfence.store.imports.list_changes import LOOKED_AT_ONCE
from ringfence.store.imports.list_copy import pages
from ringfence.store.imports.source_records import BY_HAND, Import, Source
from ringfence.store.imports.sources import Sources

COUNTED = 100_000
"""Entries that are looked for in the list without being asked to: a quarter of a second."""


class Seen(NamedTuple):
    """A source, and how many of its entries are in the list (None: not counted)."""

    name: str
    source: Source
    left: int | None


@click.command("sources", cls=Command)
@click.argument("name", metavar="NAME")
@click.option("--exact", is_flag=True, help="Count what is still there, however much it is.")
@click.pass_obj
def command(invocation: Invocation, name: str, exact: bool) -> None:
    """Who brought what to a list: source, note, admin, time, how many, how many are still there.

    What has come without --source is shown as "(none)". Of over 100,000 entries it is only known
    what the commands took out; --exact looks whether each is there.

    \b
    Examples:
      ringfence list sources scammers
      ringfence list remove scammers --source ftc
    """

    async def work() -> list[Seen]:
        async with open_store(invocation.settings) as store:
            return await _seen(store, name, exact)

    seen = run(work())
    if invocation.json:
        print_json([_document(each) for each in seen])
        return
    print_table(("source", "read", "still there", "when", "who", "file", "note"), map(_row, seen))
    if any(each.left is None for each in seen):
        click.echo("~ as far as the commands know: --exact looks for each", err=True)


async def _seen(store: Store, name: str, exact: bool) -> list[Seen]:
    sources = Sources(store.redis, store.keys)
    found = await sources.of(name)
    if not found:
        if await store.reader.list_size(name):
            raise Refused(f"list {name} has no sources: `ringfence list import {name} FILE "
                          "--source SOURCE` gives it one")  # fmt: skip
        raise Refused(f"no list {name}: `ringfence list names` shows them")
    count = exact or sum(each.held for each in found.values()) <= COUNTED
    return [
        Seen(each, source, await _left(sources, name, each, source) if count else None)
        for each, source in sorted(found.items(), key=lambda item: (item[0] == BY_HAND, item[0]))
    ]


async def _left(sources: Sources, name: str, source: str, kept: Source) -> int:
    left = done = 0
    now = sources.now()
    with progress(f"counting {source}", kept.held) as tell:
        for page in pages(await sources.brought(name, source), LOOKED_AT_ONCE):
            look = await sources.look(name, page)
            left += sum(until > now for until in look.until)
            tell(done := done + len(page))
    return left


def source_document(name: str, source: Source) -> dict[str, Any]:
    """A source and its newest import, for scripts."""
    return {"source": None if name == BY_HAND else name, **_import_document(_newest(source))}


def source_line(name: str, source: Source) -> str:
    """The same on one line."""
    newest = _newest(source)
    when = f"{moment(float(newest.at))} by {newest.who}" if newest.at else ""
    parts = (_shown(name), when, newest.file, newest.note)
    return ", ".join(part for part in parts if part)


def _document(seen: Seen) -> dict[str, Any]:
    return {
        **source_document(seen.name, seen.source),
        "brought": seen.source.held,
        "left": seen.left,
        "imports": [_import_document(each) for each in seen.source.imports],
    }


def _shown(name: str) -> str:
    return "(none)" if name == BY_HAND else name


def _import_document(each: Import) -> dict[str, Any]:
    at = datetime.fromtimestamp(each.at, UTC).isoformat() if each.at else None
    return {**msgspec.structs.asdict(each), "at": at, "expires": each.expires or None}


def _row(seen: Seen) -> tuple[str, ...]:
    newest = _newest(seen.source)
    by_hand = seen.name == BY_HAND
    left = f"~{seen.source.held}" if seen.left is None else str(seen.left)
    return (
        _shown(seen.name),
        str(newest.read) if newest.at else "",
        "" if by_hand and not seen.source.held else left,
        moment(float(newest.at)) if newest.at else "",
        newest.who,
        newest.file,
        newest.note,
    )


def _newest(source: Source) -> Import:
    return source.imports[0] if source.imports else Import()
