"""`ringfence archive`: what is archived of the call log, who does it, and whether it keeps up."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime
from typing import NamedTuple

import click

from ringfence.archive import archive_of
from ringfence.archive.lease import ArchiveStatus, read_status
from ringfence.archive.place import Holding, Place
from ringfence.calllog.query import CallQuery, StreamId
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import print_details
from ringfence.cli.session import open_store, run


class _Found(NamedTuple):
    status: ArchiveStatus
    here: Holding
    behind: float


@click.command("archive", cls=Command)
@click.pass_obj
def command(invocation: Invocation) -> int:
    """The archive of call records: its days, how far it is, and what is wrong with it.

    `ringfence serve` keeps it; `ringfence calls` and `traceback` look into it. Exit code 1 where
    nothing is archived, or something is wrong.

    \b
    Example:
      ringfence archive
    """
    place = archive_of(invocation.settings)
    found = run(_look(invocation, place))
    status, here = found.status, found.here
    in_files = not invocation.settings.calllog.archive
    problem = here.problem or status.problem
    running = status.until > time.time()
    archived = _utc(status.position.ms / 1000) if status.position else ""
    if invocation.json:
        print_json({
            "folder" if in_files else "server": place.shown,
            "days": len(here.days), "bytes": here.size, "calls": here.calls,
            "first": here.days[-1] if here.days else None,
            "last": here.days[0] if here.days else None,
            "keep": invocation.settings.calllog.keep, "records": status.records,
            "archived": archived or None, "behind": round(found.behind, 3),
            "holder": status.holder if running else "", "problem": problem,
            "damaged": list(here.damaged),
        })  # fmt: skip
    else:
        print_details([
            ("folder" if in_files else "server", place.shown),
            ("days", _days(here.days)),
            ("calls", f"{here.calls:,}" if here.calls is not None else ""),
            ("size", f"{here.size / 1e6:,.1f} MB"),
            ("kept", f"{invocation.settings.calllog.keep} days (calllog.keep)"),
            ("archived", f"{status.records} records, up to {archived}" if archived else "nothing"),
            ("behind", f"{found.behind:,.1f} s of the stream" if found.behind else ""),
            ("by", status.holder if running else "nobody now: is `ringfence serve` running?"),
            ("problem", problem),
            *(("damaged", name) for name in here.damaged),
        ])  # fmt: skip
    return 0 if archived and not problem and not here.damaged else 1


async def _look(invocation: Invocation, place: Place) -> _Found:
    async with open_store(invocation.settings) as store:
        status = await read_status(store.redis, store.keys)
        end = StreamId.parse(await CallQuery(store.redis, store.keys).position())
    behind = max(end.ms - status.position.ms, 0) / 1000 if status.position else 0.0
    return _Found(status, await asyncio.to_thread(place.holding), behind)


def _days(days: list[date]) -> str:
    return f"{len(days)}, {days[-1]} to {days[0]}" if days else ""


def _utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}Z"
