"""`ringfence feed`: what others publish, from files and addresses, by hand and by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from ringfence.cli.feed_rules import rules
from ringfence.cli.feed_schedule import schedule, unschedule
from ringfence.cli.feed_status import status
from ringfence.cli.feed_work import (
    document,
    feed_options,
    importer_of,
    options_of,
    refresher_of,
    show,
)
from ringfence.cli.history import history_command
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.cli.signature import signed
from ringfence.feeds.importing import Importer
from ringfence.feeds.kinds import KINDS, Kind, checked_options, kind_of
from ringfence.feeds.model import Feed, Options, decode_feed
from ringfence.feeds.outcome import Brought
from ringfence.feeds.refreshing import Refreshed
from ringfence.feeds.refused import FeedRefused

NICE = 10
_KIND = click.argument("kind", metavar="KIND", type=click.Choice(list(KINDS)))


@click.group("feed", cls=Group)
def command() -> None:
    """Feeds: complaints, area codes, the Robocall Mitigation Database, do-not-originate files.

    A file that is not of the expected form is refused whole, and what was there stays. What each
    KIND is, `ringfence feed import --help` says.
    """


command.add_command(schedule)
command.add_command(unschedule)
command.add_command(status)
command.add_command(rules)
command.add_command(history_command("feed", "npa"))


@command.command("import")
@_KIND
@click.argument("source", metavar="FILE|URL")
@feed_options
@click.option("--dry-run", is_flag=True, help="Read and check it all, and write nothing.")
@click.option("--accept-fewer", is_flag=True,
              help="Also where there are far fewer rows than usual or before.")  # fmt: skip
@signed
@click.pass_obj
def import_(
    invocation: Invocation,
    /,
    kind: str,
    source: str,
    name: str,
    dry_run: bool,
    accept_fewer: bool,
    **flags: Any,
) -> None:
    """Import one file of a feed; again and again, each in the place of what it brought before.

    \b
    KIND is one of
      ftc         FTC Do Not Call complaints, a CSV file a day
      fcc         FCC unwanted-call complaints, CSV or JSON
      rmd         Robocall Mitigation Database, CSV
      npa         NANPA area codes, npa_report.csv
      nxx         NANPA central-office codes of the US, tab-separated
      dno         a do-not-originate file: one number, prefix or range a line, or CSV
      list        the same into a list of your choice
      phoneblock  PhoneBlock's list, JSON

    \b
    Examples:
      ringfence feed import npa npa_report.csv
      ringfence feed import ftc DNC_Complaint_Numbers_2026-03-05.csv --dry-run
      ringfence feed import dno registry.csv --list dno-subscriber --column TN
    """
    of = kind_of(kind)
    name, given = name or of.name, options_of(flags)
    file = None if "://" in source else _opened(source)

    async def work() -> list[Brought]:
        async with open_store(invocation.settings, invocation.signature) as store:
            importer = importer_of(store, invocation.signature)
            options = await _with_scheduled(importer, name, of, given)
            if file is None:
                done = await refresher_of(importer).refresh(
                    name, of, source, options, accept_fewer=accept_fewer, dry_run=dry_run
                )
                return done.brought
            with file:
                return [
                    await _from_file(
                        importer, name, of, file, options,
                        accept_fewer=accept_fewer, dry_run=dry_run,
                    )
                ]  # fmt: skip

    brought = run(work())
    if invocation.json:
        print_json({"files": [document(each) for each in brought]})
        return
    for each in brought:
        show(each)
    if not brought:
        click.echo(f"feed {name}: nothing new")


def _opened(path: str) -> IO[bytes]:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from None


async def _with_scheduled(importer: Importer, name: str, kind: Kind, given: Options) -> Options:
    """What is given, else as the schedule has it: or a list would change with who imports."""
    text = await importer.feeds.feed(name)
    feed = decode_feed(name, text) if text else None
    if feed is None or feed.kind != kind.name:
        return given
    chosen = {f: getattr(given, f) for f in Options.__struct_fields__ if getattr(given, f)}
    return msgspec.structs.replace(feed.options, **chosen)


async def _from_file(
    importer: Importer,
    name: str,
    kind: Kind,
    file: IO[bytes],
    options: Options,
    *,
    accept_fewer: bool,
    dry_run: bool,
) -> Brought:
    # what is wrong with the command is no failure of the feed
    await importer.state_of(name, kind)
    checked_options(kind, options)
    place = Path(file.name).name
    try:
        return await importer.bring(
            name, kind, file, place, options, accept_fewer=accept_fewer, dry_run=dry_run
        )
    except FeedRefused as error:
        if not dry_run:
            await importer.failed(name, kind, f"{place}: {error}")
        raise FeedRefused(f"{place}: {error}: nothing was imported") from None


@command.command("refresh")
@click.argument("name", metavar="NAME")
@click.option("--accept-fewer", is_flag=True,
              help="Also where there are far fewer rows than usual or before.")  # fmt: skip
@click.option("--parent", type=int, hidden=True)
@signed
@click.pass_obj
def refresh(invocation: Invocation, name: str, accept_fewer: bool, parent: int | None) -> None:
    """Refresh a feed with a schedule now, whether or not it is due.

    \b
    Example:
      ringfence feed refresh ftc
    """
    if parent is not None:
        # run by `serve`: calls come first, and it ends with who runs it
        from ringfence.supervisor import end_with_parent

        end_with_parent(parent)
        os.nice(NICE)

    async def work() -> Refreshed:
        async with open_store(invocation.settings, invocation.signature) as store:
            importer = importer_of(store, invocation.signature)
            text = await importer.feeds.feed(name)
            if text is None:
                raise Refused(
                    f"no schedule for a feed {name[:40]}: `ringfence feed schedule KIND URL` "
                    "makes one"
                )
            feed: Feed = decode_feed(name, text)
            return await refresher_of(importer).refresh(
                name, kind_of(feed.kind), feed.url, feed.options, accept_fewer=accept_fewer
            )

    done = run(work())
    if invocation.json:
        print_json({"feed": name, "files": [document(each) for each in done.brought],
                    "as_before": done.as_before, "not_there": done.not_there})  # fmt: skip
        return
    for each in done.brought:
        show(each)
    if not done.brought:
        click.echo(f"feed {name}: nothing new")


@command.command("remove")
@click.argument("name", metavar="NAME")
@signed
@click.pass_obj
def remove(invocation: Invocation, name: str) -> None:
    """Take out all that a feed brought, and its schedule; what others brought too stays.

    \b
    Example:
      ringfence feed remove phoneblock --why 'ticket 17'
    """

    async def work() -> dict[str, int]:
        async with open_store(invocation.settings, invocation.signature) as store:
            return await importer_of(store, invocation.signature).remove(name)

    gone = run(work())
    if invocation.json:
        print_json({"feed": name, "removed": gone})
        return
    told = [f"{entries} out of list {each}" for each, entries in gone.items()]
    click.echo(", ".join([f"feed {name} removed", *told]))
