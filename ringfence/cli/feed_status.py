"""`ringfence feed status`: how old each feed is, what it brought, and what went wrong last."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
import msgspec

from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import moment, one_line, print_table
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.durations import duration_text
from ringfence.feeds.model import Feed, FeedState, decode_feed, decode_state, due_at
from ringfence.feeds.peers import direct_peers
from ringfence.feeds.refused import FeedRefused
from ringfence.store.feeds import FeedReader

COLUMNS = ("feed", "kind", "state", "age", "dated", "rows", "lists", "next")
LATE = 3.0
"""Times its schedule after which a feed is called old."""


class Shown(NamedTuple):
    """A feed; `refused` says why its set-up cannot be read."""

    name: str
    feed: Feed | None
    state: FeedState
    refused: str = ""


@click.command("status", cls=Command)
@click.argument("name", metavar="[NAME]", default="")
@click.pass_obj
def status(invocation: Invocation, name: str) -> int:
    """Every feed with its age, counts, last failure and next refresh; RMD alarms below.

    Exit code 1 where a feed fails or is old, or a direct peer is not in order in the RMD.

    \b
    Example:
      ringfence feed status
    """

    async def work() -> list[Shown]:
        async with open_store(invocation.settings) as store:
            reader = FeedReader(store.redis, store.keys)
            found = _shown(await reader.feeds(), await reader.states())
            if not any(each.state.kind == "rmd" for each in found):
                return found
            # by the register as it is now, which may have changed since the import
            peers = await direct_peers(store.reader, reader)
            alarms = tuple(peer.alarm for peer in peers if peer.alarm)
            return [_with_alarms(each, alarms) for each in found]

    found = [each for each in run(work()) if name in ("", each.name)]
    if name and not found:
        raise Refused(f"no feed {name[:40]}: `ringfence feed status` shows them")
    now = time.time()
    if invocation.json:
        print_json([_document(each, now) for each in found])
    elif not found:
        click.echo("no feeds: ringfence feed import KIND FILE", err=True)
    else:
        print_table(COLUMNS, (_row(each, now) for each in found))
        for each in found:
            _tell(each)
    well = ("ok", "waiting")
    return int(any(word_of(each, now) not in well or each.state.alarms for each in found))


def _shown(feeds: dict[str, bytes], states: dict[str, bytes]) -> list[Shown]:
    found = []
    for name in sorted({*feeds, *states}):
        state = decode_state(states.get(name))
        try:
            feed = decode_feed(name, feeds[name]) if name in feeds else None
            found.append(Shown(name, feed, state))
        except FeedRefused as error:
            found.append(Shown(name, None, state, str(error)))
    return found


def _with_alarms(shown: Shown, alarms: tuple[str, ...]) -> Shown:
    if shown.state.kind != "rmd":
        return shown
    return shown._replace(state=msgspec.structs.replace(shown.state, alarms=alarms))


def word_of(shown: Shown, now: float) -> str:
    """How a feed is, in one word."""
    state, feed = shown.state, shown.feed
    if shown.refused:
        return "REFUSED"
    if state.failures:
        return "FAIL"
    if not state.current_at:
        return "waiting"
    if feed and now - state.current_at > LATE * feed.every:
        return "old"
    return "ok"


def _row(shown: Shown, now: float) -> tuple[str, ...]:
    state, feed = shown.state, shown.feed
    return (
        shown.name,
        state.kind or (feed.kind if feed else ""),
        word_of(shown, now),
        _age(now - state.current_at) if state.current_at else "",
        state.dated,
        str(state.rows) if state.rows else "",
        ", ".join(f"{name} {entries}" for name, entries in state.lists.items()),
        _next(feed, state, now),
    )


def _next(feed: Feed | None, state: FeedState, now: float) -> str:
    if feed is None:
        return "by hand"
    at = due_at(feed, state)
    every = f"every {duration_text(feed.every)}"
    return f"{every}, due" if at <= now else f"{every}, {moment(at)}"


def _tell(shown: Shown) -> None:
    state = shown.state
    if shown.refused:
        click.echo(one_line(shown.refused), err=True)
    if state.failure:
        times = f", {state.failures} times" if state.failures > 1 else ""
        told = f"feed {shown.name} failed {moment(state.failed_at)}{times}: {state.failure}"
        click.echo(one_line(told), err=True)
    for alarm in state.alarms:
        click.echo(one_line(f"RMD: {alarm}"), err=True)


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(max(seconds, 0))}s"


def _document(shown: Shown, now: float) -> dict[str, Any]:
    state, feed = shown.state, shown.feed
    return {
        "feed": shown.name,
        "kind": state.kind or (feed.kind if feed else None),
        "state": word_of(shown, now),
        "current_at": _iso(state.current_at),
        "age": int(now - state.current_at) if state.current_at else None,
        "from": state.place or None,
        "dated": state.dated or None,
        "rows": state.rows,
        "left_out": state.left_out,
        "lists": state.lists,
        "attempted_at": _iso(state.attempted_at),
        "failed_at": _iso(state.failed_at),
        "failure": state.failure or shown.refused or None,
        "failures": state.failures,
        "alarms": list(state.alarms),
        "schedule": {
            "url": feed.url, "every": feed.every, "next_at": _iso(due_at(feed, state)),
            "options": msgspec.to_builtins(feed.options), "added_by": feed.added_by,
        } if feed else None,
    }  # fmt: skip


def _iso(at: float) -> str | None:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else None
