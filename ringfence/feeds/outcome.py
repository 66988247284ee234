"""What one file of a feed comes to: whether it may be taken, what it did, and the state after it.

Pure: reads no file and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ringfence.call import clean
from ringfence.feeds.kinds import Kind
from ringfence.feeds.model import FeedState
from ringfence.feeds.plan import Plan
from ringfence.feeds.refused import FeedRefused

Lists = dict[str, tuple[int, int | None]]


class Brought(NamedTuple):
    """What one file of a feed did, or would do; `lists`: name → entries of this feed, and how many
    of the list's entries changed (None: nothing was written)."""

    name: str
    kind: str
    place: str
    dated: str
    rows: int
    left_out: int
    lists: Lists
    notes: list[str]
    alarms: list[str]
    written: bool


def check_rows(
    plan: Plan, kind: Kind, state: FeedState, *, increment: bool, accept_fewer: bool
) -> None:
    """FeedRefused where a file has too few rows to be all of it."""
    if increment or (accept_fewer and plan.rows):
        return
    if not plan.rows:
        raise FeedRefused(f"expected {kind.title}, found no row")
    if plan.rows < kind.least:
        raise FeedRefused(
            f"expected {kind.least} rows or more, found {plan.rows}: the file is cut off; "
            "--accept-fewer takes it all the same"
        )
    usual = plan.usual if plan.usual is not None else state.rows
    if 2 * plan.rows < usual:
        raise FeedRefused(
            f"expected about {usual} rows as before, found {plan.rows}: more than half are gone; "
            "--accept-fewer takes it all the same"
        )


def state_after(
    state: FeedState,
    kind: Kind,
    place: str,
    plan: Plan,
    lists: Lists,
    now: float,
    *,
    increment: bool,
) -> FeedState:
    """The feed's state once all of it is written."""
    return msgspec.structs.replace(
        state.confirmed(now), kind=kind.name, place=clean(place, 300), dated=plan.dated,
        rows=plan.rows, left_out=plan.left_out,
        lists={each: entries for each, (entries, _) in lists.items()},
        version=plan.version, whole_at=state.whole_at if increment else now, alarms=(),
    )  # fmt: skip


def brought_by(
    name: str,
    kind: Kind,
    place: str,
    plan: Plan,
    lists: Lists,
    alarms: Sequence[str] = (),
    notes: Sequence[str] = (),
    *,
    written: bool = True,
) -> Brought:
    """The same for who asked."""
    return Brought(
        name, kind.name, place, plan.dated, plan.rows, plan.left_out, lists,
        [*plan.notes, *notes], list(alarms), written,
    )  # fmt: skip
