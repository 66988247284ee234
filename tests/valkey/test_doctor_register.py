"""`ringfence doctor` on notices and callees: what is late or cannot be enforced, whose is whose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from ringfence.doctor.finding import Finding, State
from ringfence.doctor.notices import examine_notices
from ringfence.doctor.rules import examine_rules, read_rules
from ringfence.providers.deadlines import Kind
from ringfence.providers.model import Provider
from ringfence.providers.notice import AtDeadline, Blocked, Does, Notice, Step
from ringfence.providers.progress import resolved
from ringfence.store.keys import Keys
from ringfence.store.reader import Reader
from ringfence.store.writing.writer import Writer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def notice(due: datetime, provider: str = "gateway") -> Notice:
    return Notice(Kind.OWN, NOW - 48 * HOUR, due, provider, at_deadline=AtDeadline.BLOCK_DIRECT,
                  basis="policy")  # fmt: skip


async def found(redis: Redis, keys: Keys) -> list[Finding]:
    return [each async for each in examine_notices(Reader(redis, keys), NOW.timestamp())]


async def test_without_notices_there_is_nothing_to_say(redis: Redis, keys: Keys) -> None:
    assert await found(redis, keys) == []


async def test_notices_in_time_are_well(redis: Redis, keys: Keys, writer: Writer) -> None:
    await writer.set_provider("gateway", Provider(trunks=("gw",)))
    await writer.set_notice("a", notice(NOW + HOUR))
    late = notice(NOW - HOUR)
    await writer.set_notice("b", resolved(late, Step(NOW, "alice", Does.RESOLVED)))
    blocked = Blocked(NOW, {"notice-c-trunks": "0" * 12})
    await writer.set_notice("c", Notice(Kind.OWN, NOW, NOW - HOUR, "gateway", blocked=blocked,
                                        at_deadline=AtDeadline.BLOCK_DIRECT))  # fmt: skip
    (one,) = await found(redis, keys)
    assert (one.state, one.what) == (State.OK, "2 open, 1 of which block, none is overdue")


async def test_what_is_overdue_is_named(redis: Redis, keys: Keys, writer: Writer) -> None:
    await writer.set_provider("gateway", Provider())
    for n in range(5):
        await writer.set_notice(f"n{n}", notice(NOW - HOUR))
    (one,) = await found(redis, keys)
    assert (one.state, one.mend) == (State.WARN, "ringfence notice show n0")
    assert "nothing is blocked: n0, n1, n2 and 2 more" in one.what


async def test_a_provider_that_is_not_there_or_refused_is_named(
    redis: Redis, keys: Keys, writer: Writer
) -> None:
    await writer.set_notice("a", notice(NOW + HOUR, "nobody"))
    await writer.set_notice("b", notice(NOW + HOUR, "broken"))
    await redis.hset(keys.providers, "broken", '{"role": "king"}')
    unknown, refused, _ = await found(redis, keys)
    assert "notice a is about provider nobody, which is not in the register" in unknown.what
    assert unknown.mend == "ringfence provider add nobody"
    assert "provider broken is refused, which b name: " in refused.what
    assert {unknown.state, refused.state} == {State.FAIL}


async def test_a_notice_that_is_refused_is_named(redis: Redis, keys: Keys) -> None:
    for n in range(5):
        await redis.hset(keys.notices, f"n{n}", "{")
    named = await found(redis, keys)
    assert [each.state for each in named] == [State.FAIL] * 4
    assert "notice n0 is refused, and not enforced" in named[0].what
    assert named[3].what == "2 more are refused"


async def test_callees_that_claim_the_same_number_are_named(
    redis: Redis, keys: Keys, writer: Writer
) -> None:
    await writer.set_callee("a", '{"numbers": "+12025550100", "block": "anonymous"}')
    await writer.set_callee("b", '{"numbers": ["+12025550100", "611"], "block": "anonymous"}')
    reader = Reader(redis, keys)
    said = [each async for each in examine_rules(await read_rules(reader), reader)]
    (overlap,) = (each for each in said if each.part == "callees" and each.state is State.WARN)
    assert overlap.what == "+12025550100 is claimed by callees a and b: the first has it"
