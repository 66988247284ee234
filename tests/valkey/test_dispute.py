"""Disputes on a real Valkey: a number is let through at once, and the clock is kept."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ringfence.call import CallAttempt
from ringfence.callid import new_call_id
from ringfence.calllog.record import CallRecord, encode_record, utc_text
from ringfence.redress.model import ANSWER, Dispute, Does, encode_dispute
from ringfence.redress.register import Disputes, step_of
from ringfence.redress.reminders import Reminders
from ringfence.screening import Screened, Screener
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.dispute_writer import DisputeWriter
from ringfence.store.writing.fields import Moved
from ringfence.store.writing.writer import Writer
from ringfence.verdict import Action, Reason, Verdict

Run = Callable[..., subprocess.CompletedProcess[str]]
Until = Callable[..., Awaitable[None]]
MirrorOf = Callable[..., Awaitable[Mirror]]

NUMBER, OWN = "+12025550142", "+13015550199"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DISPUTE = Dispute(number=NUMBER, received=NOW, deadline=NOW + ANSWER)


def verdict(mirror: Mirror, caller: str = NUMBER) -> Verdict:
    screened = Screener(mirror.world).screen(CallAttempt(caller=caller, called=OWN), "agi")
    assert isinstance(screened, Screened)
    return screened.verdict


@pytest.fixture
def disputes(redis: Redis, keys: Keys) -> Disputes:
    return Disputes(redis, keys, DisputeWriter(redis, keys, "alice"))


async def blocked(redis: Redis, keys: Keys, seconds_ago: float = 60.0, **fields: Any) -> str:
    """A call of the number that was kept away; its id, which went out with the rejection."""
    at = datetime.now(UTC).timestamp() - seconds_ago
    usual = {
        "id": new_call_id(at), "time": utc_text(at), "outcome": "applied", "caller": NUMBER,
        "caller_e164": NUMBER, "called": OWN, "called_e164": OWN, "action": "block",
        "reason": "rule", "rule": "guess", "basis": "analytics", "sip": 603,
    }  # fmt: skip
    record = CallRecord(**{**usual, **fields})
    await redis.xadd(keys.calls, {"record": encode_record(record)}, id=f"{int(at * 1000)}-*")
    return record.id


async def test_a_lift_is_in_force_on_the_next_call_and_undone_by_one_command(
    ringfence: Run, writer: Writer, mirror: Mirror, until: Until
) -> None:
    await writer.set_rule("guess", '{"action": "block", "basis": "analytics"}')
    await until(lambda: verdict(mirror).action is Action.BLOCK)
    added = json.loads(ringfence("dispute", "add", NUMBER, "--by", "Ann", "--json").stdout)
    ringfence("dispute", "lift", added["dispute"])
    await until(lambda: verdict(mirror).action is Action.ALLOW)
    assert verdict(mirror).reason is Reason.REDRESS
    assert verdict(mirror, "+12025550143").action is Action.BLOCK
    await writer.set_rule("duty", '{"action": "block", "basis": "dno-invalid"}')
    await until(lambda: verdict(mirror).rule == "duty")
    await writer.remove_rule("duty")
    ringfence("dispute", "undo", added["dispute"])
    await until(lambda: verdict(mirror).action is Action.BLOCK)
    assert "nothing to undo" in ringfence("dispute", "undo", added["dispute"], code=1).stderr


async def test_a_dispute_is_found_by_the_id_that_went_out_and_says_what_had_blocked(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    await blocked(redis, keys, 90, rule="invalid", basis="dno-invalid")
    await blocked(redis, keys, 80, caller_e164="+442025550142", rule="another-country")
    await blocked(redis, keys, 70, action="allow", rule="", reason="no-rule")
    call = await blocked(redis, keys)
    said = ringfence("dispute", "add", "--id", call, "--by", "Ann Lee", "--text", "reminders")
    assert f"of {NUMBER}: an answer is due 20" in said.stdout
    shown = json.loads(ringfence("dispute", "show", call, "--json").stdout)
    assert (shown["number"], shown["call"], shown["party"]) == (NUMBER, call, "Ann Lee")
    assert {each["rule"]: each["calls"] for each in shown["blocked_by"]} == {
        "guess": 1, "invalid": 1,
    }  # fmt: skip
    lifted = ringfence("dispute", "lift", call, "--why", "a clinic")
    assert "had been blocked by rule guess: 1 call" in lifted.stdout
    assert f"undo: ringfence dispute undo {shown['dispute']}" in lifted.stdout
    assert "rule invalid blocks on the basis dno-invalid, which no dispute lifts" in lifted.stderr
    listed = ringfence("dispute", "list").stdout
    for wanted in (shown["dispute"], NUMBER, "open, lifted", "guess", call):
        assert wanted in listed
    assert "a clinic" in ringfence("dispute", "history", shown["dispute"]).stdout
    assert NUMBER in ringfence("list", "show", "redress").stdout


async def test_what_cannot_be_is_refused_in_one_line(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    call = await blocked(redis, keys)
    for arguments, code, said in (
        (("add",), 2, "give the number, or --id"),
        (("add", "anonymous"), 1, "is no number"),
        (("add", "--id", "0" * 22), 1, "give the number too"),
        (("add", "+12025550143", "--id", call), 1, f"came from {NUMBER}"),
        (("add", NUMBER, "--received", "2999-01-01"), 2, "lies ahead"),
        (("show", "nobody"), 1, "no dispute nobody"),
        (("lift", "nobody"), 1, "no dispute nobody"),
    ):
        refused = ringfence("dispute", *arguments, code=code).stderr
        assert said in refused
        assert refused.count("\n") == 1
    noted = ringfence("dispute", "add", NUMBER, "--id", "0" * 22)
    assert "no call 0000" in noted.stderr
    assert "had been blocked by rule guess" in noted.stdout


async def test_what_should_have_been_answered_is_seen_in_the_list(ringfence: Run) -> None:
    late = json.loads(
        ringfence("dispute", "add", NUMBER, "--received", "30h", "--json").stdout
    )["dispute"]  # fmt: skip
    ringfence("dispute", "add", "+12025550143")
    assert [d["dispute"] for d in json.loads(
        ringfence("dispute", "list", "--overdue", "--json").stdout)] == [late]  # fmt: skip
    assert "OVERDUE" in ringfence("dispute", "list").stdout
    assert "ringfence dispute list --overdue" in ringfence("doctor", code=1).stdout
    ringfence("dispute", "told", late, "--text", "we look into it")
    assert "no such disputes" in ringfence("dispute", "list", "--overdue").stderr
    ringfence("dispute", "close", late)
    assert "is closed already" in ringfence("dispute", "close", late, code=1).stderr
    assert late not in ringfence("dispute", "list", "--open").stdout


async def test_one_of_two_disputes_of_a_number_that_is_undone_leaves_the_other_in_force(
    disputes: Disputes, redis: Redis, keys: Keys
) -> None:
    one, other = await disputes.add(DISPUTE), await disputes.add(DISPUTE)
    for id in (one, other):
        await disputes.lift(id, step_of(NOW, "alice", Does.LIFTED))
    _, others = await disputes.undo(one, step_of(NOW, "alice", Does.UNDONE))
    assert others == [other]
    assert await redis.sismember(keys.list("redress"), NUMBER)  # type: ignore[misc]
    _, others = await disputes.undo(other, step_of(NOW, "alice", Does.UNDONE))
    assert others == []
    assert not await redis.exists(keys.list("redress"))


async def test_a_lift_leaves_a_list_with_expiries_as_it_is(
    disputes: Disputes, redis: Redis, keys: Keys, writer: Writer
) -> None:
    until = NOW.timestamp() + 10**8
    await writer.add_to_list("redress", ["+12025550100"], until)
    id = await disputes.add(DISPUTE)
    await disputes.lift(id, step_of(NOW, "alice", Does.LIFTED))
    assert await redis.zscore(keys.list("redress"), NUMBER) == float("inf")
    assert await redis.zscore(keys.list("redress"), "+12025550100") == until


async def test_a_write_on_what_was_changed_meanwhile_does_nothing_at_all(
    disputes: Disputes, redis: Redis, keys: Keys
) -> None:
    id = await disputes.add(DISPUTE)
    writer = DisputeWriter(redis, keys, "bob")
    text = encode_dispute(DISPUTE)
    with pytest.raises(Moved):
        await writer.release(id, b"{}", text, "lift", "redress", NUMBER)
    assert not await redis.exists(keys.list("redress"))
    assert await redis.xlen(keys.history) == 1


async def test_each_reminder_is_said_once_however_many_workers_look(
    disputes: Disputes, redis: Redis, keys: Keys
) -> None:
    id = await disputes.add(DISPUTE)
    now = NOW

    def clock() -> float:
        return now.timestamp()

    workers = [Reminders(redis, keys, clock=clock) for _ in range(3)]

    async def said() -> list[tuple[str, str]]:
        with capture_logs() as lines:
            for worker in workers:
                await worker.look()
        assert all(line["log_level"] == "warning" for line in lines)
        return [(line["dispute"], line["event"]) for line in lines]

    assert await said() == []
    now = NOW + timedelta(hours=20)
    assert await said() == [(id, "a dispute waits for an answer")]
    assert await said() == []
    now = NOW + timedelta(hours=25)
    assert await said() == [(id, "a dispute should have been answered")]
    other = await disputes.add(DISPUTE)
    await disputes.tell(other, step_of(NOW, "alice", Does.TOLD))
    assert await said() == []


async def test_a_dispute_written_by_hand_that_is_none_is_named_and_keeps_no_other_back(
    ringfence: Run, disputes: Disputes, redis: Redis, keys: Keys
) -> None:
    await redis.hset(keys.disputes, "rubbish", "{")  # type: ignore[misc]
    id = await disputes.add(DISPUTE)
    listed = ringfence("dispute", "list")
    assert id in listed.stdout
    assert "dispute rubbish is refused" in listed.stderr
    with capture_logs() as lines:
        for _ in range(2):
            await Reminders(redis, keys, clock=NOW.timestamp).look()
    assert {line["id"] for line in lines} == {"rubbish"}
