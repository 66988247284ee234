"""`ringfence calls --export`: calls into a file, as CSV, JSON lines or Parquet; owns the columns.

Written beside the file and put in its place when it is whole. Millions of calls go through a few
thousand at a time.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from ringfence.archive import CallSearch, archive_of
from ringfence.calllog.filter import CallFilter
from ringfence.calllog.record import CallRecord, encode_record
from ringfence.cli.invocation import Invocation, print_json
from ringfence.cli.refusals import Refused
from ringfence.cli.replacing import replacing
from ringfence.cli.session import open_store

CHUNK = 5_000
COLUMNS = {field.encode_name: field for field in msgspec.structs.fields(CallRecord)}
_KINDS: dict[Any, str] = {int: "int64", float: "float64", bool: "bool_"}
_FORMULA = ("=", "@", "\t", "\r")

Put = Callable[[Sequence[CallRecord]], None]


def export_format(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The file, whose name says what it is to be."""
    if value is not None and Path(value).suffix.lower() not in _WRITERS:
        raise click.BadParameter(
            f"{value!r}: end the file's name with {', '.join(_WRITERS)}", ctx, parameter
        )
    return value


async def export_calls(
    invocation: Invocation, wanted: CallFilter, limit: int | None, target: str
) -> int:
    """Write all calls that are wanted, the newest first."""
    writer = _WRITERS[Path(target).suffix.lower()]
    count = 0
    async with open_store(invocation.settings) as store:
        search = CallSearch(store.redis, store.keys, archive_of(invocation.settings))
        with replacing(target) as out, writer(out) as put:
            some: list[CallRecord] = []
            async for record in search.newest(wanted, limit=limit):
                some.append(record)
                count += 1
                if len(some) == CHUNK:
                    put(some)
                    some = []
            put(some)
    tell_left_out(search)
    if invocation.json:
        print_json({"file": target, "calls": count})
    else:
        click.echo(f"{target}: {count} {'call' if count == 1 else 'calls'}")
    return 0 if count else 1


def tell_left_out(search: CallSearch) -> None:
    """What a search could not read, on stderr."""
    if search.stream.skipped:
        click.echo(f"note: {search.stream.skipped} entries of the stream are no call records",
                   err=True)  # fmt: skip
    if search.archive.damaged:
        click.echo(f"note: {search.archive.damaged} records of the archive are damaged", err=True)
    if search.archive.away:
        click.echo(f"note: the archive cannot be read: {search.archive.away}", err=True)
    for day, why in search.archive.unread.items():
        click.echo(f"note: the archive of {day} cannot be read: {why}", err=True)


@contextlib.contextmanager
def _csv(out: IO[bytes]) -> Iterator[Put]:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)

    def put(records: Sequence[CallRecord]) -> None:
        for record in records:
            writer.writerow([cell(getattr(record, each.name)) for each in COLUMNS.values()])

    yield put
    text.detach()


@contextlib.contextmanager
def _json_lines(out: IO[bytes]) -> Iterator[Put]:
    def put(records: Sequence[CallRecord]) -> None:
        for record in records:
            out.write(encode_record(record) + b"\n")

    yield put


@contextlib.contextmanager
def _parquet(out: IO[bytes]) -> Iterator[Put]:
    try:
        # an extra, and slow to import
        pyarrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise Refused(
            "Parquet needs pyarrow: pip install 'ringfence[parquet]', or export to .csv or .jsonl"
        ) from None
    schema = pyarrow.schema([
        (name, getattr(pyarrow, _KINDS.get(each.type, "string"))())
        for name, each in COLUMNS.items()
    ])  # fmt: skip
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:

        def put(records: Sequence[CallRecord]) -> None:
            if records:
                columns = {
                    name: [_plain(getattr(record, each.name)) for record in records]
                    for name, each in COLUMNS.items()
                }
                writer.write_table(pyarrow.table(columns, schema=schema))

        yield put


_WRITERS = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_lines,
    ".parquet": _parquet,
}


def _plain(value: Any) -> Any:
    """Text, numbers and truth as they are; what is several of these as JSON, or as nothing."""
    if isinstance(value, str | int | float):
        return value
    built = msgspec.to_builtins(value)
    return json.dumps(built, ensure_ascii=False) if built else ""


def cell(value: Any) -> str:
    """A value in a table that people may open in a spreadsheet."""
    text = str(_plain(value)) if not isinstance(value, bool) else "yes" if value else ""
    # what strangers chose as their name must be no formula there
    signed = text[:1] in ("+", "-") and not text[1:].replace(".", "").isdigit()
    return "'" + text if text.startswith(_FORMULA) or signed else text
