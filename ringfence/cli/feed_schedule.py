"""`ringfence feed schedule|unschedule`: which feeds `serve` refreshes by itself, and how often."""

from __future__ import annotations

import time
from typing import Any

import click
import msgspec

from ringfence.cli.feed_work import feed_options, options_of
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.cli.signature import signed
from ringfence.durations import duration_text, parse_duration
from ringfence.feeds.address import DATE, checked_url, shown
from ringfence.feeds.importing import Importer
from ringfence.feeds.kinds import KINDS, checked_options, kind_of
from ringfence.feeds.model import Feed
from ringfence.feeds.refused import FeedRefused
from ringfence.store.feeds import FeedWriter


@click.command("schedule", cls=Command)
@click.argument("kind", metavar="KIND", type=click.Choice(list(KINDS)))
@click.argument("url", metavar="URL")
@click.option("--every", metavar="SPAN", default="24h", show_default=True, help="12h, 24h, 7d.")
@feed_options
@signed
@click.pass_obj
def schedule(
    invocation: Invocation, /, kind: str, url: str, every: str, name: str, **flags: Any
) -> None:
    """Have `ringfence serve` refresh a feed by itself, in one worker at a time.

    {date} in the address stands for a day, as 2026-03-05: then there is a file for each weekday,
    and those of the last ten days are asked for. A feed that fails is tried again after 5 minutes,
    then 10, and so on; what it brought before stays meanwhile.

    \b
    Examples:
      ringfence feed schedule npa https://files.example.net/npa_report.csv --every 7d
      ringfence feed schedule ftc 'https://files.example.net/DNC_Complaint_Numbers_{date}.csv'
      ringfence feed schedule rmd https://files.example.net/rmd.csv --every 12h --block-missing
    """
    of = kind_of(kind)
    name = name or of.name
    try:
        seconds = parse_duration(every)
        checked_url(url)
        options = checked_options(of, options_of(flags))
        if DATE in url and of.name != "ftc":
            raise FeedRefused(f"{DATE} is for a feed of a file a day: ftc")
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if seconds < of.least_every:
        raise click.UsageError(
            f"--every {every}: a feed of kind {kind} is asked for at most every "
            f"{duration_text(of.least_every)}"
        )
    who = invocation.signature.who
    feed = Feed(kind, url, seconds, options, added_by=who[:200], added_at=float(int(time.time())))

    async def work() -> str:
        async with open_store(invocation.settings, invocation.signature) as store:
            await Importer(store.redis, store.keys, who).state_of(name, of)
            writer = FeedWriter(store.redis, store.keys, who, why=invocation.signature.why)
            return await writer.set_feed(name, msgspec.json.encode(feed))

    done = run(work())
    if invocation.json:
        print_json({"feed": name, "result": done, "every": seconds})
    else:
        click.echo(f"feed {name} {done}: {shown(url)} every {duration_text(seconds)}")


@click.command("unschedule", cls=Command)
@click.argument("name", metavar="NAME")
@signed
@click.pass_obj
def unschedule(invocation: Invocation, name: str) -> None:
    """Refresh a feed no more; what it brought stays.

    \b
    Example:
      ringfence feed unschedule ftc
    """

    async def work() -> str:
        async with open_store(invocation.settings, invocation.signature) as store:
            signature = invocation.signature
            writer = FeedWriter(store.redis, store.keys, signature.who, why=signature.why)
            return await writer.remove_feed(name)

    if run(work()) == "none":
        raise Refused(f"no schedule for a feed {name[:40]}: `ringfence feed status` shows them")
    if invocation.json:
        print_json({"feed": name, "removed": True})
    else:
        click.echo(f"feed {name} is refreshed no more; `ringfence feed remove {name}` takes out "
                   "what it brought")  # fmt: skip
