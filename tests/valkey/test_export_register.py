"""Providers, notices, disputes and feeds' set-ups in an export: out, back in, and nothing fires
that the dry run did not show."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from ringfence.feeds.model import Feed, encode_feed
from ringfence.providers.deadlines import Kind
from ringfence.providers.enforcement import Enforcer
from ringfence.providers.model import Contact, Provider
from ringfence.providers.notice import AtDeadline, Does, Notice, Step, decode_notice
from ringfence.providers.progress import resolved
from ringfence.redress.model import ANSWER, Dispute, encode_dispute
from ringfence.store.feeds import FeedWriter
from ringfence.store.keys import Keys
from ringfence.store.reader import Reader
from ringfence.store.writing.dispute_writer import DisputeWriter
from ringfence.store.writing.writer import FieldChange, Writer, WriteRefused

Run = Callable[..., subprocess.CompletedProcess[str]]
NOW = datetime.now(UTC)
KINDS = ("provider", "notice", "dispute", "feed")
GATEWAY = Provider(
    name="Überlauf, Inc.", trunks=("gw",), contacts=(Contact("Ann", "noc", "a@example.com"),)
)
DUE = Notice(
    Kind.OWN, NOW - timedelta(hours=48), NOW - timedelta(hours=2), "gateway",
    title="scam calls", at_deadline=AtDeadline.BLOCK_DIRECT, basis="policy", added_by="bob",
    reminded=("24h",), steps=(Step(NOW - timedelta(hours=3), "bob", Does.NOTE, "asked them"),),
)  # fmt: skip
DISPUTE = Dispute("+12025550142", NOW, NOW + ANSWER, party="Ann Lee", added_by="bob")
FEED = Feed("npa", "https://files.example.net/npa.csv?key=hidden", 604_800, added_by="bob")


@pytest.fixture
async def filled(ringfence: Run, redis: Redis, keys: Keys, writer: Writer) -> Run:
    """One of each kind; the notice is resolved."""
    await writer.set_provider("gateway", GATEWAY)
    await writer.set_notice("n", resolved(DUE, Step(NOW, "bob", Does.RESOLVED, "settled")))
    await DisputeWriter(redis, keys).put("d", None, encode_dispute(DISPUTE))
    await FeedWriter(redis, keys).set_feed("npa", encode_feed(FEED))
    return ringfence


async def texts(redis: Redis, keys: Keys) -> dict[str, dict[str, bytes]]:
    """All of the register, byte by byte."""
    reader = Reader(redis, keys)
    return {kind: await reader.of_kind(kind) for kind in KINDS}


def file_of(**sections: Any) -> str:
    return json.dumps({"ringfence_export": 1, **sections})


def document(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


async def test_the_register_comes_back_byte_by_byte_and_the_file_is_the_same(
    filled: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    file, before = tmp_path / "backup.json", await texts(redis, keys)
    said = filled("export", str(file)).stdout
    assert "1 provider, 1 notice, 1 dispute, 1 feed, 0 lists" in said
    for kind in KINDS:
        await redis.delete(keys.of_kind(kind))
    filled("import", str(file), "--why", "moved")
    assert await texts(redis, keys) == before
    assert filled("export").stdout == file.read_text()
    for kind, id in (("notice", "n"), ("dispute", "d"), ("feed", "npa"), ("provider", "gateway")):
        entry = json.loads(filled(kind, "history", id, "--json").stdout)[0]
        assert (entry["op"], entry["who"], entry["why"]) == ("import", "alice", "moved")


async def test_an_older_file_touches_none_of_it(filled: Run, redis: Redis, keys: Keys) -> None:
    before = await texts(redis, keys)
    older = file_of(rules={"r": {"action": "block"}}, trunks={}, callees={}, lists={})
    filled("import", "-", "--prune", stdin=older)
    assert await texts(redis, keys) == before


async def test_only_takes_the_sections_that_it_names(filled: Run, redis: Redis, keys: Keys) -> None:
    text = filled("export", "-", "--only", "providers,feeds").stdout
    assert set(json.loads(text)) == {"ringfence_export", "providers", "feeds"}
    for kind in KINDS:
        await redis.delete(keys.of_kind(kind))
    filled("import", "-", "--only", "feeds", stdin=text)
    now = await texts(redis, keys)
    assert [len(now[kind]) for kind in KINDS] == [0, 0, 0, 1]


async def test_a_resolved_notice_is_not_opened_again_without_a_word(
    filled: Run, redis: Redis, keys: Keys
) -> None:
    before = await texts(redis, keys)
    text = file_of(notices={"n": document(DUE)})
    shown = filled("import", "-", "--dry-run", stdin=text).stdout
    for wanted in ('~ n: status "resolved" → (default)', "steps 2 → 1 entries",
                   "! notice n, due", "blocks gateway at once, by notice-n-trunks"):  # fmt: skip
        assert wanted in shown, shown
    told = json.loads(filled("import", "-", "--dry-run", "--json", stdin=text).stdout)
    assert (len(told["blocks"]), told["written"]) == (1, False)
    refused = filled("import", "-", stdin=text, code=1).stderr
    assert "nothing is written" in refused
    assert "--enforce" in refused
    enforcer = Enforcer(redis, keys)
    await enforcer.look()
    assert await texts(redis, keys) == before
    filled("import", "-", "--enforce", stdin=text)
    stands = decode_notice("n", (await texts(redis, keys))["notice"]["n"])
    assert stands == DUE
    await enforcer.look()
    assert list(await Reader(redis, keys).rules()) == ["notice-n-trunks"]


async def test_a_dry_run_shows_each_kind_and_no_secret(filled: Run) -> None:
    text = file_of(
        providers={"other": {"name": "Other"}},
        disputes={"d": document(msgspec.structs.replace(DISPUTE, party="Bo Lee"))},
        feeds={"npa": document(msgspec.structs.replace(FEED, every=86_400)), "ftc": {
            "kind": "ftc", "url": "https://files.example.net/x?token=hidden", "every": 86_400}},
    )  # fmt: skip
    shown = filled("import", "-", "--dry-run", "--prune", stdin=text).stdout
    for wanted in (
        '+ other: name "Other"',
        '- gateway: name "Überlauf, Inc.", trunks ["gw"], contacts (1 entry)',
        '~ d: party "Ann Lee" → "Bo Lee"', "~ npa: every 604800 → 86400",
        '+ ftc: kind "ftc", url "https://files.example.net/x", every 86400\n',
    ):  # fmt: skip
        assert wanted in shown, shown
    assert "hidden" not in shown


async def test_what_is_not_in_order_is_named_with_its_line_and_nothing_is_written(
    filled: Run, redis: Redis, keys: Keys
) -> None:
    before = await texts(redis, keys)
    text = (
        '{"ringfence_export": 1,\n"providers": {"a": {"name": "A", "name": "B"}, "a": {}},\n'
        '"notices": {"n": []},\n"disputes": {"\\ud800": {}},\n'
        '"feeds": {"npa": {"kind": "npa", "url": "npa.csv", "every": 1}}}'
    )
    said = filled("import", "-", stdin=text, code=1).stderr
    for wanted in ("-:2: provider a: `name` is there twice", "-:3: notice n:", "-:4: dispute",
                   "-:5: feed npa:", "nothing is taken"):  # fmt: skip
        assert wanted in said, said
    assert await texts(redis, keys) == before


async def test_all_kinds_are_written_in_one_step_or_none(
    filled: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    before = await texts(redis, keys)
    changes = [
        FieldChange("provider", "p", None, b"{}"),
        FieldChange("dispute", "d", before["dispute"]["d"], None),
        FieldChange("feed", "npa", b"what it was once", None),
    ]
    with pytest.raises(WriteRefused, match="feed npa"):
        await writer.apply(changes)
    assert await texts(redis, keys) == before


async def test_of_two_imports_at_once_each_is_whole_or_refused(
    filled: Run, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    files = []
    for name in ("one", "two"):
        file = tmp_path / f"{name}.json"
        many = {f"p{n}": {"name": name} for n in range(300)}
        rules = {f"r{n}": {"action": "block", "note": name} for n in range(300)}
        file.write_text(file_of(providers=many, rules=rules))
        files.append(str(file))

    async def attempt(file: str) -> None:
        try:
            await asyncio.to_thread(filled, "import", file)
        except AssertionError as error:
            assert "changed by somebody else meanwhile" in str(error)  # noqa: PT017

    await asyncio.gather(*map(attempt, files))
    now = (await texts(redis, keys))["provider"]
    now.pop("gateway")
    written = {json.loads(text)["name"] for text in now.values()}
    stand = await Reader(redis, keys).rules()
    written |= {json.loads(text)["note"] for text in stand.values()}
    assert (len(now), len(stand), len(written)) == (300, 300, 1)
