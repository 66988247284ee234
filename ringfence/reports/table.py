"""A table as CSV, and as a page that can be printed; knows nothing of what is in it.

What strangers wrote (a caller's number may be any text) can do nothing in a spreadsheet or a
browser: it is escaped in the one, and quoted in the other.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from html import escape

import msgspec

_HARMLESS = re.compile(r"[+-]?[\d.,:%~ -]*", re.ASCII)
_STYLE = """
body { font: 11pt/1.4 sans-serif; margin: 2em auto; max-width: 60em; color: #111; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 1.6em; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; }
th, td { border-bottom: 1px solid #999; padding: .25em .6em; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
thead { display: table-header-group; } tr { break-inside: avoid; }
dl { display: grid; grid-template-columns: max-content auto; gap: .2em 1em; } dd { margin: 0; }
@media print { body { margin: 0; max-width: none; } }
"""


class Table(msgspec.Struct, frozen=True):
    """Rows under a heading; `title` may be empty."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def csv_text(table: Table) -> str:
    """The table for spreadsheets and scripts (RFC 4180)."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(table.columns)
    writer.writerows([_cell(cell) for cell in row] for row in table.rows)
    return file.getvalue()


def page(
    title: str, facts: Iterable[tuple[str, str]], tables: Iterable[Table], notes: Iterable[str] = ()
) -> str:
    """A whole page of HTML that needs nothing from elsewhere."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n",
        f"<h1>{escape(title)}</h1>\n<dl>\n",
        *(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>\n" for name, text in facts if text),
        "</dl>\n",
        *(_html(table) for table in tables),
        *(f"<p>{escape(note)}</p>\n" for note in notes),
        "</body>\n</html>\n",
    ]
    return "".join(parts)


def _html(table: Table) -> str:
    heading = f"<h2>{escape(table.title)}</h2>\n" if table.title else ""
    columns = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in table.rows
    )
    return f"{heading}<table>\n<thead><tr>{columns}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n"


def _cell(text: str) -> str:
    # a spreadsheet takes what begins so for a formula, unless it is a number
    if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _HARMLESS.fullmatch(text):
        return f"'{text}"
    return text
