"""`history` and `undo` of rules, trunks and callees, and `history` of lists: the same commands
under each noun."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ringfence.cli import history_view as views
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import print_table
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.signature import signed
from ringfence.store.writing.history import Change, History, version_of
from ringfence.store.writing.undo import BY_HAND, Undoing, Undone
from ringfence.store.writing.writer import Kind

_FORCE = "Put back what was before, over what was changed since."
_BY_HAND = "Undo what was changed by hand since the last change."


def history_command(kind: str, example: str) -> Command:
    """`ringfence <kind> history`."""

    @click.command("history", cls=Command)
    @click.argument("name", metavar="[ID]", default="")
    @click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
    @click.pass_obj
    def command(invocation: Invocation, name: str, limit: int) -> None:
        found = run(_history(invocation, kind, name, limit))
        if invocation.json:
            print_json([views.document(shown) for shown in found])
            return
        with_name = not name
        rows = (views.row(shown, with_name=with_name) for shown in found)
        print_table(views.columns(kind, with_name=with_name), rows)
        # a feed's set-up is written anew, not undone
        if name and found[0].change is None and kind != "feed":
            click.echo(f"to undo what was changed by hand: {views.undo_hint(found[0])}", err=True)

    command.help = (
        f"Who changed a {kind}, when, why and how, the newest first; without an ID, all of them."
        + ("" if kind == "list" else "\n\nWhat somebody changed by hand in between is shown, too.")
        + f"\n\n\b\nExample:\n  ringfence {kind} history {example}"
    )
    return command


def undo_command(kind: Kind, example: str) -> Command:
    """`ringfence <kind> undo`."""

    @click.command("undo", cls=Command)
    @click.argument("name", metavar="ID")
    @click.option("--change", metavar="CHANGE", default="", help="This one, not the last.")
    @click.option(f"--{BY_HAND}", "by_hand", is_flag=True, help=_BY_HAND)
    @click.option("--force", is_flag=True, help=_FORCE)
    @signed
    @click.pass_obj
    def command(invocation: Invocation, name: str, change: str, by_hand: bool, force: bool) -> None:
        if by_hand and (change or force):
            raise click.UsageError("--by-hand goes with neither --change nor --force")
        done = run(_undo(invocation, kind, name, BY_HAND if by_hand else change, force))
        version = version_of(done.now) if done.now is not None else None
        what = views.difference(kind, name, done.was, done.now)
        undone = BY_HAND if by_hand else done.change.id
        if invocation.json:
            print_json({"id": name, "undone": undone, "version": version, "what": what})
            return
        stands = f", version {version}" if version else ", it is gone"
        click.echo(f"{kind} {name}: {_told(done.change, by_hand)} undone{stands}: {what}")

    command.help = (
        f"Put back what was before the last change of a {kind}, or before the one that is named."
        f"\n\nRefused where the {kind} is no more what that change made it. Undo again to go back "
        "further; to undo an undo, name it: every undo is a change of its own in the history."
        f"\n\n\b\nExample:\n  ringfence {kind} undo {example} --why 'it hit a hospital'"
    )
    return command


def _told(change: Change, by_hand: bool) -> str:
    if by_hand:
        return "what was changed by hand is"
    did = "undo" if change.undoes else change.op
    return f"{did} by {change.who} at {views.second(change.at)} is"


async def _history(invocation: Invocation, kind: str, name: str, limit: int) -> list[views.Shown]:
    async with open_store(invocation.settings) as store:
        history = History(store.redis, store.keys)
        changes: list[Change] = []
        async for change in history.changes(kind, [name] if name else (), page=limit):
            changes.append(change)
            if len(changes) == limit:
                break
        if not changes:
            raise Refused(_nothing(kind, name))
        if kind == "list":
            return [views.Shown(c.kind, c.name, c, c.before, c.after) for c in changes]
        names = list(dict.fromkeys(change.name for change in changes))
        earlier = await _earlier(history, kind, names, changes)
        now = await History(store.redis, store.keys).now(kind, names)
    return list(views.with_hands(changes, earlier, now))


async def _earlier(
    history: History, kind: str, names: Sequence[str], shown: Sequence[Change]
) -> dict[str, Change]:
    # what was changed by hand before the oldest that is shown, only the one before it can tell
    known, found = {change.id for change in shown}, dict[str, Change]()
    async for change in history.changes(kind, names, page=len(shown) + 1):
        if change.id not in known:
            found.setdefault(change.name, change)
            if len(found) == len(names):
                break
    return found


async def _undo(invocation: Invocation, kind: Kind, name: str, change: str, force: bool) -> Undone:
    async with open_store(invocation.settings, invocation.signature) as store:
        return await _undoing(store).undo(kind, name, change, force=force)


def _undoing(store: Store) -> Undoing:
    return Undoing(store.writer, History(store.redis, store.keys))


def _nothing(kind: str, name: str) -> str:
    if name:
        return f"no change of {kind} {name} is known: `ringfence {kind} history` shows all"
    return f"no change of any {kind} is known"
