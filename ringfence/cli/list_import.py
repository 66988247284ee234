"""`ringfence list import`: a file of numbers into a list, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import click

from ringfence.cli import list_file
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.progress import progress
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store, open_store, run
from ringfence.store.writer import BATCH, Counted


@click.command("import", cls=Command)
@click.argument("name", metavar="NAME")
@click.argument("source", metavar="FILE|-")
@click.option("--replace", is_flag=True, help="In the place of what is in the list, in one step.")
@click.option("--skip-bad", is_flag=True, help="Leave out lines that hold no number.")
@click.pass_obj
def import_(invocation: Invocation, name: str, source: str, replace: bool, skip_bad: bool) -> None:
    """Add a file of numbers, one a line; # begins a comment, of a CSV file the first column counts.

    A line that holds no number is named, and then nothing at all is imported.

    \b
    Example:
      ringfence list import scammers numbers.txt --replace
    """

    async def work() -> tuple[list_file.Checked, Counted]:
        with list_file.opened(source) as file:
            checked = list_file.check(file)
            _report(checked, source)
            if checked.bad and not skip_bad:
                raise Refused(
                    f"nothing is imported: {checked.bad} of {checked.bad + checked.good} lines "
                    "hold no number; mend them, or leave them out with --skip-bad"
                )
            if not checked.good:
                raise Refused(f"{source} holds no numbers: list {name} is as it was")
            async with open_store(invocation.settings) as store:
                with progress("importing", checked.good) as tell:
                    found = list_file.entries(file)
                    if replace:
                        return checked, await store.writer.replace_list(name, found, tell)
                    return checked, await _add(store, name, found, tell)

    checked, done = run(work())
    if invocation.json:
        print_json({
            "list": name, "read": checked.good, "refused": checked.bad,
            "changed": done.changed, "size": done.size,
        })  # fmt: skip
    else:
        left_out = f", {checked.bad} lines left out" if checked.bad else ""
        click.echo(f"list {name}: {checked.good} read{left_out}, {done.size} in all")


def _report(checked: list_file.Checked, source: str) -> None:
    for line in checked.shown:
        click.echo(f"{source}:{line.number}: {line.reason}", err=True)
    if checked.bad > len(checked.shown):
        click.echo(f"… and {checked.bad - len(checked.shown)} lines more", err=True)


async def _add(
    store: Store, name: str, entries: Iterator[str], tell: Callable[[int], None]
) -> Counted:
    # Adding twice does no harm: an import that was cut off is simply run again.
    changed = size = done = 0
    while batch := list(islice(entries, BATCH)):
        counted = await store.writer.add_to_list(name, batch)
        changed, size, done = changed + counted.changed, counted.size, done + len(batch)
        tell(done)
    return Counted(changed, size)
