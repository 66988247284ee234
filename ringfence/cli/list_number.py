"""`ringfence list show NAME NUMBER`: is a number in a list, by which entry, and why is it there."""

from __future__ import annotations

import math
import time
from typing import Any

import click

from ringfence.cli.caught_by import SLACK, Filler, Searched, fillers, who_caught
from ringfence.cli.invocation import Invocation, print_json
from ringfence.cli.list_sources import source_document, source_line
from ringfence.cli.membership import Found, find_in_list, who_brought
from ringfence.cli.output import moment, print_details
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store, open_store
from ringfence.durations import duration_text
from ringfence.lists import parse_entry
from ringfence.numbers import normalise


async def show_number(invocation: Invocation, name: str, text: str) -> int:
    """Exit code 1: it is not."""
    number = normalise(text)
    if not number.e164:
        try:
            parse_entry(number.text)  # a short code, or an entry as `list show` writes it
        except ValueError:
            raise Refused(f"{text[:80]!r} is no number: write +12025550123") from None
    now = time.time()
    async with open_store(invocation.settings) as store:
        found = await find_in_list(store, name, number, now)
        if not found and not await store.reader.list_size(name):
            raise Refused(f"no list {name}: `ringfence list names` shows them")
        brought = await who_brought(store, name, found.entry.text) if found else {}
        by = await fillers(store, name)
        searched = None
        # rules put whole numbers on lists: a prefix or a range is somebody's
        if by and found and found.entry.text == number.e164:
            searched = await _search(store, invocation, name, number.e164, by, now)
    if invocation.json:
        print_json({
            "list": name, "number": number.text, "found": bool(found),
            "entry": found.entry.text if found else None,
            "expires": found.expires if found and found.expires < math.inf else None,
            "sources": [source_document(each, of) for each, of in brought.items()],
            "filled_by": sorted({filler.rule for filler in by}),
            "caught": _document(searched),
        })  # fmt: skip
    elif found:
        print_details([
            ("number", number.text),
            ("in list", name),
            ("by entry", found.entry.text),
            ("until", until_text(found.expires, now)),
            *(("source", source_line(each, of)) for each, of in brought.items()),
            *_why(found, searched, by),
            ("undo", f"ringfence list remove {name} '{found.entry.text}'"),
        ])  # fmt: skip
    else:
        click.echo(f"{number.text} is not in list {name}")
    return 0 if found else 1


def until_text(expires: float, now: float) -> str:
    """Until when an entry holds."""
    if expires == math.inf:
        return "for good"
    return moment(expires) if expires > now else f"ran out {moment(expires)}"


async def _search(
    store: Store, invocation: Invocation, name: str, number: str, by: list[Filler], now: float
) -> Searched:
    # imported here: a list that no rule fills need not wait for it
    from ringfence.archive import CallSearch, archive_of
    from ringfence.cli.calls_export import tell_left_out

    search = CallSearch(store.redis, store.keys, archive_of(invocation.settings))
    searched = await who_caught(search, name, number, by, now)
    tell_left_out(search)
    return searched


def _why(found: Found, searched: Searched | None, by: list[Filler]) -> list[tuple[str, str]]:
    if searched is None:
        return []
    caught = searched.caught
    if caught is None:
        rules = ", ".join(sorted({filler.rule for filler in by}))
        looked = "has no such call" if searched.whole else "was not searched to its end"
        return [("caught by", f"not known: the call log {looked}; rules that fill it: {rules}")]
    told = [
        ("caught by", f"rule {caught.rule}, for {duration_text(round(caught.until - caught.at))}"),
        ("at", _second(caught.at)),
        ("by call", f"{caught.call}: ringfence calls --id {caught.call}"),
    ]
    if caught.since < caught.at or caught.further:
        told.append(("on it since", _second(caught.since) + (" or before" * caught.further)))
    if found.expires > caught.until + SLACK:
        told.append(("besides", "somebody put it there for longer: ringfence list history"))
    return [*told, ("the rule", f"ringfence rule show {caught.rule}")]


def _document(searched: Searched | None) -> dict[str, Any] | None:
    return searched.caught._asdict() if searched and searched.caught else None


def _second(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at))
