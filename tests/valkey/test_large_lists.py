"""Lists of many numbers: loaded in pages, changed in place, read again only where they must be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from ringfence.numbers import normalise
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.mirror.refresh import LARGE
from ringfence.store.writing.writer import Writer

Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]
MANY = 2 * LARGE


def size(mirror: Mirror) -> int:
    return len(mirror.world().lists.get("many", ()))


async def test_many_numbers_are_loaded_and_changed_by_anyone(
    redis: Redis, keys: Keys, writer: Writer, mirror_of: MirrorOf, url: str, until: Until
) -> None:
    await writer.replace_list("many", (f"+1202{n:07}" for n in range(MANY)))
    mirror = await mirror_of(url)
    assert size(mirror) == MANY
    loaded = mirror.world().lists["many"]

    await writer.add_to_list("many", ["+13035550101", "+1900*"])
    await until(lambda: size(mirror) == MANY + 2)
    assert mirror.world().lists["many"] is loaded, "an announced change is made in place"

    await redis.srem(keys.list("many"), "+13035550101", "+12020000001")
    await until(lambda: size(mirror) == MANY)
    assert mirror.world().lists["many"] is not loaded


async def test_changes_announced_while_a_list_is_read_are_not_lost(
    redis: Redis, keys: Keys, writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.replace_list("many", (f"+1202{n:07}" for n in range(MANY)))
    for n in range(200):
        await writer.add_to_list("many", [f"+1303555{n:04}"])
        await writer.remove_from_list("many", [f"+1202{n:07}"])

    def newest_is_in_force() -> bool:
        numbers = mirror.world().lists.get("many")
        last = normalise("+12020000199")
        return numbers is not None and len(numbers) == MANY and not numbers.contains(last, 0.0)

    await until(newest_is_in_force)
    numbers = {text for text, _ in mirror.world().lists["many"].entries()}
    assert {f"+1303555{n:04}" for n in range(200)} <= numbers
    assert not {f"+1202{n:07}" for n in range(200)} & numbers


async def test_an_import_in_parts_arrives_whole(
    writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.add_to_list("many", (f"+1202{n:07}" for n in range(MANY)))
    await until(lambda: size(mirror) == MANY)
