"""Deadlines are kept: once, over several workers, through kills and clocks that jump."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess
from typing import Any

import msgspec
import pytest
import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ringfence.ami import AmiFailed, Answer
from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import CallAttempt
from ringfence.calllog.record import CallRecord, utc_text
from ringfence.providers.deadlines import Kind
from ringfence.providers.enforcement import Enforcer
from ringfence.providers.hang_up import CallsInProgress
from ringfence.providers.model import Provider
from ringfence.providers.notice import (
    MAX_NOTICE_BYTES,
    AtDeadline,
    Does,
    Notice,
    Step,
    decode_notice,
    encode_notice,
)
from ringfence.rules import evaluate
from ringfence.screening import call_of
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.history import History
from ringfence.store.writing.writer import Writer
from ringfence.trunk import DEFAULT_TRUNK

Until = Callable[..., Awaitable[None]]
Run = Callable[..., CompletedProcess[str]]

AT = datetime(2020, 4, 3, 15, 0, tzinfo=UTC)
DUE = AT + timedelta(hours=48)
HOUR = timedelta(hours=1)
GATEWAY = Provider(trunks=("gateway-c",), addresses=("192.0.2.0/24",), signers=("818H",))
RULES = {
    b"notice-letter-1-addresses", b"notice-letter-1-diverters", b"notice-letter-1-signers",
    b"notice-letter-1-trunks",
}  # fmt: skip


class Clock:
    """A clock that a test sets."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at.timestamp()


def letter(**more: Any) -> Notice:
    given: dict[str, Any] = {
        "kind": Kind.LETTER, "received": AT, "deadline": DUE, "provider": "gateway",
        "at_deadline": AtDeadline.BLOCK_BOTH, "steps": (Step(AT, "alice", Does.COMMISSION),),
    }  # fmt: skip
    return Notice(**(given | more))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def enforcer(redis: Redis, keys: Keys, clock: Clock) -> Enforcer:
    return Enforcer(redis, keys, clock=clock)


@pytest.fixture
async def gateway(writer: Writer) -> None:
    await writer.set_provider("gateway", GATEWAY)


async def stored(redis: Redis, keys: Keys, id: str = "letter-1") -> Notice:
    return decode_notice(id, await redis.hget(keys.notices, id) or b"")


async def does(redis: Redis, keys: Keys) -> list[str]:
    return [str(step.does) for step in (await stored(redis, keys)).steps]


def verdict(
    mirror: Mirror, trunk: str, source: str = "", signer: str = "", held: bool = True
) -> str:
    world = mirror.world()
    attempt = CallAttempt(caller="+13035550100", called="+12025550123", trunk=trunk, source=source)
    call = call_of(attempt, world.trunks.get(trunk, DEFAULT_TRUNK))
    if signer:
        result = Verification.PASSED if held else Verification.FAILED
        signed = Attestation(Level.A if held else Level.NONE, result, signer=signer)
        call = msgspec.structs.replace(call, attestation=signed)
    found = evaluate(world.rules, call, world.lists, DUE.timestamp())
    return f"{found.action} {found.basis}".strip()


@pytest.mark.usefixtures("gateway")
async def test_the_story_of_the_letters(
    writer: Writer, enforcer: Enforcer, clock: Clock, mirror: Mirror, until: Until,
    ringfence: Run, redis: Redis, keys: Keys,
) -> None:  # fmt: skip
    await writer.set_notice("letter-1", letter())
    clock.at = DUE - timedelta(seconds=1)
    await enforcer.look()
    assert verdict(mirror, "gateway-c") == "allow"
    clock.at = DUE
    await enforcer.look()
    await until(lambda: verdict(mirror, "gateway-c") == "block provider-notice")
    assert verdict(mirror, "peer", signer="818h") == "block provider-notice"
    assert verdict(mirror, "former", source="192.0.2.7:5060") == "block provider-notice"
    # other traffic of the second provider is untouched, and so is what only claims the signature
    assert verdict(mirror, "peer") == "allow"
    assert verdict(mirror, "peer", signer="999A") == "allow"
    assert verdict(mirror, "peer", signer="818H", held=False) == "allow"
    lifted = ringfence("notice", "lift", "letter-1", "withdrawn").stdout
    assert "notice-letter-1-trunks" in lifted
    await until(lambda: verdict(mirror, "gateway-c") == "allow")
    assert verdict(mirror, "peer", signer="818H") == "allow"
    assert await redis.hkeys(keys.rules) == []
    await enforcer.look()
    assert await redis.hkeys(keys.rules) == []
    assert (await stored(redis, keys)).status == "lifted"
    assert (await does(redis, keys))[-1] == "lifted"


@pytest.mark.usefixtures("gateway")
async def test_ten_workers_at_the_deadline_do_each_thing_once(
    writer: Writer, redis: Redis, keys: Keys
) -> None:
    await writer.set_notice("letter-1", letter())
    clocks = [Clock(DUE - 2 * HOUR) for _ in range(10)]
    workers = [Enforcer(redis, keys, clock=clock) for clock in clocks]
    with structlog.testing.capture_logs() as logs:
        for minutes in range(0, 150, 10):
            for clock in clocks:
                clock.at = DUE - 2 * HOUR + timedelta(minutes=minutes)
            await asyncio.gather(*(worker.look() for worker in workers))
    assert await does(redis, keys) == ["commission", "reminded", "reminded", "blocked"]
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == [
        "a notice is due soon", "a notice is due soon", "a provider is blocked",
    ]  # fmt: skip
    assert set(await redis.hkeys(keys.rules)) == RULES
    changes = [c async for c in History(redis, keys).changes("rule") if c.op == "enforce"]
    assert len(changes) == len(RULES)
    assert {change.who for change in changes} == {"ringfence"}
    assert all("notice letter-1: " in change.why for change in changes)


class Dies(Exception):  # noqa: N818 - what happens
    """Stands for a kill."""


@asynccontextmanager
async def killed_at(redis: Redis, *, after: bool) -> AsyncIterator[None]:
    """Whoever writes is killed: before Redis has heard of it, or before the answer is back."""
    real: Any = redis.execute_command

    async def execute(*command: Any, **more: Any) -> Any:
        writes = command[0] == "EVALSHA"
        if writes and not after:
            raise Dies
        answer = await real(*command, **more)
        if writes:
            raise Dies
        return answer

    redis.execute_command = execute  # type: ignore[method-assign]
    try:
        yield
    finally:
        redis.execute_command = real  # type: ignore[method-assign]


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("after", [False, True])
async def test_a_worker_killed_at_the_deadline_leaves_all_of_it_or_nothing(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys, after: bool
) -> None:
    await writer.set_notice("letter-1", letter(remind=()))
    # so that the script is known to the server, and the first attempt is the one that counts
    await writer.apply([])
    clock.at = DUE
    with pytest.raises(Dies):
        async with killed_at(redis, after=after):
            await enforcer.look()
    assert set(await redis.hkeys(keys.rules)) == (RULES if after else set())
    assert (await stored(redis, keys)).blocked is None or after
    await Enforcer(redis, keys, clock=clock).look()
    assert set(await redis.hkeys(keys.rules)) == RULES
    assert await does(redis, keys) == ["commission", "blocked"]


@pytest.mark.usefixtures("gateway")
async def test_a_clock_that_jumps_keeps_the_deadline_and_undoes_nothing(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys
) -> None:
    await writer.set_notice("letter-1", letter())
    clock.at = DUE + 1_000 * HOUR
    await enforcer.look()
    assert set(await redis.hkeys(keys.rules)) == RULES
    clock.at = AT
    await enforcer.look()
    clock.at = DUE
    await enforcer.look()
    assert set(await redis.hkeys(keys.rules)) == RULES
    assert await does(redis, keys) == ["commission", "blocked"]


@pytest.mark.usefixtures("gateway")
async def test_a_block_waits_for_the_word_to_the_commission(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys, ringfence: Run
) -> None:
    await writer.set_notice("letter-1", letter(steps=()))
    clock.at = DUE
    with structlog.testing.capture_logs() as logs:
        await enforcer.look()
        await enforcer.look()
    (alarm,) = logs
    assert (alarm["log_level"], alarm["notice"]) == ("error", "letter-1")
    assert "the Commission must be told first" in alarm["what"]
    assert await redis.hkeys(keys.rules) == []
    ringfence("notice", "step", "letter-1", "--commission", "sent")
    await enforcer.look()
    assert set(await redis.hkeys(keys.rules)) == RULES


@pytest.mark.usefixtures("gateway")
async def test_what_an_admin_decided_about_a_rule_stays_so_and_the_register_is_followed(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys
) -> None:
    await writer.set_notice("letter-1", letter())
    clock.at = DUE
    await enforcer.look()
    await enforcer.look()
    await writer.enable_rule("notice-letter-1-trunks", False)
    wider = msgspec.structs.replace(GATEWAY, trunks=("gateway-c", "gateway-d"), signers=("1A",))
    await writer.set_provider("gateway", wider)
    await enforcer.look()
    assert (await does(redis, keys)).count("blocked") == 1, "it is read every five seconds"
    clock.at = DUE + timedelta(seconds=5)
    await enforcer.look()
    trunks = json.loads(await redis.hget(keys.rules, "notice-letter-1-trunks") or b"")
    signers = json.loads(await redis.hget(keys.rules, "notice-letter-1-signers") or b"")
    assert trunks["enabled"] is False
    assert signers["when"]["signer"] == ["1A"]
    steps = (await stored(redis, keys)).steps
    assert steps[-1].text.startswith("by rules notice-letter-1-signers, notice-letter-1-diverters")
    before = await does(redis, keys)
    clock.at = DUE + timedelta(seconds=10)
    await enforcer.look()
    assert await does(redis, keys) == before


@pytest.mark.usefixtures("gateway")
async def test_a_block_in_force_delays_no_other_deadline(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys
) -> None:
    second = timedelta(seconds=1)
    await writer.set_notice("letter-1", letter(remind=()))
    await writer.set_notice("letter-2", letter(remind=(), deadline=DUE + 3 * second))
    for seconds in range(4):
        clock.at = DUE + seconds * second
        await enforcer.look()
        assert len(await redis.hkeys(keys.rules)) == (8 if seconds == 3 else 4)


@pytest.mark.usefixtures("gateway")
async def test_lifting_takes_what_the_notice_added_and_nothing_else(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys, ringfence: Run
) -> None:
    own = '{"action": "block", "when": {"trunk": "gateway-c"}}'
    await writer.set_rule("notice-letter-1-mine", own)
    await writer.set_notice("letter-1", letter())
    await writer.set_notice("letter-2", letter())
    clock.at = DUE
    await enforcer.look()
    await writer.remove_rule("notice-letter-1-addresses")
    await writer.enable_rule("notice-letter-1-signers", False)
    assert "BLOCKED" in ringfence("notice", "list").stdout
    assert "BLOCKED since 2020-04-05" in ringfence("provider", "list").stdout
    assert "block is in force" in ringfence("notice", "resolve", "letter-1", code=1).stderr
    assert (
        "block is in force"
        in ringfence("notice", "extend", "letter-1", "--to", "7d", code=1).stderr
    )
    lifted = ringfence("notice", "lift", "letter-1")
    assert "notice-letter-1-signers had been changed by an admin" in lifted.stderr
    assert set(await redis.hkeys(keys.rules)) == {
        b"notice-letter-1-mine", b"notice-letter-2-addresses", b"notice-letter-2-diverters",
        b"notice-letter-2-signers", b"notice-letter-2-trunks",
    }  # fmt: skip


async def test_one_bad_notice_keeps_none_of_the_others_from_its_deadline(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys
) -> None:
    await writer.set_provider("gateway", GATEWAY)
    await redis.hset(keys.notices, "a-bad-one", '{"kind": "letter"}')
    await writer.set_notice("letter-1", letter())
    clock.at = DUE
    with structlog.testing.capture_logs() as logs:
        await enforcer.look()
        await enforcer.look()
    assert [log["event"] for log in logs] == ["notice refused", "a provider is blocked"]
    assert set(await redis.hkeys(keys.rules)) == RULES


async def test_a_notice_that_cannot_be_written_is_told_once_and_stops_no_other(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys
) -> None:
    await writer.set_provider("gateway", GATEWAY)
    # as long as a notice may be by hand, and no text in it that could be cut
    empty = Step(AT, "alice")
    room = MAX_NOTICE_BYTES - len(encode_notice(letter()))
    steps = (empty,) * (room // (len(msgspec.json.encode(empty)) + 1))
    full = letter(steps=(*letter().steps, *steps))
    await redis.hset(keys.notices, "a-full-one", encode_notice(full))
    await writer.set_notice("letter-1", letter())
    clock.at = DUE
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await enforcer.look()
    assert [log["event"] for log in logs] == ["a provider is blocked", "notice refused"]
    assert set(await redis.hkeys(keys.rules)) == RULES


async def test_a_notice_without_room_for_another_step_blocks_all_the_same(
    writer: Writer, enforcer: Enforcer, clock: Clock, redis: Redis, keys: Keys
) -> None:
    await writer.set_provider("gateway", GATEWAY)
    full = letter(remind=())
    while (left := MAX_NOTICE_BYTES - len(encode_notice(full)) - 80) > 0:
        full = full.with_step(Step(AT, "alice", Does.NOTE, "x" * min(left, 4_000)))
    await redis.hset(keys.notices, "letter-1", encode_notice(full))
    clock.at = DUE
    await enforcer.look()
    assert set(await redis.hkeys(keys.rules)) == RULES
    assert (await does(redis, keys))[-1] == "blocked"


async def test_while_redis_is_away_deadlines_wait_and_one_line_says_so(clock: Clock) -> None:
    class Away:
        connection_pool = connect_redis("redis://127.0.0.1:1/0").connection_pool

        def __getattr__(self, name: str) -> Any:
            if name == "register_script":
                return lambda text: None
            raise RedisConnectionError("nobody there")

    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise Dies

    away: Any = Away()
    with structlog.testing.capture_logs() as logs, pytest.raises(Dies):
        await Enforcer(away, Keys(), clock=clock, pause=pause).run()
    assert [log["event"] for log in logs] == ["deadlines of notices wait"]
    assert waited == [5.0, 5.0, 5.0]


class Manager:
    """A manager interface with these channels up."""

    def __init__(self, *up: str, fails: str = "") -> None:
        self.up = list(up)
        self.fails = fails
        self.ended: list[str] = []

    async def __aenter__(self) -> Manager:
        if self.fails:
            raise AmiFailed(self.fails)
        return self

    async def __aexit__(self, *ended: object) -> None:
        return None

    async def listing(self, name: str, **fields: str) -> list[Answer]:
        return [{"channel": each, "uniqueid": f"1.{each}"} for each in self.up]

    async def action(self, name: str, **fields: str) -> Answer:
        channel = fields["Channel"]
        if channel == "PJSIP/gateway-c-gone":
            raise AmiFailed("No such channel")
        self.ended.append(channel)
        return {}


def in_progress(channel: str, **more: str) -> CallRecord:
    given: dict[str, Any] = {
        "id": "x", "time": utc_text(DUE.timestamp() - 60), "channel": channel,
        "uniqueid": f"1.{channel}", "action": "allow", "reason": "no-rule",
        "trunk": channel.partition("/")[2].rpartition("-")[0],
    }  # fmt: skip
    return CallRecord(**(given | more))


CALLS = [
    in_progress("PJSIP/gateway-c-1"),
    in_progress("PJSIP/gateway-c-gone"),
    in_progress("PJSIP/gateway-c-over"),
    in_progress("PJSIP/gateway-c-911", reason="emergency"),
    in_progress("PJSIP/peer-1", signer="818H", verification="passed"),
    in_progress("PJSIP/peer-2"),
]
UP = [each.channel for each in CALLS if "over" not in each.channel] + ["PJSIP/gateway-c-outbound"]


async def records(since: datetime) -> AsyncIterator[CallRecord]:
    for each in CALLS:
        yield each


@pytest.mark.usefixtures("gateway")
async def test_calls_in_progress_are_ended_once_if_the_notice_says_so(
    writer: Writer, clock: Clock, redis: Redis, keys: Keys
) -> None:
    manager = Manager(*UP)
    hang_up = CallsInProgress(writer, records, lambda: manager)
    enforcer = Enforcer(redis, keys, hang_up=hang_up, clock=clock)
    await writer.set_notice("letter-1", letter(hang_up=True))
    await writer.set_notice("letter-2", letter())
    for seconds in (0, 1, 2, 3):
        clock.at = DUE + timedelta(seconds=seconds)
        await enforcer.look()
        assert bool(manager.ended) == (seconds >= 2)
    assert manager.ended == ["PJSIP/gateway-c-1", "PJSIP/peer-1"]
    notice = await stored(redis, keys)
    assert notice.hung_up == DUE + timedelta(seconds=2)
    assert notice.steps[-1].text == "2 calls in progress ended"


@pytest.mark.usefixtures("gateway")
async def test_where_asterisk_cannot_be_asked_the_notice_says_that_calls_went_on(
    writer: Writer, clock: Clock, redis: Redis, keys: Keys
) -> None:
    hang_up = CallsInProgress(writer, records, lambda: Manager(fails="no AMI at all"))
    enforcer = Enforcer(redis, keys, hang_up=hang_up, clock=clock)
    await writer.set_notice("letter-1", letter(hang_up=True))
    for seconds in (0, 5, 59):
        clock.at = DUE + timedelta(seconds=seconds)
        await enforcer.look()
        assert (await stored(redis, keys)).hung_up is None
    clock.at = DUE + timedelta(seconds=61)
    await enforcer.look()
    assert (await stored(redis, keys)).steps[-1].text == (
        "calls in progress were not ended: no AMI at all"
    )
    await writer.set_notice("letter-1", letter(hang_up=True))
    without = Enforcer(redis, keys, hang_up=CallsInProgress(writer, records, None), clock=clock)
    await without.look()
    clock.at += timedelta(seconds=3)
    await without.look()
    assert "ami.host is not set" in (await stored(redis, keys)).steps[-1].text
