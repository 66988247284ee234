"""What the Robocall Mitigation Database says of a provider, by FRN and by number."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ringfence.feeds.importing import Importer
from ringfence.feeds.kinds import KINDS
from ringfence.feeds.model import Options
from ringfence.feeds.peers import direct_peers, enforce
from ringfence.feeds.standing import rmd_standing
from ringfence.rules import Rule
from ringfence.store.feeds import FeedReader
from ringfence.store.keys import Keys
from ringfence.store.reader import Reader
from ringfence.store.writing.scripting import WriteRefused
from ringfence.store.writing.writer import Stored, Writer

FILE = Path(__file__).parents[1] / "data" / "feeds" / "rmd.csv"
NOW = 1_772_798_400.0
DAY = 86_400
Bring = Callable[..., Awaitable[None]]


@pytest.fixture
def reader(redis: Redis, keys: Keys) -> FeedReader:
    return FeedReader(redis, keys)


@pytest.fixture
def bring(redis: Redis, keys: Keys, tmp_path: Path) -> Bring:
    async def work(lines: int = 3, now: float = NOW) -> None:
        part = tmp_path / "rmd.csv"
        part.write_bytes(b"".join(FILE.read_bytes().splitlines(keepends=True)[:lines]))
        importer = Importer(redis, keys, "alice", clock=lambda: now)
        with part.open("rb") as file:
            await importer.bring("rmd", KINDS["rmd"], file, "rmd.csv", Options(), accept_fewer=True)

    return work


async def test_without_an_import_or_a_number_nothing_is_known(
    reader: FeedReader, bring: Bring
) -> None:
    before = await rmd_standing(reader, "0012345678", "")
    assert (before.word, before.dated) == ("unknown", "")
    assert "ringfence feed import rmd" in str(before)
    await bring()
    nobody = await rmd_standing(reader, "", "")
    assert (nobody.word, nobody.dated) == ("unknown", "2026-03-06")


@pytest.mark.parametrize(
    ("frn", "number", "said"),
    [
        ("0012345678", "", "listed, as of 2026-03-06, RMD0000001 Example Voice, LLC"),
        ("12345678", "", "listed, as of 2026-03-06, RMD0000001 Example Voice, LLC"),
        ("0099999999", "", "listed, as of 2026-03-06, RMD0000001 Example Voice, LLC"),
        ("", "rmd0000002", "listed, as of 2026-03-06, RMD0000002 Example Gateway Inc."),
        ("0012345678", "RMD0009999",
         "listed, as of 2026-03-06, RMD0000001 Example Voice, LLC, not as RMD0009999"),
        ("0012345678", "RMD0000002", "RMD0000002 Example Gateway Inc., under FRN 0023456789, not "
         "0012345678"),
        ("0000000001", "", "missing, as of 2026-03-06, no filing of FRN 0000000001"),
        ("", "RMD0009999", "missing, as of 2026-03-06, no filing of RMD0009999"),
    ],
)  # fmt: skip
async def test_a_filing_is_found_by_number_and_else_by_frn(
    reader: FeedReader, bring: Bring, frn: str, number: str, said: str
) -> None:
    await bring()
    assert said in str(await rmd_standing(reader, frn, number))


async def test_who_is_gone_was_removed_and_may_come_back(reader: FeedReader, bring: Bring) -> None:
    await bring()
    await bring(lines=2, now=NOW + DAY)
    await bring(lines=2, now=NOW + 5 * DAY)
    gone = await rmd_standing(reader, "0023456789", "")
    assert (gone.word, gone.since, gone.dated) == ("removed", "2026-03-07", "2026-03-11")
    assert (await rmd_standing(reader, "0012345678", "")).word == "listed"
    await bring(now=NOW + 6 * DAY)
    assert (await rmd_standing(reader, "0023456789", "")).word == "listed"


async def test_what_the_register_learns_counts_though_the_file_is_as_before(
    redis: Redis, keys: Keys, bring: Bring, reader: FeedReader
) -> None:
    await bring()
    asked = Options(block_missing=True)
    importer = Importer(redis, keys, "alice", clock=lambda: NOW)
    gateway = {"trunks": ["gw-1"], "rmd": "RMD0009999"}
    await redis.hset(keys.providers, "gateway", json.dumps(gateway))
    state = await importer.confirmed("rmd", KINDS["rmd"], asked)
    assert "gateway is missing" in state.alarms[0]
    assert await redis.hkeys(keys.rules) == [b"rmd-gateway-trunks"]
    await redis.hset(keys.providers, "gateway", json.dumps(gateway | {"rmd": "RMD0000002"}))
    assert (await importer.confirmed("rmd", KINDS["rmd"], asked)).alarms == ()
    assert not await redis.exists(keys.rules)


async def test_a_provider_whose_id_is_too_long_for_a_rule_is_told(
    redis: Redis, keys: Keys, bring: Bring, reader: FeedReader
) -> None:
    await bring()
    long = {"trunks": ["gw-1"], "rmd": "RMD0009999"}
    await redis.hset(keys.providers, "g" * 51, json.dumps(long))
    peers = await direct_peers(Reader(redis, keys), reader)
    (told,) = await enforce(Reader(redis, keys), Writer(redis, keys), peers, NOW)
    assert "is not blocked: its id has more than 50 letters" in told


async def test_a_rule_that_somebody_changes_meanwhile_keeps_no_other_from_being_written(
    redis: Redis, keys: Keys, bring: Bring, reader: FeedReader
) -> None:
    class Beaten(Writer):
        async def set_rule(self, rule_id: str, rule: Rule | bytes | str, **more: Any) -> Stored:
            if rule_id.startswith("rmd-first-"):
                raise WriteRefused("rule rmd-first-trunks exists")
            return await super().set_rule(rule_id, rule, **more)

    await bring()
    for name in ("first", "second"):
        one = {"trunks": [f"{name}-1"], "rmd": "RMD0009999"}
        await redis.hset(keys.providers, name, json.dumps(one))
    peers = await direct_peers(Reader(redis, keys), reader)
    told = await enforce(Reader(redis, keys), Beaten(redis, keys), peers, NOW)
    assert told == [
        "rule rmd-first-trunks is as it was: rule rmd-first-trunks exists",
        "rule rmd-second-trunks blocks",
    ]
