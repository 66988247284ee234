"""`ringfence export`: what admins keep in Redis as one file that reads and diffs well."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, NamedTuple

import click

from ringfence.cli import export_file
from ringfence.cli.difference_view import counted
from ringfence.cli.export_sections import HASHES, SECTIONS
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.replacing import replacing
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.stored import stored, stored_list

ALWAYS_COUNTED = ("rules", "trunks", "callees")
LINES_AT_ONCE = 1_000
MOST_NAMED = 5


class Counts(NamedTuple):
    """What was exported, and in one line each what could not be."""

    hashes: dict[str, int]
    lists: dict[str, int]
    left_out: list[str]


class _Unread(Exception):  # noqa: N818 - nothing is wrong
    """Nobody reads stdout any more. The store would take a BrokenPipeError for its own."""


def parse_only(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """The sections named in ``rules,lists``."""
    named = tuple(part for part in value.replace(",", " ").split() if part) or SECTIONS
    for name in named:
        if name not in SECTIONS:
            raise click.BadParameter(f"{name!r}: name some of {','.join(SECTIONS)}")
    return named


@click.command("export", cls=Command)
@click.argument("target", metavar="[FILE|-]", default="-")
@click.option(
    "--only", default="", metavar="SECTIONS", callback=parse_only, help=f"Of {', '.join(SECTIONS)}."
)
@click.pass_obj
def command(invocation: Invocation, target: str, only: tuple[str, ...]) -> int:
    """Write what admins keep in Redis into one file, or to stdout.

    That is rules, trunks, callees, providers, notices, disputes, feeds' set-ups, and lists with
    their expiries. The same state gives the same file, one list entry a line, so that two exports
    can be compared with diff. What is refused in Redis is left out and named, with exit code 1.

    \b
    Example:
      ringfence export backup.json
    """

    async def work() -> Counts:
        async with open_store(invocation.settings) as store:
            with _opened(target) as out:
                return await _export(store, out, only)

    try:
        counts = run(work())
    except _Unread:
        raise BrokenPipeError from None
    for line in counts.left_out:
        click.echo(f"left out: {line}", err=True)
    if target != "-":
        if invocation.json:
            left_out = {"left_out": counts.left_out}
            print_json({"file": target, **counts.hashes, "lists": counts.lists, **left_out})
        else:
            entries = counted(sum(counts.lists.values()), "entry")
            counted_fields = ", ".join(
                counted(number, HASHES[name].kind)
                for name, number in counts.hashes.items()
                if number or name in ALWAYS_COUNTED
            )
            click.echo(
                f"{target}: {counted_fields}, {counted(len(counts.lists), 'list')} with {entries}"
            )
    return 1 if counts.left_out else 0


async def _export(store: Store, out: IO[bytes], only: tuple[str, ...]) -> Counts:
    left_out: list[str] = []
    numbers = dict.fromkeys(HASHES, 0)
    sizes: dict[str, int] = {}
    out.write(export_file.head().encode())
    for name, section in HASHES.items():
        if name in only:
            found = await stored(store, section)
            documents = {id: section.document(each) for id, each in found.good.items()}
            out.write(export_file.hash_section(name, documents).encode())
            left_out += found.refused.values()
            numbers[name] = len(documents)
    if "lists" in only:
        out.write(b',\n"lists": {')
        for name in await store.reader.list_names():
            sizes[name] = await _put_list(store, out, name, left_out, first=not sizes)
        out.write(b"\n}" if sizes else b"}")
    out.write(export_file.tail().encode())
    return Counts(numbers, sizes, left_out)


async def _put_list(
    store: Store, out: IO[bytes], name: str, left_out: list[str], *, first: bool
) -> int:
    contents, bad = await stored_list(store, name, time.time())
    if bad:
        named = ", ".join(map(repr, bad[:MOST_NAMED]))
        left_out.append(f"list {name}: {len(bad)} that are no entries, such as {named}")
    lines = export_file.list_lines(name, contents, first=first)
    while some := "".join(islice(lines, LINES_AT_ONCE)):
        out.write(some.encode())
    return len(contents)


@contextmanager
def _opened(target: str) -> Iterator[IO[bytes]]:
    if target == "-":
        try:
            yield sys.stdout.buffer
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise _Unread from error
        return
    with replacing(target) as out:
        yield out
