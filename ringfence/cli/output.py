"""Prints tables and details: for people on a terminal, plain for pipes; knows no store."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import click


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal; tab-separated lines with a heading where the output is piped.

    Where there is not enough room all columns fold but the first, which says what a line is about.
    """
    if not sys.stdout.isatty():
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(one_line(cell) for cell in row))
        return
    # imported here: it takes a tenth of a second that a pipe need not wait for
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == columns[0])
    for row in rows:
        # Text, as what strangers wrote may look like rich's markup
        table.add_row(*(Text(one_line(cell), style=_style(cell)) for cell in row))
    Console().print(table)


def print_details(pairs: Iterable[tuple[str, str]]) -> None:
    """Named facts, one a line; those without a value are left out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        label = click.style(f"{name:<{width}}", dim=True) if sys.stdout.isatty() else name
        gap = "  " if sys.stdout.isatty() else "\t"
        click.echo(f"{label}{gap}{one_line(value)}")


def one_line(text: str) -> str:
    """`text` without what moves the cursor: callers' names are the callers' text."""
    return "".join(c if c.isprintable() else " " for c in text)


def moment(at: datetime | float | None) -> str:
    """A point in time in UTC, to the minute; "" for none."""
    if at is None:
        return ""
    try:
        value = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}Z"


_STYLES = {
    "ok": "green",
    "warn": "yellow",
    "FAIL": "bold red",
    "block": "red",
    "intercept": "magenta",
    "flag": "yellow",
    "allow": "green",
    "matched": "bold",
    "REFUSED": "bold red",
}


def _style(cell: str) -> str:
    return _STYLES.get(cell, "")


UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_span(text: str) -> timedelta:
    """``90m``, ``12h``, ``7d`` or ``2w``."""
    number, unit = text[:-1], text[-1:].lower()
    if not (number.isascii() and number.isdigit() and unit in UNITS and 0 < int(number) < 10**6):
        raise click.BadParameter(f"{text!r}: write a span such as 90m, 12h, 7d or 2w")
    return timedelta(seconds=int(number) * UNITS[unit])


def parse_moment(text: str, now: datetime) -> datetime:
    """A span from now (``7d``), a date (its first moment in UTC), or a time."""
    if text[-1:].lower() in UNITS and text[:-1].isdigit():
        try:
            return now.replace(microsecond=0) + parse_span(text)
        except OverflowError:
            raise click.BadParameter(f"{text!r} is too far away") from None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r}: write 7d, 2027-01-31 or 2027-01-31T08:00:00Z"
        ) from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def parse_past(text: str, now: datetime) -> datetime:
    """A span ago (``7d``), a date (its first moment in UTC), or a time."""
    if text[-1:].lower() in UNITS and text[:-1].isdigit():
        try:
            return now - parse_span(text)
        except OverflowError:
            raise click.BadParameter(f"{text!r} is too long ago") from None
    return parse_moment(text, now)
