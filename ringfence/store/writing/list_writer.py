"""Every change that Ringfence makes to number lists: checked, atomic, announced and recorded.

Knows keys and scripts; nothing of who asks. What is not in order is refused before anything is
written. Each method is one script call, or one a batch of entries.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import ClassVar, NamedTuple

from redis.exceptions import ResponseError

from ringfence.call import clean
from ringfence.lists import parse_entry
from ringfence.store.keys import CHANGE_ENTRIES, STAGING_SECONDS
from ringfence.store.writing.scripting import MAX_WHY, Argument, Scripts, WriteRefused

BATCH = 10_000
"""Entries in one script call: some 10 ms during which Redis serves nobody else."""
MAX_CONVERTED = 1_000_000
NAMED = 50
"""Entries of one change that the history names; the others are counted."""


class Counted(NamedTuple):
    """How many entries a list change touched, and how many the list has now."""

    changed: int
    size: int


class Origin(NamedTuple):
    """Where entries come from, for the history.

    `change` makes one entry of it of all calls in a row that give the same one: an import in
    parts. Any text will do that no other change has.
    """

    source: str = ""
    note: str = ""
    change: str = ""


HAND = Origin()


class ListWriter(Scripts):
    """Writes lists. With None for `origin` a change is left out of the history: what rules put
    on lists by themselves, call by call, would drown what admins did."""

    NAMES: ClassVar[tuple[str, ...]] = ("list_add", "list_remove", "list_swap")

    async def add_to_list(
        self,
        name: str,
        entries: Iterable[str],
        expires: float | None = None,
        *,
        origin: Origin | None = HAND,
    ) -> Counted:
        """Add entries, until `expires` (Unix seconds) or for good; any number of them.

        All are checked first. Each batch of 10,000 is one atomic step.
        """
        key, now = self._keys.list(name), self._clock()
        if expires is not None and not now < expires < math.inf:
            raise WriteRefused("the expiry lies in the past: give a time to come")
        until = "" if expires is None else repr(float(expires))
        origin, result = _one_change(origin), Counted(0, 0)
        for batch in _batches(canonical(entries)):
            fixed: list[Argument] = [CHANGE_ENTRIES, name, NAMED, until, repr(now), MAX_CONVERTED]
            done = await self._list_script("list_add", name, [key], [*fixed, *batch], origin)
            result = Counted(result.changed + done.changed, done.size)
        return result

    async def remove_from_list(
        self, name: str, entries: Iterable[str], *, origin: Origin | None = HAND
    ) -> Counted:
        """Take entries out; what is not in the list does not matter."""
        key = self._keys.list(name)
        origin, result = _one_change(origin), Counted(0, 0)
        for batch in _batches(canonical(entries)):
            fixed: list[Argument] = [CHANGE_ENTRIES, name, NAMED]
            done = await self._list_script("list_remove", name, [key], [*fixed, *batch], origin)
            result = Counted(result.changed + done.changed, done.size)
        return result

    async def replace_list(
        self,
        name: str,
        entries: Iterable[str],
        progress: Callable[[int], object] = lambda done: None,
        *,
        expiries: Mapping[str, float] | None = None,
        origin: Origin | None = HAND,
    ) -> Counted:
        """Put a whole new list in the place of the old one in a single step.

        Entries are checked as they are staged; a bad one leaves the old list as it is. With
        `expiries` (Unix seconds, by entry) those that are named there run out.
        """
        key, staged = self._keys.list(name), self._keys.staging(secrets.token_hex(8))
        done, named = 0, ""
        try:
            for batch in _batches(_checked(entries)):
                async with self._redis.pipeline() as pipe:
                    if expiries is None:
                        pipe.sadd(staged, *batch)
                    else:
                        pipe.zadd(staged, {each: expiries.get(each, math.inf) for each in batch})
                    pipe.expire(staged, STAGING_SECONDS)
                    await pipe.execute()
                named = named or ",".join(batch[:NAMED])
                done += len(batch)
                progress(done)
            return await self._list_script(
                "list_swap", name, [key, staged], [name, named], _one_change(origin)
            )
        except BaseException:
            await self._redis.unlink(staged)
            raise

    async def remove_list(self, name: str, *, origin: Origin | None = HAND) -> Counted:
        """Remove a list with all entries. `changed` is how many it had."""
        key, staged = self._keys.list(name), self._keys.staging(secrets.token_hex(8))
        return await self._list_script("list_swap", name, [key, staged], [name, ""], origin)

    async def _list_script(
        self,
        script: str,
        name: str,
        keys: list[str],
        arguments: Sequence[Argument],
        origin: Origin | None,
    ) -> Counted:
        keys = [keys[0], self._keys.changes, self._keys.history, *keys[1:]]
        told = None
        if origin is not None:
            told = {field: clean(text, MAX_WHY) for field, text in origin._asdict().items()}
        try:
            changed, size = await self._run(script, keys, arguments, told)
        except ResponseError as error:
            if "TOOLARGE" in str(error):
                raise WriteRefused(
                    f"list {name} has over {MAX_CONVERTED} entries that never run out: put those "
                    "that do into a list of their own"
                ) from None
            raise
        return Counted(int(changed), int(size))


def canonical(entries: Iterable[str]) -> list[str]:
    """The entries as they are kept, each once. ValueError names the first bad one."""
    return list(dict.fromkeys(_checked(entries)))


def _one_change(origin: Origin | None) -> Origin | None:
    # the batches of one call belong together, whether or not the caller says so
    if origin is None or origin.change:
        return origin
    return origin._replace(change=secrets.token_hex(4))


def _checked(entries: Iterable[str]) -> Iterator[str]:
    for entry in entries:
        yield parse_entry(entry).text


def _batches(entries: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH)):
        yield batch
