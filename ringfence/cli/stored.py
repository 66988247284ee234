"""Reads everything from Redis in the form that exports and imports have; what is not in order
is left out and named. Writes nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

from ringfence.cli.export_file import TELL_EVERY
from ringfence.cli.export_sections import Section
from ringfence.cli.list_contents import ListContents
from ringfence.cli.progress import progress
from ringfence.cli.session import Store


class Fields(NamedTuple):
    """A hash's fields: as they stand in Redis, and those that can be read."""

    raw: dict[str, bytes]
    good: dict[str, Any]
    refused: dict[str, str]


async def stored(store: Store, section: Section) -> Fields:
    """All of one section in Redis."""
    good, refused = {}, {}
    raw = await store.reader.of_kind(section.kind)
    for name, text in raw.items():
        try:
            good[name] = section.decode(name, text)
        except ValueError as error:
            refused[name] = str(error)
    return Fields(raw, good, refused)


async def stored_list(store: Store, name: str, now: float) -> tuple[ListContents, list[str]]:
    """A list as it is at `now`, and what is in it that is no entry."""
    contents, bad, done = ListContents(), [], 0
    with progress(f"list {name}", await store.reader.list_size(name)) as tell:
        async for text, expires in store.reader.list_entries(name):
            done += 1
            if done % TELL_EVERY == 0:
                tell(done)
            if expires <= now:
                continue
            try:
                contents.add(text, expires)
            except ValueError:
                bad.append(text[:80])
    return contents, bad
