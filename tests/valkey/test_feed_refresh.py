"""Feeds from a web server: what is new comes in, what fails harms nothing, one worker at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.feeds.download import Downloader
from ringfence.feeds.importing import Importer
from ringfence.feeds.kinds import KINDS
from ringfence.feeds.model import Feed, FeedState, Options, decode_state
from ringfence.feeds.refreshing import Refresher
from ringfence.feeds.refused import FeedRefused
from ringfence.feeds.scheduling import Scheduler
from ringfence.store.feeds import FeedReader, FeedWriter
from ringfence.store.keys import Keys

from .conftest import Until, ended

FILES = Path(__file__).parents[1] / "data" / "feeds"
DAY = 86_400
NOW = 1_772_798_400.0
"""2026-03-06 12:00 UTC, a Friday."""
DNO = KINDS["dno"]


def moved(to: str) -> web.Response:
    return web.Response(status=302, headers={"Location": to})


class Publisher:
    """A web server that answers what a test puts there, and notes what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[web.Request], web.StreamResponse]] = {}
        self.slowly: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        self.asked: list[web.Request] = []
        self.at = ""

    def put(self, path: str, text: bytes, **headers: str) -> str:
        self.answers[path] = lambda request: web.Response(body=text, headers=headers)
        return self.at + path

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if slow := self.slowly.get(request.path):
            return await slow(request)
        make = self.answers.get(request.path)
        if make is None:
            raise web.HTTPNotFound
        return make(request)


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    found = Publisher()
    app = web.Application()
    app.router.add_get("/{tail:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.at = "http://127.0.0.1:{}".format(*[runner.addresses[0][1]])
    yield found
    await runner.cleanup()


@pytest.fixture
def reader(redis: Redis, keys: Keys) -> FeedReader:
    return FeedReader(redis, keys)


@pytest.fixture
def refresher(redis: Redis, keys: Keys) -> Refresher:
    importer = Importer(redis, keys, "alice", clock=lambda: NOW)
    return Refresher(importer, Downloader(silence=0.5, whole=2.0), clock=lambda: NOW)


async def state_of(reader: FeedReader, name: str) -> FeedState:
    return decode_state(await reader.state(name))


async def test_what_is_not_new_is_not_brought_again(
    publisher: Publisher, refresher: Refresher, reader: FeedReader
) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(body=b"+12025550101\n", headers={"ETag": '"1"'})

    publisher.answers["/dno.txt"] = answer
    url = publisher.at + "/dno.txt"
    first = await refresher.refresh("dno", DNO, url, Options())
    assert first.brought[0].lists == {"dno": (1, 1)}
    again = await refresher.refresh("dno", DNO, url, Options())
    assert (again.brought, again.as_before) == ([], 1)
    state = await state_of(reader, "dno")
    assert (state.rows, state.failures, state.current_at) == (1, 0, NOW)


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("status", [200, 304, 503])
async def test_a_feed_that_is_removed_while_it_is_refreshed_does_not_come_back(
    publisher: Publisher, refresher: Refresher, reader: FeedReader, redis: Redis, keys: Keys,
    status: int, before: bool,
) -> None:  # fmt: skip
    url = publisher.put("/dno.txt", b"+12025550101\n")
    await FeedWriter(redis, keys, "alice").set_feed(
        "dno", msgspec.json.encode(Feed("dno", url, 3_600))
    )
    if before:
        await refresher.refresh("dno", DNO, url, Options())
    asked, removed = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.set()
        await removed.wait()
        return web.Response(status=status, body=b"+12025550102\n" if status == 200 else b"")

    publisher.slowly["/dno.txt"] = answer
    refreshing = asyncio.create_task(refresher.refresh("dno", DNO, url, Options()))
    await asked.wait()
    await Importer(redis, keys, "bob").remove("dno")
    removed.set()
    with pytest.raises(FeedRefused, match="removed"):
        await refreshing
    assert await reader.state("dno") is None
    assert not await redis.exists(keys.list("dno"), keys.feed_parts("dno"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda r: web.Response(status=503), "answered 503"),
        (lambda r: web.Response(status=404), "answered 404"),
        (lambda r: web.Response(body=b"<html>"), "found a web page"),
        (lambda r: moved("ftp://127.0.0.1/x"), "/dno.txt: "),
        (lambda r: moved(r.path), "redirected again and again"),
        (lambda r: web.Response(body=b"x" * 5_000), "5000 bytes, more than the 1000 allowed"),
    ],
)
async def test_whatever_a_server_answers_what_was_there_stays(
    publisher: Publisher,
    refresher: Refresher,
    reader: FeedReader,
    redis: Redis,
    keys: Keys,
    answer: Callable[[web.Request], web.StreamResponse],
    said: str,
) -> None:
    small = DNO._replace(most_bytes=1_000)
    url = publisher.put("/dno.txt", b"+12025550101\n")
    await refresher.refresh("dno", small, url, Options())
    publisher.answers["/dno.txt"] = answer
    with pytest.raises(FeedRefused) as refused:
        await refresher.refresh("dno", small, url, Options())
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert await redis.smembers(keys.list("dno")) == {b"+12025550101"}
    state = await state_of(reader, "dno")
    assert (state.rows, state.failures) == (1, 1)
    assert said in state.failure


async def test_a_server_that_falls_silent_or_never_ends_is_left(
    publisher: Publisher, refresher: Refresher
) -> None:
    begun = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        begun.set()
        while True:
            if request.path == "/endless":
                await response.write(b"+12025550101\n" * 100)
            await asyncio.sleep(0.05)

    publisher.answer = silent  # type: ignore[method-assign]
    app = web.Application()
    app.router.add_get("/{tail:.*}", silent)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    at = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        for path in ("/silent", "/endless"):
            began = time.monotonic()
            with pytest.raises(FeedRefused, match="the server took too long"):
                await refresher.refresh("dno", DNO, at + path, Options())
            assert time.monotonic() - began < 5
    finally:
        await runner.cleanup()


async def test_a_download_that_breaks_off_is_no_file(refresher: Refresher, redis: Redis) -> None:
    async def break_off(asked: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        await asked.readuntil(b"\r\n\r\n")
        answer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n+12025550101\n")
        answer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/dno.txt"
        with pytest.raises(FeedRefused, match="Response payload is not completed"):
            await refresher.refresh("dno", DNO, url, Options())


async def test_a_file_for_each_weekday_is_asked_for_and_a_missing_day_is_none(
    publisher: Publisher, refresher: Refresher, reader: FeedReader, redis: Redis, keys: Keys
) -> None:
    text = (FILES / "DNC_Complaint_Numbers_2026-03-05.csv").read_bytes()
    for day in ("03", "04"):
        publisher.put(f"/2026-03-{day}.csv", text.replace(b"03-05", f"03-{day}".encode()), ETag=day)
    publisher.put("/2026-03-05.csv", b"<html>not found</html>")
    url = publisher.at + "/{date}.csv"
    done = await refresher.refresh("ftc", KINDS["ftc"], url, Options())
    assert [each.dated for each in done.brought] == ["2026-03-03", "2026-03-04"]
    assert done.not_there == 7
    assert [request.path[6:11] for request in publisher.asked] == [
        "02-24", "02-25", "02-26", "02-27", "03-02", "03-03", "03-04", "03-05", "03-06"
    ]  # fmt: skip
    assert (await state_of(reader, "ftc")).failures == 0
    assert await redis.zcard(keys.list("complaints-ftc-1")) == 2
    publisher.put("/2026-03-05.csv", text.replace(b"Subject,", b"Topic,"))
    publisher.put("/2026-03-06.csv", text.replace(b"03-05", b"03-06"))
    with pytest.raises(FeedRefused, match="Subject in column 7"):
        await refresher.refresh("ftc", KINDS["ftc"], url, Options())
    assert set(await reader.parts("ftc")) == {"2026-03-03", "2026-03-04", "2026-03-06"}


async def test_a_day_in_the_query_of_an_address_tells_files_apart_too(
    publisher: Publisher, refresher: Refresher, redis: Redis, keys: Keys
) -> None:
    text = (FILES / "DNC_Complaint_Numbers_2026-03-05.csv").read_bytes()
    url = publisher.put("/2025-12-31/complaints", text) + "?day={date}"
    done = await refresher.refresh("ftc", KINDS["ftc"], url, Options())
    days = [request.query["day"].encode() for request in publisher.asked]
    assert len(done.brought) == len(days)
    assert sorted(await redis.hkeys(keys.feed_parts("ftc"))) == days
    assert all("?" not in each.place for each in done.brought)


async def test_where_there_is_no_day_at_all_the_feed_fails(
    publisher: Publisher, refresher: Refresher, reader: FeedReader
) -> None:
    with pytest.raises(FeedRefused, match="answered 404"):
        await refresher.refresh("ftc", KINDS["ftc"], publisher.at + "/{date}.csv", Options())
    assert (await state_of(reader, "ftc")).failures == 1


async def test_phoneblock_is_asked_with_its_token_for_what_has_changed(
    publisher: Publisher,
    refresher: Refresher,
    reader: FeedReader,
    redis: Redis,
    keys: Keys,
    tmp_path: Path,
) -> None:
    token = tmp_path / "token"
    token.write_text("geheim\n")
    kind, options = KINDS["phoneblock"], Options(token_file=str(token))
    url = publisher.put("/list", (FILES / "phoneblock.json").read_bytes()) + "?format=json"
    await refresher.refresh("phoneblock", kind, url, options)
    publisher.put("/list", (FILES / "phoneblock_since.json").read_bytes())
    await refresher.refresh("phoneblock", kind, url, options)
    assert [request.query_string for request in publisher.asked] == [
        "format=json", "format=json&since=17"
    ]  # fmt: skip
    assert {r.headers["Authorization"] for r in publisher.asked} == {"Bearer geheim"}
    assert set(await redis.zrange(keys.list("phoneblock"), 0, -1)) == {
        b"+4930901821", b"+4930901822"
    }  # fmt: skip
    assert (await state_of(reader, "phoneblock")).version == 18
    with pytest.raises(FeedRefused, match="a token goes by https only"):
        await refresher.refresh("phoneblock", kind, "http://192.0.2.1/list", options)
    token.write_text("")
    with pytest.raises(FeedRefused, match="one token is to be in it"):
        await refresher.refresh("phoneblock", kind, url, options)


def cli(
    url: str, keys: Keys, tmp_path: Path
) -> tuple[Callable[[str], Sequence[str]], dict[str, str]]:
    (tmp_path / "none.toml").touch()
    environ = {
        "PATH": os.environ["PATH"],
        "RINGFENCE_CONFIG": str(tmp_path / "none.toml"),
        "RINGFENCE_REDIS_URL": url,
        "RINGFENCE_REDIS_PREFIX": keys.prefix,
        "RINGFENCE_STATE_DIR": str(tmp_path),
    }
    line = (sys.executable, "-m", "ringfence.cli", "feed", "refresh", "--json", "--parent")
    return lambda name: [*line, str(os.getpid()), "--", name], environ


@pytest.fixture
async def scheduled(redis: Redis, keys: Keys, publisher: Publisher) -> Callable[..., object]:
    async def schedule(name: str, text: bytes, kind: str = "dno") -> None:
        url = publisher.put(f"/{name}", text)
        feed = Feed(kind, url, 3_600, Options(list=name))
        await FeedWriter(redis, keys, "alice").set_feed(name, msgspec.json.encode(feed))

    return schedule


async def test_what_is_due_is_refreshed_by_one_worker_and_once(
    redis: Redis,
    keys: Keys,
    url: str,
    publisher: Publisher,
    scheduled: Callable[..., object],
    reader: FeedReader,
    tmp_path: Path,
) -> None:
    await scheduled("one", b"+12025550101\n")  # type: ignore[misc]
    await scheduled("bad", b"<html>")  # type: ignore[misc]
    command, environ = cli(url, keys, tmp_path)
    workers = [Scheduler(redis, keys, command, environ=environ) for _ in range(3)]
    with capture_logs() as logs:
        done = await asyncio.gather(*(worker.look() for worker in workers))
    assert sorted(done, key=len) == [[], [], ["bad", "one"]]
    assert sorted(request.path for request in publisher.asked) == ["/bad", "/one"]
    assert await redis.smembers(keys.list("one")) == {b"+12025550101"}
    (refreshed,) = [line for line in logs if line["event"] == "feed refreshed"]
    assert (refreshed["feed"], refreshed["rows"]) == ("one", 1)
    (failed,) = [line for line in logs if line["log_level"] == "warning"]
    assert (failed["feed"], failed["failures"]) == ("bad", 1)
    assert "found a web page" in failed["why"]
    assert 290 < failed["next_in"] <= 300
    assert await asyncio.gather(*(worker.look() for worker in workers)) == [[], [], []]
    assert not await redis.exists(keys.feed_turn)


async def test_a_turn_is_one_workers_until_it_gives_it_back_or_dies(
    redis: Redis, keys: Keys, until: Callable[..., object]
) -> None:
    writer = FeedWriter(redis, keys, "alice")
    assert await writer.take_turn("a", 30)
    assert await writer.take_turn("a", 30)
    assert not await writer.take_turn("b", 30)
    await writer.give_turn_back("b")
    assert not await writer.take_turn("b", 30)
    await writer.give_turn_back("a")
    assert await writer.take_turn("b", 0.001)
    await until(lambda: writer.take_turn("a", 30))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "ended with code -9"),
        ("import sys; sys.exit('ringfence: no Redis here')", "ringfence: no Redis here"),
        ("import time; time.sleep(60)", "took too long and was ended"),
    ],
)
async def test_a_process_that_dies_is_a_failure_and_waits_for_its_next_time(
    redis: Redis,
    keys: Keys,
    scheduled: Callable[..., object],
    reader: FeedReader,
    code: str,
    said: str,
) -> None:
    await scheduled("one", b"+12025550101\n")  # type: ignore[misc]
    scheduler = Scheduler(redis, keys, lambda name: [sys.executable, "-c", code], run_seconds=1.0)
    with capture_logs() as logs:
        assert await scheduler.look() == ["one"]
        assert await scheduler.look() == []
    assert [line["why"] for line in logs] == [said]
    assert (await state_of(reader, "one")).failures == 1


async def test_a_feed_that_is_removed_under_its_process_leaves_no_trace(
    redis: Redis, keys: Keys, scheduled: Callable[..., object], reader: FeedReader, tmp_path: Path,
    until: Until,
) -> None:  # fmt: skip
    await scheduled("one", b"+12025550101\n")  # type: ignore[misc]
    told = tmp_path / "told"

    def command(name: str) -> list[str]:
        return ["sh", "-c", f"echo > {told}; while [ -e {told} ]; do sleep 0.01; done; exit 1"]

    with capture_logs() as logs:
        looking = asyncio.create_task(Scheduler(redis, keys, command).look())
        await until(told.exists)
        await redis.hdel(keys.feeds, "one")
        told.unlink()
        await looking
    assert await reader.states() == {}
    assert [log["event"] for log in logs] == ["feed was removed while it was refreshed"]


async def test_a_program_that_is_not_there_and_a_spoilt_feed_end_nothing(
    redis: Redis, keys: Keys, scheduled: Callable[..., object]
) -> None:
    await scheduled("one", b"+12025550101\n")  # type: ignore[misc]
    await redis.hset(keys.feeds, "spoilt", b"{")
    scheduler = Scheduler(redis, keys, lambda name: ["/no/such/program"])
    with capture_logs() as logs:
        assert await scheduler.look() == ["one"]
        assert await scheduler.look() == []
    assert [line["event"] for line in logs] == [
        "feed not read", "feed failed, what it brought before stays"
    ]  # fmt: skip


async def test_a_key_of_a_wrong_type_is_told_once(
    redis: Redis, keys: Keys, scheduled: Callable[..., object], until: Callable[..., object]
) -> None:
    await redis.set(keys.feeds, "by hand")
    looks = 0

    class Counting(Scheduler):
        async def look(self) -> list[str]:
            nonlocal looks
            looks += 1
            return await super().look()

    scheduler = Counting(redis, keys, lambda name: ["/none"], look_seconds=0.001)
    with capture_logs() as logs:
        task = asyncio.create_task(scheduler.run())
        await until(lambda: looks > 3)  # type: ignore[misc]
        await redis.delete(keys.feeds)
        await scheduled("one", b"+12025550101\n")  # type: ignore[misc]
        await until(lambda: redis.exists(keys.feeds_state))  # type: ignore[misc]
        await ended(task)
    assert [line["event"] for line in logs] == [
        "feeds are not refreshed", "feed failed, what it brought before stays"
    ]  # fmt: skip
    assert "WRONGTYPE" in logs[0]["why"]


async def test_one_cancellation_is_enough_whatever_it_is_at(
    redis: Redis, keys: Keys, scheduled: Callable[..., object]
) -> None:
    for steps in range(60):
        await redis.delete(keys.feeds_state, keys.feed_turn)
        await scheduled("one", b"+12025550101\n")  # type: ignore[misc]
        scheduler = Scheduler(redis, keys, lambda name: ["/none"], look_seconds=0.0)
        task = asyncio.create_task(scheduler.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.wait_for(ended(task), 5)


async def test_a_clock_that_was_set_back_stops_no_feed(
    redis: Redis, keys: Keys, scheduled: Callable[..., object], reader: FeedReader
) -> None:
    await scheduled("one", b"+12025550101\n")  # type: ignore[misc]
    ahead = FeedState(kind="dno").confirmed(NOW + DAY)
    await FeedWriter(redis, keys, "x").keep("one", msgspec.json.encode(ahead))
    scheduler = Scheduler(redis, keys, lambda name: ["/no/such/program"], clock=lambda: NOW)
    assert await scheduler.look() == ["one"]


async def test_serve_refreshes_what_is_scheduled(
    redis: Redis,
    keys: Keys,
    url: str,
    scheduled: Callable[..., object],
    tmp_path: Path,
    until: Callable[..., object],
) -> None:
    await scheduled("one", b"+12025550101\n")  # type: ignore[misc]
    _, environ = cli(url, keys, tmp_path)
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ringfence.cli", "serve",
            env={**environ, "RINGFENCE_AGI_BIND": "127.0.0.1:0", "RINGFENCE_LOG_FORMAT": "json"},
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        await until(lambda: redis.exists(keys.list("one")), 20.0)  # type: ignore[misc]

        def told() -> bool:
            lines = [json.loads(line) for line in log.read_text().splitlines()]
            return any(line["event"] == "feed refreshed" for line in lines)

        await until(told, 10.0)  # type: ignore[misc]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0
