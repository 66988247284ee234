"""What the Robocall Mitigation Database says of a provider, by FRN and by number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ringfence.feeds.importing import Importer
from ringfence.feeds.kinds import KINDS
from ringfence.feeds.model import Options
from ringfence.feeds.standing import rmd_standing
from ringfence.store.feeds import FeedReader
from ringfence.store.keys import Keys

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
