"""`ringfence list import`: a file of numbers into a list, all of it or nothing."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from ringfence.cli import list_file
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.list_columns import expiry_heading
from ringfence.cli.output import moment, one_line, parse_moment
from ringfence.cli.progress import progress
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.cli.signature import signed
from ringfence.store.imports.bringing import Bringer
from ringfence.store.imports.list_changes import Done
from ringfence.store.imports.source_records import checked_source, import_record
from ringfence.store.imports.sources import Sources


@click.command("import", cls=Command)
@click.argument("name", metavar="NAME")
@click.argument("file", metavar="FILE|-")
@click.option("--source", metavar="SOURCE", default="", help="Who it is from: to remove it by.")
@click.option("--note", metavar="TEXT", default="", help="Why, for the next admin.")
@click.option("--for", "span", metavar="SPAN", help="Only for so long: 90m, 12h, 7d, 2w.")
@click.option("--expires", metavar="WHEN", help="Only until 2027-01-31, or a time with its zone.")
@click.option("--column", metavar="NAME|N", default="", help="Where the numbers are in a CSV file.")
@click.option("--expires-column", metavar="NAME|N", default="", help="Where each one's expiry is.")
@click.option(
    "--replace",
    is_flag=True,
    help="In the place of what is in the list; with --source, of what that source has brought.",
)
@click.option("--skip-bad", is_flag=True, help="Leave out lines that hold no number.")
@click.option("--refused", metavar="FILE", help="Write every line that is refused, and why.")
@signed
@click.pass_obj
def import_(
    invocation: Invocation,
    name: str,
    file: str,
    source: str,
    note: str,
    span: str | None,
    expires: str | None,
    column: str,
    expires_column: str,
    replace: bool,
    skip_bad: bool,
    refused: str | None,
) -> None:
    """Add a file of numbers, prefixes and ranges: one a line, or a column of a CSV file.

    Of a CSV file the column is found by its heading or by what is in it. # begins a comment. A
    line that holds no number is named, and then nothing at all is imported. An import is in force
    as a whole, in one step.

    \b
    Examples:
      ringfence list import scammers numbers.txt --replace
      ringfence list import scammers ftc.csv --source ftc --note 'ticket 17' --for 30d
      ringfence list import scammers feed.csv --source feed --replace --expires-column until
    """
    if span and expires:
        raise click.UsageError("--for or --expires, not both")
    now, signature = datetime.now(UTC), invocation.signature
    until = parse_moment(span or expires or "", now).timestamp() if span or expires else math.inf
    if until <= now.timestamp():
        raise click.UsageError(f"--expires {expires} is in the past")

    signature = invocation.signature

    async def work() -> tuple[list_file.NumberFile, list_file.Checked, Done]:
        if source:
            checked_source(source)
        with list_file.opened(file) as opened:
            numbers = list_file.NumberFile(
                opened, column=column, expires_column=expires_column, expires=until, now=now
            )
            checked = _check(numbers, file, refused, skip_bad)
            if not checked.good:
                raise Refused(f"{file} holds no numbers: list {name} is as it was")
            record = import_record(
                signature.who, now.timestamp(), "stdin" if file == "-" else Path(file).name, note,
                checked.good, replace=replace, expires=until if until < math.inf else 0.0,
            )  # fmt: skip
            async with open_store(invocation.settings, signature) as store:
                sources = Sources(store.redis, store.keys, signature.who, why=signature.why)
                done = await Bringer(sources, progress).bring(
                    name, numbers, source=source, replace=replace, record=record
                )
        return numbers, checked, done

    numbers, checked, done = run(work())
    if invocation.json:
        print_json({
            "list": name, "source": source or None, "read": checked.good, "refused": checked.bad,
            "refused_lines": [{"line": n, "why": why} for n, why in checked.shown],
            "run_out": checked.run_out, "distinct": len(numbers.entries),
            "changed": done.changed, "size": done.size,
        })  # fmt: skip
        return
    parts = [f"list {name}: {checked.good} read"]
    parts += (
        [f"from {numbers.columns}"] if numbers.columns.heading or numbers.columns.number else []
    )
    lines = "line" if checked.bad == 1 else "lines"
    parts += [f"{checked.bad} {lines} left out"] if checked.bad else []
    parts += [f"{checked.run_out} have run out and are left out"] if checked.run_out else []
    parts += [f"until {moment(until)}"] if until < math.inf else []
    parts += [f"source {source}"] if source else []
    click.echo(one_line(", ".join([*parts, f"{done.changed} changed, {done.size} in all"])))
    if (heading := expiry_heading(numbers.columns)) and numbers.columns.expires < 0:
        note_ = f"note: column {heading} is not read: --expires-column {heading} does that"
        click.echo(one_line(note_), err=True)


def _check(
    numbers: list_file.NumberFile, file: str, refused: str | None, skip_bad: bool
) -> list_file.Checked:
    with _report_to(refused) as refuse, progress(f"checking {file}", numbers.size) as tell:
        checked = numbers.check(tell, refuse)
    for line in checked.shown:
        click.echo(one_line(f"{file}:{line.number}: {line.reason}"), err=True)
    if checked.bad > len(checked.shown):
        all_of_them = f": all of them are in {refused}" if refused else ": --refused FILE has all"
        more = checked.bad - len(checked.shown)
        click.echo(f"… and {more} lines more{all_of_them}", err=True)
    if checked.bad and not skip_bad:
        raise Refused(
            f"nothing is imported: {checked.bad} of {checked.bad + checked.good} lines "
            "hold no number; mend them, or leave them out with --skip-bad"
        )
    return checked


@contextlib.contextmanager
def _report_to(path: str | None) -> Iterator[Callable[[list_file.BadLine], object]]:
    if not path:
        yield lambda line: None
        return
    try:
        with Path(path).open("w", encoding="utf-8") as file:
            yield lambda line: file.write(one_line(f"{line.number}: {line.reason}") + "\n")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
