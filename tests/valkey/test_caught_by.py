"""`ringfence list show NAME NUMBER` where rules fill it: by which rule, when, by which call."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from ringfence.callid import new_call_id
from ringfence.calllog.record import CallRecord, encode_record, utc_text
from ringfence.cli.caught_by import Filler, who_caught
from ringfence.store.keys import Keys
from ringfence.store.writing.writer import Writer
from ringfence.verdict import Action, Also, Noted

Run = Callable[..., subprocess.CompletedProcess[str]]

NUMBER = "+12025550142"
HOUR = 3_600
RULE = {"action": "flag", "when": {"rate": {"per": "caller", "over": "1m", "at_least": 10}}}


async def called(
    redis: Redis, keys: Keys, ago: float, *also: Also, caller: str = NUMBER, **more: Any
) -> str:
    """A call so many seconds ago, that rules which go on had to do with; its id."""
    at = time.time() - ago
    record = CallRecord(
        id=new_call_id(at), time=utc_text(at), caller=caller, caller_e164=caller, also=also,
        noted=tuple(Noted(each.rule, Action.FLAG, False, "") for each in also),
        **{"action": "allow", "reason": "no-rule", "outcome": "applied"} | more,
    )  # fmt: skip
    await redis.xadd(keys.calls, {"record": encode_record(record)}, id=f"{int(at * 1000)}-*")
    return record.id


@pytest.fixture
async def filled(ringfence: Run, writer: Writer) -> Run:
    """A rule that fills a list, one that fills it for longer, and one that fills another."""
    for name, listing in {
        "fast": {"list": "caught", "for": "1h"},
        "faster": {"list": "caught", "for": "2h"},
        "other": {"list": "elsewhere", "for": "1h"},
    }.items():
        await writer.set_rule(name, json.dumps(RULE | {"also": listing}))
    return ringfence


def shown(run: Run, name: str = "caught", number: str = NUMBER) -> Any:
    return json.loads(run("list", "show", name, number, "--json").stdout)


async def test_the_rule_the_call_and_since_when_are_told(
    filled: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    await called(redis, keys, 9_000, Also("caught", HOUR, "fast"))
    await called(redis, keys, 4_000, Also("caught", HOUR, "fast"))
    newest = await called(redis, keys, 1_200, Also("caught", HOUR, "fast"))
    # those that the list itself keeps away catch nobody, and there may be many
    for ago in range(300, 0, -1):
        await called(redis, keys, ago, action="block", rule="by-list", reason="rule")
    await writer.add_to_list("caught", [NUMBER], time.time() + HOUR - 1_200)
    told = shown(filled)
    assert told["filled_by"] == ["fast", "faster"]
    caught = told["caught"]
    assert (caught["rule"], caught["call"]) == ("fast", newest)
    assert caught["until"] == pytest.approx(told["expires"], abs=5)
    # the first of the three was over before the second began
    assert time.time() - caught["since"] == pytest.approx(4_000, abs=30)
    text = filled("list", "show", "caught", NUMBER).stdout
    for wanted in (
        "caught by\trule fast, for 1h",
        f"ringfence calls --id {newest}",
        "on it since",
        "ringfence rule show fast",
        f"list remove caught '{NUMBER}'",
    ):
        assert wanted in text, text  # fmt: skip
    assert "besides" not in text


async def test_the_rule_that_keeps_it_there_for_longest_is_told(
    filled: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    longest = await called(redis, keys, 1_200, Also("caught", 2 * HOUR, "faster"))
    await called(redis, keys, 600, Also("caught", HOUR, "fast"))
    await writer.add_to_list("caught", [NUMBER], time.time() + 2 * HOUR - 1_200)
    assert shown(filled)["caught"]["call"] == longest


async def test_where_the_log_has_it_no_more_that_is_said(filled: Run, writer: Writer) -> None:
    await writer.add_to_list("caught", [NUMBER], time.time() + 60)
    assert shown(filled)["caught"] is None
    said = filled("list", "show", "caught", NUMBER).stdout
    assert "not known: the call log has no such call; rules that fill it: fast, faster" in said


async def test_a_rule_that_is_gone_is_told_from_the_record(
    filled: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    await called(redis, keys, 60, Also("caught", HOUR, "removed"))
    await writer.add_to_list("caught", [NUMBER], time.time() + HOUR - 60)
    assert shown(filled)["caught"]["rule"] == "removed"


async def test_who_was_put_there_for_longer_by_somebody_is_told_so(
    filled: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    await called(redis, keys, 60, Also("caught", HOUR, "fast"))
    await writer.add_to_list("caught", [NUMBER])
    assert "somebody put it there for longer" in filled("list", "show", "caught", NUMBER).stdout


async def test_others_calls_and_passed_challenges_catch_nobody(
    filled: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    also = Also("caught", HOUR, "fast")
    await called(redis, keys, 60, also, caller="+442025550142")
    await called(redis, keys, 50, also, action="challenge", rule="fast", outcome="passed")
    await called(redis, keys, 40, Also("elsewhere", HOUR, "other"))
    await writer.add_to_list("caught", [NUMBER, "+1900*"], time.time() + 60)
    assert shown(filled)["caught"] is None
    # a prefix is no caller whom a rule caught
    assert shown(filled, number="+19005550100")["caught"] is None


async def test_a_list_that_no_rule_fills_asks_no_call_log(
    filled: Run, redis: Redis, keys: Keys, writer: Writer
) -> None:
    await writer.add_to_list("scammers", [NUMBER])
    await redis.set(keys.calls, "of a wrong type")
    told = shown(filled, "scammers")
    assert (told["filled_by"], told["caught"]) == ([], None)


async def test_a_search_that_takes_too_long_says_that_it_is_not_whole() -> None:
    class Endless:
        async def newest(self, wanted: object, *, limit: int | None) -> Any:
            raise TimeoutError
            yield

    searched = await who_caught(Endless(), "caught", NUMBER, [Filler("fast", HOUR)], time.time())
    assert (searched.caught, searched.whole) == (None, False)
