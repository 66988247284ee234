"""Rows of named values from a CSV or JSON text, with their lines; knows nothing of calls."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ringfence.cli.json_stream import JsonRefused, JsonStream

MAX_BYTES = 32_000_000

Column = Callable[[str], str]
"""The column that a name means; ValueError where there is none."""


class Row(NamedTuple):
    """One row; `line` is where it begins."""

    line: int
    values: dict[str, str]


def read_rows(data: bytes, column: Column) -> list[Row]:
    """All rows of a table. JsonRefused names the line where it is none."""
    if len(data) > MAX_BYTES:
        raise JsonRefused(1, f"larger than {MAX_BYTES // 1_000_000} MB: split it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise JsonRefused(line, "not UTF-8: save it as UTF-8") from None
    rows = list(_json(data, column) if text.lstrip()[:1] in ("[", "{") else _csv(text, column))
    if not rows:
        raise JsonRefused(1, "no calls in it: a heading with the columns' names, then a line each")
    return rows


def _json(data: bytes, column: Column) -> Iterator[Row]:
    stream = JsonStream(io.BytesIO(data))
    for item in stream.items():
        line = stream.line
        if not isinstance(item, dict):
            raise JsonRefused(line, 'each call is an object, such as {"caller": …, "action": …}')
        given = dict(item)
        headers = given.pop("headers", {})
        if not isinstance(headers, dict):
            raise JsonRefused(line, 'headers is an object, such as {"User-Agent": "friendly"}')
        given |= {f"header:{name}": value for name, value in headers.items()}
        texts = [_text(name, value, line) for name, value in given.items()]
        yield Row(line, dict(zip(_columns(given, column, line), texts, strict=True)))
    stream.end()


def _text(name: str, value: Any, line: int) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    raise JsonRefused(line, f"{name} is {json.dumps(value)[:80]}: write it in quotes")


def _csv(text: str, column: Column) -> Iterator[Row]:
    # spreadsheets of half of Europe write semicolons
    head = next((line for line in text.splitlines() if line.strip() and line[0] != "#"), "")
    delimiter = ";" if ";" in head and "," not in head else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise JsonRefused(line, f"no CSV: {error}") from None
        if cells is None:
            return
        began, line = line, reader.line_num + 1
        cells = [cell.strip() for cell in cells]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if not names:
            names = _columns(cells, column, began)
        elif len(cells) != len(names):
            raise JsonRefused(
                began,
                f"{len(cells)} values where the heading has {len(names)}: "
                'a value with a comma in it is written in "quotes"',
            )
        else:
            yield Row(began, dict(zip(names, cells, strict=True)))


def _columns(names: Iterable[str], column: Column, line: int) -> list[str]:
    found: list[str] = []
    for name in names:
        try:
            found.append(column(name))
        except ValueError as error:
            raise JsonRefused(line, str(error)) from None
        if found.count(found[-1]) > 1:
            raise JsonRefused(line, f"the column {name[:80]!r} is there twice: keep one")
    return found
