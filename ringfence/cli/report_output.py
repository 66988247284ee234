"""What all reports share: the span that is asked for, reading through it, files that are written.

Knows no report's contents.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from ringfence.archive import archive_of
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.record import CallRecord
from ringfence.cli.output import moment
from ringfence.cli.progress import progress
from ringfence.cli.refusals import Refused
from ringfence.cli.replacing import replacing
from ringfence.cli.session import open_store
from ringfence.config import Settings
from ringfence.reports.plot import Bar, NoMatplotlib, draw
from ringfence.reports.source import CallRecords
from ringfence.reports.table import Table, csv_text, page

F = TypeVar("F", bound=Callable[..., Any])
STEP = 1_000


class Report(NamedTuple):
    """A report, ready to be shown: the first table is what it is about. `nothing` is said where
    that is empty; `plain` is the same without shares, for spreadsheets."""

    title: str
    facts: list[tuple[str, str]]
    tables: list[Table]
    nothing: str
    notes: tuple[str, ...] = ()
    bars: Sequence[Bar] = ()
    plain: Table | None = None


class Whole(NamedTuple):
    """What was read: the span that was asked for, and what there is to say of its completeness."""

    since: datetime
    until: datetime
    read: int
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The span for people."""
        return f"{moment(self.since)} to {moment(self.until)}"


class Output(NamedTuple):
    """The files that were asked for."""

    csv: Path | None
    html: Path | None
    plot: Path | None

    def check(self) -> None:
        """Refuse what could not be written, before millions of records are read."""
        for path in self:
            if path and not path.absolute().parent.is_dir():
                raise Refused(f"{path}: there is no folder {path.absolute().parent}")

    def write(self, report: Report) -> None:
        """Write them all."""
        try:
            if self.csv:
                text = csv_text(report.plain or report.tables[0])
                _put(self.csv, text)
            if self.html:
                text = page(report.title, report.facts, report.tables, report.notes)
                _put(self.html, text)
            if self.plot:
                draw(report.bars, report.title, self.plot)
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror}") from None
        except (NoMatplotlib, ValueError) as error:
            raise Refused(str(error)) from None


def _put(path: Path, text: str) -> None:
    with replacing(path) as out:
        out.write(text.encode())


def outputs(*, plot: bool) -> Callable[[F], F]:
    """Adds `--csv`, `--html` and perhaps `--plot`; the command takes an `output`."""

    def collect(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
        name = parameter.name or ""
        found = ctx.params.get("output", Output(None, None, None))
        ctx.params["output"] = found._replace(**{name: path})
        return path

    def add(function: F) -> F:
        names = [("csv", "The table for spreadsheets."), ("html", "A page to print.")]
        if plot:
            names.append(("plot", "A picture (.png, .svg, .pdf); needs matplotlib."))
        for name, text in reversed(names):
            function = click.option(
                f"--{name}", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                help=text, expose_value=False, callback=collect,
            )(function)  # fmt: skip
        return function

    return add


def span_options(default: str) -> Callable[[F], F]:
    """Adds `--since` and `--until`."""

    def add(function: F) -> F:
        until = click.option("--until", metavar="WHEN", help="Likewise; now where not given.")
        since = click.option(
            "--since", metavar="WHEN", default=default, show_default=True,
            help="A span ago (90m, 28d), a date, or a time.",
        )  # fmt: skip
        return since(until(function))

    return add


async def read_through(
    settings: Settings, wanted: CallFilter, add: Callable[[CallRecord], None], output: Output
) -> Whole:
    """Hand every matching record to `add`."""
    output.check()
    since = datetime.fromtimestamp(wanted.since, UTC)
    until = datetime.fromtimestamp(wanted.until, UTC)
    read = 0
    async with open_store(settings) as store:
        records = CallRecords(store.redis, store.keys, archive_of(settings))
        oldest = await records.oldest()
        with progress("reading calls", None) as tell:
            async with contextlib.aclosing(records.of(wanted)) as found:
                async for record in found:
                    add(record)
                    read += 1
                    if read % STEP == 0:
                        tell(read)
    notes = list(records.notes())
    if oldest is not None and oldest > since:
        notes.insert(0, f"the call log begins at {moment(oldest)}: of before there is nothing")
    return Whole(since, until, read, tuple(notes))
