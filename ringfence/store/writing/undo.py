"""Puts back what was before a change, if what the change made still stands; shows nothing.

Undoing twice goes back two changes: an undo takes back the newest change that still stands, and is
none of those itself. An undo is undone by its own id, as any change may be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NamedTuple

from ringfence.call import clean
from ringfence.store.writing.fields import Kind, Moved
from ringfence.store.writing.history import UNDO, Change, History
from ringfence.store.writing.scripting import WriteRefused
from ringfence.store.writing.writer import Writer

BY_HAND = "by-hand"
"""In place of a change's id: what was changed by hand since the last change."""


class Undone(NamedTuple):
    """What an undo put back (None: it is gone) in the place of what, and which change it undid."""

    change: Change
    was: bytes | None
    now: bytes | None


async def newest_standing(changes: AsyncIterator[Change]) -> Change | None:
    """Of one name's changes, newest first, the one that an undo takes back."""
    taken_back: set[str] = set()
    async for change in changes:
        if change.id in taken_back:
            continue
        if change.op != UNDO:
            return change
        taken_back.add(change.undoes)
    return None


class Undoing:
    """Undoes changes of rules, trunks and callees."""

    def __init__(self, writer: Writer, history: History) -> None:
        self._writer = writer
        self._history = history

    async def undo(
        self, kind: Kind, name: str, change_id: str = "", *, force: bool = False
    ) -> Undone:
        """Undo the newest change that stands, or the one with this id, or `BY_HAND`.

        `Moved` where Redis no more has what that change made, unless `force` is given.
        """
        last = await self._history.last(kind, name)
        if last is None:
            raise WriteRefused(f"no change of {kind} {clean(name, 80)} is known")
        stands = (await self._history.now(kind, [name]))[name]
        if change_id == BY_HAND:
            if stands == last.after:
                raise WriteRefused(f"{kind} {name} was not changed by hand since {told(last)}")
            return await self._put_back(last, stands, last.after, BY_HAND, force=False)
        change = await self._find(kind, name, change_id)
        if change.too_long:
            raise WriteRefused(
                f"what was there before {told(change)} was longer than a {kind} may be, and was "
                "not kept"
            )
        if stands != change.after and not force:
            raise Moved(_why_not(change, last, stands))
        if stands == change.before:
            raise WriteRefused(f"{kind} {name} is as it was before {told(change)}")
        return await self._put_back(change, stands, change.before, change.id, force=force)

    async def _find(self, kind: Kind, name: str, change_id: str) -> Change:
        changes = self._history.changes(kind, [name])
        if not change_id:
            if change := await newest_standing(changes):
                return change
            raise WriteRefused(f"all known changes of {kind} {name} are undone")
        async for change in changes:
            if change.id in (change_id, f"{change_id}-0"):
                return change
        raise WriteRefused(
            f"no change {clean(change_id, 40)} of {kind} {name} is known: "
            f"`ringfence {kind} history {name}` shows them"
        )

    async def _put_back(
        self, change: Change, was: bytes | None, text: bytes | None, undoes: str, *, force: bool
    ) -> Undone:
        kind: Kind = change.kind  # type: ignore[assignment]
        await self._writer.put_back(kind, change.name, was, text, undoes=undoes, force=force)
        return Undone(change, was, text)


def told(change: Change) -> str:
    """``alice's change 1764000000000-0 of 2026-11-20 12:00:00Z``."""
    at = datetime.fromtimestamp(change.at, UTC)
    return f"{clean(change.who, 64)}'s change {change.id} of {at:%Y-%m-%d %H:%M:%S}Z"


def _why_not(change: Change, last: Change, stands: bytes | None) -> str:
    named = f"{change.kind} {change.name}"
    if stands != last.after:
        return (
            f"{named} was changed by hand since {told(last)}: undo that with --by-hand, or put "
            "back what was before with --force"
        )
    return (
        f"{named} is no more what {told(change)} made it, the last was {told(last)}: undo that "
        "first, or put back what was before with --force"
    )
