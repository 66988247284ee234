"""Who changed what, when and why: reads the history that every write of Ringfence's leaves.

Owns what an entry means; knows nothing of what a rule is. Written by the scripts that make the
changes, in the same step.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from importlib.resources import files
from typing import NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ringfence.store.keys import Keys
from ringfence.store.writing.scripting import WriteRefused

LOOKED_AT = 500
"""Entries that one script call looks at, if they are small: a millisecond or two of Redis's time.
Of large ones it looks at a megabyte."""
VERSION_LENGTH = 12
UNDO = "undo"


def version_of(text: bytes) -> str:
    """The version of a rule, a trunk or a callee: it says which JSON is in Redis, written by
    whatever hand."""
    return hashlib.sha256(text).hexdigest()[:VERSION_LENGTH]


class Change(NamedTuple):
    """One change. `before` and `after` are texts as they were in Redis, None where there was none;
    `too_long` says that what was before was longer than a rule may be and was not kept.

    For a list: `changed` entries (those that it had, where the whole list was replaced or removed),
    `size` after it, and some of the `entries` by name.
    """

    id: str
    at: float
    who: str
    kind: str
    name: str
    op: str
    before: bytes | None = None
    after: bytes | None = None
    why: str = ""
    undoes: str = ""
    too_long: bool = False
    changed: int = 0
    size: int = 0
    entries: tuple[str, ...] = ()
    expires: float | None = None
    source: str = ""
    note: str = ""


class History:
    """Looks through the history, newest first. What does not fit in there is left out."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        script = files("ringfence.store") / "scripts" / "find_changes.lua"
        self._find = redis.register_script(script.read_text())

    async def changes(
        self, kind: str = "", names: Collection[str] = (), page: int = 50
    ) -> AsyncIterator[Change]:
        """Changes of one kind (or of all), of some names (or of all); `page` at a time."""
        where = "+"
        while where:
            arguments: list[str | int] = [where, LOOKED_AT, page, kind, *names]
            try:
                found = await self._find(keys=[self._keys.history], args=arguments)
            except ResponseError as error:
                if "WRONGTYPE" not in str(error):
                    raise
                raise WriteRefused(
                    f"{self._keys.history} has a wrong type in Redis: see TYPE, then DEL it"
                ) from None
            where = found[0].decode()
            for at in range(1, len(found), 2):
                yield _change(found[at], found[at + 1])

    async def last(self, kind: str, name: str) -> Change | None:
        """The newest change of a rule, a trunk or a callee; None where none is known."""
        async for change in self.changes(kind, [name], page=1):
            return change
        return None

    async def now(self, kind: str, names: Sequence[str]) -> dict[str, bytes | None]:
        """What stands in Redis, by name."""
        if not names:
            return {}
        key = self._keys.of_kind(kind)
        found = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(key, list(names)))
        return dict(zip(names, found, strict=True))


def _change(entry: bytes, flat: Sequence[bytes]) -> Change:
    fields = dict(zip(flat[::2], flat[1::2], strict=False))

    def text(name: bytes) -> str:
        return fields.get(name, b"").decode(errors="replace")

    id = entry.decode()
    # an entry written by hand may lack anything; the stream's own time is always there
    return Change(
        id=id,
        at=_number(text(b"at"), float(id.partition("-")[0])) / 1000,
        who=text(b"who"),
        kind=text(b"kind"),
        name=text(b"id"),
        op=text(b"op"),
        before=fields.get(b"before"),
        after=fields.get(b"after"),
        why=text(b"why"),
        undoes=text(b"undoes"),
        too_long=b"before_bytes" in fields,
        changed=int(_number(text(b"changed"))),
        size=int(_number(text(b"size"))),
        entries=tuple(text(b"entries").split(",")) if b"entries" in fields else (),
        expires=_number(text(b"expires")) or None,
        source=text(b"source"),
        note=text(b"note"),
    )


def _number(text: str, otherwise: float = 0.0) -> float:
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if -1e15 < value < 1e15 else otherwise
