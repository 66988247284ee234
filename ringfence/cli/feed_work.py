"""What the commands of `ringfence feed` share: options, how an import looks, a store with feeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ringfence import __version__
from ringfence.cli.output import one_line
from ringfence.cli.progress import progress
from ringfence.cli.session import Store
from ringfence.cli.signature import Signature
from ringfence.feeds.download import Downloader
from ringfence.feeds.importing import Importer
from ringfence.feeds.model import Options
from ringfence.feeds.outcome import Brought
from ringfence.feeds.refreshing import Refresher

F = TypeVar("F", bound=Callable[..., Any])


def feed_options(function: F) -> F:
    """Adds what may be said of a feed to a command."""
    options = [
        click.option("--name", metavar="NAME", default="",
                     help="What the feed is called; its kind, where none is given."),
        click.option("--list", "list_", metavar="LIST", default="",
                     help="The list that a feed of kind dno or list fills."),
        click.option("--column", metavar="NAME|N", default="",
                     help="Where the numbers are in a CSV file, for kinds dno and list."),
        click.option("--min-votes", type=click.IntRange(1, 1_000_000), default=None, metavar="N",
                     help="From so many votes on, for phoneblock; 4 where none is given."),
        click.option("--token-file", metavar="FILE", default="",
                     help="Has the bearer token that the server asks for."),
        click.option("--block-missing", is_flag=True,
                     help="For rmd: rules of basis rmd block direct peers that are missing there "
                     "or were removed."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def options_of(flags: dict[str, Any]) -> Options:
    """The options that were given."""
    return Options(
        list=flags["list_"],
        column=flags["column"],
        min_votes=flags["min_votes"] or 0,
        token_file=flags["token_file"],
        block_missing=flags["block_missing"],
    )


def importer_of(store: Store, signature: Signature) -> Importer:
    """Imports in the name of who runs the command, with a bar on a terminal."""
    return Importer(store.redis, store.keys, signature.who, why=signature.why, bar=progress)


def refresher_of(importer: Importer) -> Refresher:
    """Refreshes feeds from their addresses."""
    return Refresher(importer, Downloader(agent=f"ringfence/{__version__}", bar=progress))


def document(brought: Brought) -> dict[str, Any]:
    """What an import did, for scripts."""
    return {
        "feed": brought.name,
        "kind": brought.kind,
        "from": brought.place,
        "dated": brought.dated or None,
        "rows": brought.rows,
        "left_out": brought.left_out,
        "lists": {
            name: {"entries": entries, "changed": changed}
            for name, (entries, changed) in brought.lists.items()
        },
        "notes": brought.notes,
        "alarms": brought.alarms,
        "written": brought.written,
    }


def show(brought: Brought) -> None:
    """The same for people."""
    parts = [f"feed {brought.name}: {brought.rows} rows"]
    parts += [f"dated {brought.dated}"] if brought.dated else []
    parts += [f"{brought.left_out} without a usable number"] if brought.left_out else []
    for name, (entries, changed) in brought.lists.items():
        more = f" ({changed} changed)" if changed is not None else ""
        parts.append(f"{entries} in list {name}{more}")
    click.echo(one_line(", ".join([*parts, *brought.notes])))
    if not brought.written:
        click.echo("a dry run: nothing was written", err=True)
    for alarm in brought.alarms:
        click.echo(one_line(f"WARNING: {alarm}"), err=True)
