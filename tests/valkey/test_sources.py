"""What sources brought to a list: taken out with them, and nothing else."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

import pytest
from redis.asyncio import Redis

from ringfence.store.imports.bringing import Bringer, Few
from ringfence.store.imports.entry_set import EntrySet
from ringfence.store.imports.source_records import BY_HAND, MAX_SOURCES, Import
from ringfence.store.imports.sources import Sources
from ringfence.store.imports.taking_out import Taker
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.scripting import WriteRefused
from ringfence.store.writing.writer import Writer

Until = Callable[..., Awaitable[None]]
ONE, TWO, THREE, PREFIX = "+12025550101", "+12025550102", "+12025550103", "+1900*"
STEPS = [1_000, 0]
"""All is written into the list in force, or a copy is made each time."""


class Dated:
    """Entries with expiries of their own, and what happens while they are read."""

    def __init__(
        self, entries: dict[str, float], on_read: Callable[[], None] = lambda: None
    ) -> None:
        self._dated = entries
        self._on_read = on_read
        self.entries = EntrySet(entries)
        self.expiring = any(until < math.inf for until in entries.values())

    def dated(self) -> Iterator[tuple[str, float]]:
        self._on_read()
        return iter(self._dated.items())


@pytest.fixture
def sources(redis: Redis, keys: Keys) -> Sources:
    return Sources(redis, keys, "alice")


@pytest.fixture(params=STEPS, ids=["in place", "by a copy"])
def bringer(request: pytest.FixtureRequest, sources: Sources) -> Bringer:
    return Bringer(sources, step=request.param)


@pytest.fixture
def taker(sources: Sources) -> Taker:
    return Taker(sources, step=2)


async def entries(redis: Redis, keys: Keys) -> dict[str, float]:
    key = keys.list("l")
    if await redis.type(key) == b"zset":
        return {m.decode(): float(s) async for m, s in redis.zscan_iter(key)}
    return {m.decode(): math.inf async for m in redis.sscan_iter(key)}


async def leftovers(redis: Redis, keys: Keys) -> list[bytes]:
    return [key async for key in redis.scan_iter(match=keys.prefix + "staging:*")]


async def test_what_a_source_brought_goes_with_it(
    bringer: Bringer, taker: Taker, redis: Redis, keys: Keys
) -> None:
    await bringer.bring("l", Few([ONE, TWO, PREFIX]), source="ftc")
    assert (await taker.remove_source("l", "ftc"))[:2] == (3, 0)
    assert await entries(redis, keys) == {}
    assert not await redis.exists(keys.sources("l"), keys.brought("l", "ftc"))


async def test_what_another_source_brought_too_stays(
    bringer: Bringer, taker: Taker, redis: Redis, keys: Keys
) -> None:
    await bringer.bring("l", Few([ONE, TWO, PREFIX]), source="ftc")
    await bringer.bring("l", Few([TWO, PREFIX, THREE]), source="fcc")
    await taker.remove_source("l", "ftc")
    assert (await entries(redis, keys)).keys() == {TWO, PREFIX, THREE}
    await taker.remove_source("l", "fcc")
    assert await entries(redis, keys) == {}


async def test_what_was_there_before_without_a_source_stays(
    bringer: Bringer, taker: Taker, redis: Redis, keys: Keys, writer: Writer
) -> None:
    await writer.add_to_list("l", [ONE])
    await redis.sadd(keys.list("l"), PREFIX)
    await bringer.bring("l", Few([ONE, TWO, PREFIX]), source="ftc")
    await taker.remove_source("l", "ftc")
    assert (await entries(redis, keys)).keys() == {ONE, PREFIX}


async def test_what_an_admin_added_afterwards_stays(
    bringer: Bringer, taker: Taker, redis: Redis, keys: Keys
) -> None:
    await bringer.bring("l", Few([ONE, TWO]), source="ftc")
    await bringer.bring("l", Few([TWO]))
    await taker.remove_source("l", "ftc")
    assert (await entries(redis, keys)).keys() == {TWO}


async def test_what_an_admin_took_out_is_nobodys_any_more(
    bringer: Bringer, taker: Taker, redis: Redis, keys: Keys, sources: Sources
) -> None:
    await bringer.bring("l", Few([ONE, TWO]), source="ftc")
    await bringer.bring("l", Few([TWO]))
    await taker.take_out("l", [TWO])
    assert await sources.brought_by("l", TWO) == []
    await bringer.bring("l", Few([TWO]), source="fcc")
    assert await sources.brought_by("l", TWO) == ["fcc"]
    await taker.remove_source("l", "fcc")
    assert (await entries(redis, keys)).keys() == {ONE}


async def test_what_has_run_out_is_nobodys_any_more(
    bringer: Bringer, taker: Taker, redis: Redis, keys: Keys
) -> None:
    await bringer.bring("l", Few([ONE]), source="fcc")
    await bringer.bring("l", Few([TWO], time.time() + 60))
    await redis.zadd(keys.list("l"), {TWO: time.time() - 1})
    await bringer.bring("l", Few([TWO]), source="ftc")
    await taker.remove_source("l", "ftc")
    assert (await entries(redis, keys)).keys() == {ONE}


async def test_replacing_by_source_leaves_what_others_brought(
    bringer: Bringer, redis: Redis, keys: Keys, sources: Sources
) -> None:
    await bringer.bring("l", Few(["+12025550199"]))
    await bringer.bring("l", Few([ONE, TWO, PREFIX]), source="ftc")
    await bringer.bring("l", Few([PREFIX]), source="fcc")
    await bringer.bring("l", Few([TWO, THREE]), source="ftc", replace=True)
    assert (await entries(redis, keys)).keys() == {TWO, THREE, PREFIX, "+12025550199"}
    assert set(await sources.brought("l", "ftc")) == {TWO, THREE}


async def test_replacing_without_a_source_replaces_all_and_forgets_the_sources(
    bringer: Bringer, redis: Redis, keys: Keys, sources: Sources
) -> None:
    await bringer.bring("l", Few([ONE, TWO]), source="ftc", record=Import("alice", 1, "a"))
    await bringer.bring("l", Few([THREE]), replace=True, record=Import("bob", 2, "b"))
    assert (await entries(redis, keys)).keys() == {THREE}
    assert await redis.ttl(keys.list("l")) == -1
    assert {n: s.imports[0].who for n, s in (await sources.of("l")).items()} == {BY_HAND: "bob"}
    assert not await redis.exists(keys.brought("l", "ftc"))


async def test_removing_the_list_forgets_its_sources(
    bringer: Bringer, taker: Taker, redis: Redis, keys: Keys
) -> None:
    await bringer.bring("l", Few([ONE, TWO]), source="ftc")
    await bringer.bring("l", Few([ONE]))
    assert (await taker.take_all("l"))[:2] == (2, 0)
    assert (await taker.take_all("l"))[:2] == (0, 0)
    assert {key async for key in redis.scan_iter(match=keys.prefix + "*")} <= {
        keys.changes.encode(), keys.history.encode()
    }  # fmt: skip


async def test_a_source_does_not_shorten_for_how_long_others_want_an_entry(
    bringer: Bringer, redis: Redis, keys: Keys
) -> None:
    soon, later = time.time() + 100, time.time() + 1_000
    await bringer.bring("l", Few([ONE, TWO], later), source="ftc")
    await bringer.bring("l", Few([THREE]))
    await bringer.bring("l", Few([TWO, THREE], soon), source="fcc")
    assert await entries(redis, keys) == {ONE: later, TWO: later, THREE: math.inf}
    await bringer.bring("l", Few([ONE], soon), source="ftc")
    assert (await entries(redis, keys))[ONE] == soon, "its own it may"
    await bringer.bring("l", Few([THREE], soon))
    assert (await entries(redis, keys))[THREE] == soon, "an admin may"


async def test_each_entry_may_have_an_expiry_of_its_own(
    bringer: Bringer, redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    now = time.time()
    wanted = {f"+1202555{n:04}": now + 1_000 + n for n in range(300)} | {PREFIX: math.inf}
    await bringer.bring("l", Dated(wanted), source="ftc")
    assert await entries(redis, keys) == wanted
    await until(lambda: "l" in mirror.world().lists and held(mirror) == wanted)


def held(mirror: Mirror) -> dict[str, float]:
    numbers = mirror.world().lists.get("l")
    return dict(numbers.entries()) if numbers is not None else {}


async def test_an_import_again_changes_nothing(sources: Sources, redis: Redis, keys: Keys) -> None:
    bringer = Bringer(sources)
    await bringer.bring("l", Few([ONE, TWO]), source="ftc")
    announced = await redis.xlen(keys.changes)
    assert (await bringer.bring("l", Few([ONE, TWO]), source="ftc"))[:2] == (0, 2)
    assert (await bringer.bring("l", Few([ONE]), source="ftc", replace=True))[:2] == (1, 1)
    assert await redis.xlen(keys.changes) == announced + 1


async def test_imports_and_their_sources_are_on_record(bringer: Bringer, sources: Sources) -> None:
    for at in range(15):
        record = Import("alice", at, "ftc.csv", f"ticket {at}", 2)
        await bringer.bring("l", Few([ONE, TWO]), source="ftc", record=record)
    found = (await sources.of("l"))["ftc"]
    assert [each.at for each in found.imports] == list(range(14, 4, -1))
    assert found.held == 2


async def test_a_list_has_a_bounded_number_of_sources(sources: Sources) -> None:
    bringer = Bringer(sources)
    for number in range(MAX_SOURCES):
        await bringer.bring("l", Few([ONE]), source=f"s{number}")
    with pytest.raises(WriteRefused, match="--source"):
        await bringer.bring("l", Few([ONE]), source="one-more")
    await bringer.bring("l", Few([TWO]), source="s0")


@pytest.mark.parametrize("source", ["", "-", "a b", "x" * 65, "a:b", "é"])
async def test_a_source_needs_a_name(taker: Taker, sources: Sources, source: str) -> None:
    await Bringer(sources).bring("l", Few([ONE]), source="ftc")
    if source:
        with pytest.raises(WriteRefused, match="source"):
            await Bringer(sources).bring("l", Few([TWO]), source=source)
    with pytest.raises(WriteRefused, match="has no source"):
        await taker.remove_source("l", source)


async def test_changes_made_while_a_copy_is_made_are_in_it(
    sources: Sources, writer: Writer, redis: Redis, keys: Keys, mirror: Mirror, until: Until
) -> None:
    base = [f"+1303{n:07}" for n in range(12_000)]
    await writer.add_to_list("l", base)
    added = [f"+1404{n:07}" for n in range(400)]

    async def others() -> None:
        for n in range(200):
            await writer.add_to_list("l", [added[2 * n], added[2 * n + 1]])
            await writer.remove_from_list("l", [base[n], "+12020000001"])
            await asyncio.sleep(0)

    mine = [f"+1202{n:07}" for n in range(12_000)]
    await asyncio.gather(others(), Bringer(sources).bring("l", Few(mine), source="ftc"))
    found = await entries(redis, keys)
    assert found.keys() - {"+12020000001"} == {*base[200:], *added, *mine} - {"+12020000001"}
    await until(lambda: held(mirror) == found)
    assert not await leftovers(redis, keys)


async def test_a_change_by_hand_while_a_copy_is_made_is_seen(
    sources: Sources, writer: Writer, redis: Redis, keys: Keys
) -> None:
    await writer.add_to_list("l", [ONE, TWO])
    waiting: list[Awaitable[object]] = []

    def by_hand() -> None:
        if not waiting:
            waiting.append(asyncio.ensure_future(redis.sadd(keys.list("l"), THREE)))

    wanted = Dated({f"+1303{n:07}": math.inf for n in range(20_000)}, by_hand)
    await Bringer(sources, step=0).bring("l", wanted, source="ftc")
    assert {ONE, TWO, THREE} <= (await entries(redis, keys)).keys()


async def test_two_imports_at_once_lose_nothing(
    sources: Sources, taker: Taker, redis: Redis, keys: Keys
) -> None:
    def numbers(first: int) -> list[str]:
        return [f"+1202555{n:04}" for n in range(first, first + 600)]

    work = [
        Bringer(sources, step=step).bring("l", Few(numbers(first)), source=source)
        for source, first, step in (("a", 0, 1_000), ("b", 300, 0), ("c", 600, 1_000))
    ]
    await asyncio.gather(*work)
    assert len(await entries(redis, keys)) == 1_200
    await taker.remove_source("l", "b")
    assert (await entries(redis, keys)).keys() == {*numbers(0), *numbers(600)}
    assert not await leftovers(redis, keys)


async def test_a_removal_that_was_cut_off_is_run_again(
    sources: Sources, redis: Redis, keys: Keys, until: Until
) -> None:
    bringer, taker = Bringer(sources), Taker(sources, step=10)
    mine = [f"+1202555{n:04}" for n in range(500)]
    await bringer.bring("l", Few(mine), source="ftc")
    await bringer.bring("l", Few(mine[400:]), source="fcc")
    removal = asyncio.create_task(taker.remove_source("l", "ftc"))

    async def some_are_gone() -> bool:
        return int(await redis.scard(keys.list("l"))) <= 400

    await until(some_are_gone)
    removal.cancel()
    await asyncio.wait([removal])
    left = await redis.scard(keys.list("l"))
    assert 100 <= left <= 400
    if "ftc" in await sources.of("l"):
        assert set(await sources.brought("l", "ftc")) == set(await entries(redis, keys))
        assert len(await sources.brought("l", "ftc")) == left
        await taker.remove_source("l", "ftc")
    assert (await entries(redis, keys)).keys() == {*mine[400:]}


@pytest.mark.parametrize("replace", [False, True])
async def test_a_bad_entry_in_the_middle_imports_nothing(
    sources: Sources, redis: Redis, keys: Keys, replace: bool
) -> None:
    class Broken(Dated):
        def dated(self) -> Iterator[tuple[str, float]]:
            for number, each in enumerate(super().dated()):
                if number == 15_000:
                    raise OSError("the disk is gone")
                yield each

    await Bringer(sources).bring("l", Few([ONE]), source="ftc")
    wanted = Broken({f"+1303{n:07}": math.inf for n in range(20_000)})
    for source in ("ftc", "fcc", ""):
        with pytest.raises(OSError, match="disk"):
            await Bringer(sources).bring("l", wanted, source=source, replace=replace)
    assert (await entries(redis, keys)).keys() == {ONE}
    assert (await sources.of("l")).keys() == {"ftc"}
    assert not await leftovers(redis, keys)


async def test_mirrors_do_not_read_what_is_kept_for_sources(
    bringer: Bringer, mirror: Mirror, until: Until
) -> None:
    await bringer.bring("l", Few([ONE]), source="ftc")
    await until(lambda: held(mirror) == {ONE: math.inf})
    assert not mirror.status().refused
    assert mirror.world().lists.keys() == {"l"}


@pytest.mark.parametrize("key", ["sources", "brought", "list"])
async def test_a_wrong_type_in_redis_is_named(
    sources: Sources, redis: Redis, keys: Keys, key: str
) -> None:
    where = {"sources": keys.sources("l"), "brought": keys.brought("l", "ftc"),
             "list": keys.list("l")}[key]  # fmt: skip
    if key == "brought":
        await Bringer(sources).bring("l", Few([ONE]), source="ftc")
        await redis.unlink(where)
    await redis.set(where, "oops")
    for step in STEPS:
        with pytest.raises(WriteRefused, match="wrong type"):
            await Bringer(sources, step=step).bring("l", Few([TWO]), source="ftc")


class Plain:
    """Who brought what, kept in the most obvious way."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.by: dict[str, set[str]] = {}
        self.named: set[str] = set()

    def bring(self, entries: Iterable[str], source: str) -> None:
        if source:
            self.named.add(source)
        for each in entries:
            if each not in self.there:
                self.by[each] = set()
            known = self.by.setdefault(each, set())
            if source:
                if each in self.there and not known:
                    known.add(BY_HAND)
                known.add(source)
            elif self.named:
                known.add(BY_HAND)
            self.there.add(each)

    def replace(self, entries: set[str], source: str) -> None:
        for each in [e for e, by in self.by.items() if source in by and e not in entries]:
            self._without(each, source)
        self.bring(entries, source)

    def remove_source(self, source: str) -> None:
        for each in [e for e, by in self.by.items() if source in by]:
            self._without(each, source)
        self.named.discard(source)
        if not self.named:
            self.by = {}

    def take_out(self, entries: Iterable[str]) -> None:
        for each in entries:
            self.there.discard(each)
            self.by.pop(each, None)

    def _without(self, entry: str, source: str) -> None:
        self.by[entry].discard(source)
        if not self.by[entry]:
            self.there.discard(entry)


@pytest.mark.parametrize("seed", range(6))
async def test_lists_and_sources_are_as_a_plain_model_has_them(
    sources: Sources, redis: Redis, keys: Keys, mirror: Mirror, until: Until, seed: int
) -> None:
    chance, plain, key = random.Random(seed), Plain(), keys.list("l")
    known = [ONE, TWO, PREFIX, "911", "+1876*", "+12025550110-+12025550119"]
    known += [f"+1{n}" for n in (2025550121, 2025600121, 9995550121, 9995550122, 3035550100)]
    for turn in range(60):
        some = set(chance.sample(known, chance.randrange(1, 7)))
        source = chance.choice(["a", "b", "c"])
        bringer = Bringer(sources, step=chance.choice([0, 1_000]))
        taker = Taker(sources, step=chance.choice([1, 3, 1_000]))
        match chance.randrange(10):
            case 0 | 1 | 2:
                await bringer.bring("l", Few(some), source=source)
                plain.bring(some, source)
            case 3 | 4:
                await bringer.bring("l", Few(some), source=source, replace=True)
                plain.replace(some, source)
            case 5:
                await bringer.bring("l", Few(some))
                plain.bring(some, "")
            case 6:
                await taker.take_out("l", some)
                plain.take_out(some)
            case 7:
                await redis.sadd(key, *some)
                plain.there |= some
            case 8:
                await redis.srem(key, *some)
                plain.there -= some
            case _ if source in plain.named:
                await taker.remove_source("l", source)
                plain.remove_source(source)
        assert set(await entries(redis, keys)) == plain.there, turn
        found = await sources.ledger("l")
        assert set(found.named) == plain.named
        for name in found.sources:
            expected = {e for e, by in plain.by.items() if name in by}
            assert set(found.brought[name]) == expected, (turn, name)
            assert found.sources[name].held == len(expected), (turn, name)
    await until(lambda: set(held(mirror)) == plain.there)
    assert not await leftovers(redis, keys)


@pytest.fixture(autouse=True)
async def nothing_is_left_staged(redis: Redis, keys: Keys) -> AsyncIterator[None]:
    yield
    assert not await leftovers(redis, keys)
