"""`ringfence archive`: what is archived of the call log, who does it, and whether it keeps up."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import click

from ringfence.archive.day import beside, day_path, days_in
from ringfence.archive.lease import ArchiveStatus, read_status
from ringfence.calllog.query import CallQuery, StreamId
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import print_details
from ringfence.cli.session import open_store, run


class _Files(NamedTuple):
    days: list[date]
    size: int
    damaged: list[str]


class _Found(NamedTuple):
    status: ArchiveStatus
    files: _Files
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
    folder = invocation.settings.state.path / "archive"
    found = run(_look(invocation, folder))
    status, files = found.status, found.files
    running = status.until > time.time()
    archived = _utc(status.position.ms / 1000) if status.position else ""
    if invocation.json:
        print_json({
            "folder": str(folder), "days": len(files.days), "bytes": files.size,
            "first": files.days[-1] if files.days else None,
            "last": files.days[0] if files.days else None,
            "keep": invocation.settings.calllog.keep, "records": status.records,
            "archived": archived or None, "behind": round(found.behind, 3),
            "holder": status.holder if running else "", "problem": status.problem,
            "damaged": files.damaged,
        })  # fmt: skip
    else:
        print_details([
            ("folder", str(folder)),
            ("days", _days(files.days)),
            ("size", f"{files.size / 1e6:,.1f} MB"),
            ("kept", f"{invocation.settings.calllog.keep} days (calllog.keep)"),
            ("archived", f"{status.records} records, up to {archived}" if archived else "nothing"),
            ("behind", f"{found.behind:,.1f} s of the stream" if found.behind else ""),
            ("by", status.holder if running else "nobody now: is `ringfence serve` running?"),
            ("problem", status.problem),
            *(("damaged", name) for name in files.damaged),
        ])  # fmt: skip
    return 0 if archived and not status.problem and not files.damaged else 1


async def _look(invocation: Invocation, folder: Path) -> _Found:
    async with open_store(invocation.settings) as store:
        status = await read_status(store.redis, store.keys)
        end = StreamId.parse(await CallQuery(store.redis, store.keys).position())
    behind = max(end.ms - status.position.ms, 0) / 1000 if status.position else 0.0
    return _Found(status, await asyncio.to_thread(_files, folder), behind)


def _files(folder: Path) -> _Files:
    days = days_in(folder)
    size = sum(
        path.stat().st_size for day in days for path in beside(day_path(folder, day))
        if path.exists()
    )  # fmt: skip
    damaged = sorted(path.name for path in folder.glob("*.damaged-*"))
    # beside them may lie what SQLite had put beside the file
    return _Files(days, size, [name for name in damaged if name[-1].isdigit()])


def _days(days: list[date]) -> str:
    return f"{len(days)}, {days[-1]} to {days[0]}" if days else ""


def _utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}Z"
