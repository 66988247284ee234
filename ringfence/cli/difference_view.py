"""How a difference looks to an admin: + is new, ~ changes, - goes; knows no store."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import click

from ringfence.cli.difference import Changed, Difference, FieldsDifference, ListDifference
from ringfence.cli.export_file import moment_text
from ringfence.cli.foreseen import Foreseen
from ringfence.cli.output import one_line
from ringfence.cli.rule_views import conditions, deed
from ringfence.feeds.address import shown
from ringfence.rules import Rule, decode_rule

MOST_ENTRIES = 20
"""Of a list so many entries are shown, and the others counted."""
MOST_TEXT = 160
_COLOURS = {"+": "green", "~": "yellow", "-": "red"}


def print_difference(difference: Difference) -> None:
    """The difference as lines on stdout."""
    for noun, part in difference.hashes.items():
        _print_fields(noun, part)
    if difference.lists is None:
        return
    for each in difference.lists:
        _print_list(each)
    for name, size in difference.gone.items():
        click.echo(click.style(f"list {name}: removed, with {counted(size, 'entry')}", fg="red"))
    if difference.lists_kept:
        click.echo(f"lists{_kept(difference.lists_kept)}")


def print_foreseen(ahead: Foreseen) -> None:
    """What follows by itself, as lines on stdout; notes on stderr."""
    for text in ahead.blocks:
        click.echo(click.style(f"! {one_line(text)}", fg="red", bold=True))
    for text in ahead.notes:
        click.echo(f"note: {one_line(text)}", err=True)


def document_of(difference: Difference) -> dict[str, Any]:
    """The difference for `--json`: all but the lists in full, of those the first entries."""
    found: dict[str, Any] = {}
    for noun, part in difference.hashes.items():
        found[noun] = {
            "added": {c.name: c.after for c in part.changes if _mark(c) == "+"},
            "changed": {c.name: c.fields for c in part.changes if _mark(c) == "~"},
            "removed": {c.name: c.before for c in part.changes if _mark(c) == "-"},
            "same": part.same,
            "kept": part.kept,
        }
    if difference.lists is not None:
        found["lists"] = {each.name: _list_document(each) for each in difference.lists}
        found["lists_removed"] = difference.gone
        found["lists_kept"] = difference.lists_kept
    return found


def _print_fields(noun: str, part: FieldsDifference) -> None:
    marks = [_mark(changed) for changed in part.changes]
    click.echo(f"{noun}: {_counts(marks.count('+'), marks.count('~'), marks.count('-'))}, "
               f"{part.same} as they are")  # fmt: skip
    for changed in part.changes:
        _line(_mark(changed), f"{changed.name}: {difference_text(changed)}")
    if part.kept:
        click.echo(f" {_kept(part.kept)}")


def _mark(changed: Changed) -> str:
    if changed.after is None:
        return "-"
    return "~" if changed.before is not None or changed.refused else "+"


def difference_text(changed: Changed) -> str:
    """What is different in one rule, notice or the like, in one line."""
    if changed.refused and changed.after is not None:
        return f"was refused ({changed.refused}) → {_summary(changed, changed.after)}"
    if changed.before is None or changed.after is None:
        return _summary(changed, changed.after or changed.before or {})
    return ", ".join(
        f"{name} {_change(before, after)}" for name, (before, after) in changed.fields.items()
    )


def _change(before: Any, after: Any) -> str:
    if _is_record(before) or _is_record(after):
        # steps of a notice, contacts of a provider: as text they would fill the screen
        return f"{len(before or ())} → {len(after or ())} entries"
    return f"{_brief(before)} → {_brief(after)}"


def _is_record(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _summary(changed: Changed, document: dict[str, Any]) -> str:
    if changed.write.kind == "rule" and document:
        rule: Rule = decode_rule(changed.name, json.dumps(document))
        return f"{deed(rule)} {conditions(rule)}" + (f" ({rule.note})" if rule.note else "")
    said = ", ".join(f"{name} {_brief(value)}" for name, value in document.items())
    return said or changed.refused or "the defaults"


def _brief(value: Any) -> str:
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return _value(shown(value))  # behind a ? there may be a key
    return f"({counted(len(value), 'entry')})" if _is_record(value) else _value(value)


def _value(value: Any) -> str:
    return "(default)" if value is None else json.dumps(value, ensure_ascii=False)[:MOST_TEXT]


def _print_list(each: ListDifference) -> None:
    counts = _counts(len(each.new), len(each.other), len(each.gone))
    click.echo(f"list {each.name}: {counts}, {each.same} as they are")
    for mark, text in islice(_entry_lines(each), MOST_ENTRIES):
        _line(mark, text)
    if each.size > MOST_ENTRIES:
        click.echo(f"  … and {each.size - MOST_ENTRIES} more")
    if each.kept:
        click.echo(f" {_kept(each.kept)}")


def _entry_lines(each: ListDifference) -> Iterator[tuple[str, str]]:
    changed = ((e, f"{_until(a)} → {_until(b)}") for e, (a, b) in each.other.items())
    return chain(
        (("+", _entry(*item)) for item in each.new),
        (("~", f"{entry} {text}") for entry, text in changed),
        (("-", _entry(*item)) for item in each.gone),
    )


def _list_document(each: ListDifference) -> dict[str, Any]:
    return {
        "added": len(each.new),
        "changed": len(each.other),
        "removed": len(each.gone),
        "same": each.same,
        "kept": each.kept,
        "examples": _examples(_entry_lines(each)),
    }


def _examples(lines: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{mark} {text}" for mark, text in islice(lines, MOST_ENTRIES)]


def _entry(entry: str, until: float) -> str:
    return entry if until == math.inf else f"{entry} {_until(until)}"


def _until(until: float) -> str:
    return "for good" if until == math.inf else f"until {moment_text(until)}"


def counted(count: int, noun: str) -> str:
    """``1 rule``, ``2 rules``, ``3 entries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def _counts(new: int, changed: int, gone: int) -> str:
    return f"{new} new, {changed} changed, {gone} removed"


def _kept(count: int) -> str:
    return f" not in the file, kept: {count} (--prune removes)"


def _line(mark: str, text: str) -> None:
    click.echo("  " + click.style(f"{mark} {one_line(text)}", fg=_COLOURS[mark]))
