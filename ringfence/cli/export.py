"""`ringfence export`: what admins keep in Redis as one file that reads and diffs well."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import click

from ringfence.cli import export_file
from ringfence.cli.difference_view import counted
from ringfence.cli.export_file import SECTIONS
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.stored import (
    Fields,
    stored_callees,
    stored_list,
    stored_rules,
    stored_trunks,
)

HASHES: dict[str, tuple[Callable[[Store], Awaitable[Fields]], Callable[[Any], dict[str, Any]]]] = {
    "rules": (stored_rules, export_file.rule_document),
    "trunks": (stored_trunks, export_file.trunk_document),
    "callees": (stored_callees, export_file.callee_document),
}
LINES_AT_ONCE = 1_000
MOST_NAMED = 5


class Counts(NamedTuple):
    """What was exported, and in one line each what could not be."""

    rules: int
    trunks: int
    callees: int
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
    "--only", default="", metavar="SECTIONS", callback=parse_only, help=f"Of {','.join(SECTIONS)}."
)
@click.pass_obj
def command(invocation: Invocation, target: str, only: tuple[str, ...]) -> int:
    """Write rules, trunks, callees and lists, with their expiries, into one file, or to stdout.

    The same state gives the same file, one list entry a line, so that two exports can be compared
    with diff. What is refused in Redis is left out and named, with exit code 1.

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
            print_json({"file": target, **counts._asdict()})
        else:
            entries = counted(sum(counts.lists.values()), "entry")
            fields = ((counts.rules, "rule"), (counts.trunks, "trunk"), (counts.callees, "callee"))
            counted_fields = ", ".join(counted(*each) for each in fields)
            click.echo(
                f"{target}: {counted_fields}, {counted(len(counts.lists), 'list')} with {entries}"
            )
    return 1 if counts.left_out else 0


async def _export(store: Store, out: IO[bytes], only: tuple[str, ...]) -> Counts:
    left_out: list[str] = []
    numbers = dict.fromkeys(HASHES, 0)
    sizes: dict[str, int] = {}
    out.write(export_file.head().encode())
    for name, (stored, document) in HASHES.items():
        if name in only:
            found = await stored(store)
            documents = {id: document(each) for id, each in found.good.items()}
            out.write(export_file.hash_section(name, documents).encode())
            left_out += found.refused.values()
            numbers[name] = len(documents)
    if "lists" in only:
        out.write(b',\n"lists": {')
        for name in await store.reader.list_names():
            sizes[name] = await _put_list(store, out, name, left_out, first=not sizes)
        out.write(b"\n}" if sizes else b"}")
    out.write(export_file.tail().encode())
    return Counts(**numbers, lists=sizes, left_out=left_out)


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
    """The file, in the place of the old one once it is complete; readable for its owner only, as
    customers' numbers may be in it."""
    if target == "-":
        try:
            yield sys.stdout.buffer
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise _Unread from error
        return
    path = Path(target).resolve()
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as out:  # a pipe, or a device
                yield out
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".export-", delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if path.exists():
                    Path(file.name).chmod(stat.S_IMODE(path.stat().st_mode))
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            raise  # no fault of the file's
        raise Refused(f"{target}: {error.strerror or error}") from None
