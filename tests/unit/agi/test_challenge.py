"""The challenge as a transcript: what the door asks Asterisk, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from agi.challenge import PATIENCE
from ringfence.challenge import TRY_LIMIT
from ringfence.rules.velocity import Counted, Demand

Open = Callable[..., Awaitable[Any]]
FACTS = "called=2025550123&caller=8095550100"
LENGTHEN = f'SET VARIABLE "TIMEOUT(absolute)" "{TRY_LIMIT:.0f}"'
KEYS = '"0123456789*#"'
OK, PLAYED, NO_FILE = "200 result=1", "200 result=0 endpos=12320", "200 result=-1 endpos=0"
SPOKEN = [
    (LENGTHEN, OK),
    ("ANSWER", "200 result=0"),
    (f'STREAM FILE "to-call-this-number" {KEYS}', PLAYED),
    (f'STREAM FILE "vm-press" {KEYS}', PLAYED),
    (f'STREAM FILE "digits/2" {KEYS}', PLAYED),
]
WAIT = 'WAIT FOR DIGIT "5000"'
Script = Sequence[tuple[str, str]]


def again(digit: int) -> Script:
    return [
        (LENGTHEN, OK),
        (f'STREAM FILE "please-try-again" {KEYS}', PLAYED),
        (f'STREAM FILE "to-call-this-number" {KEYS}', PLAYED),
        (f'STREAM FILE "vm-press" {KEYS}', PLAYED),
        (f'STREAM FILE "digits/{digit}" {KEYS}', PLAYED),
    ]


def pressed(key: str) -> str:
    return f"200 result={ord(key)}"


async def converse(peer: Any, script: Script) -> None:
    for expected, reply in script:
        assert (await peer.line()).decode().rstrip("\n") == expected
        peer.send(reply.encode() + b"\n")


async def challenged(open_door: Open, script: Script, **limits: Any) -> tuple[Any, Any]:
    door = await open_door(**limits)
    peer = await door.connect()
    peer.call(FACTS)
    await converse(peer, script)
    return door, peer


def verdict_of(line: bytes) -> dict[str, str]:
    name, _, text = line.decode().rstrip('"\n').partition('" "')
    assert name == 'SET VARIABLE "RINGFENCE_VERDICT'
    return dict(pair.split("=") for pair in text.split(","))


async def test_the_right_digit_lets_the_call_go_on_and_is_remembered(open_door: Open) -> None:
    door, peer = await challenged(open_door, [*SPOKEN, (WAIT, pressed("2"))])
    verdict = verdict_of(await peer.line())
    assert verdict["RINGFENCE_ACTION"] == "allow"
    assert verdict["RINGFENCE_REASON"] == "challenge"
    assert verdict["RINGFENCE_RULE"] == "robots"
    peer.send(b"200 result=1\n")
    assert await peer.ended()
    assert await door.outcome() == "passed"
    assert door.remembered == [("+18095550100", 86_400)]


@pytest.mark.parametrize("at", [2, 3, 4])
async def test_a_key_counts_while_any_of_the_sounds_plays(open_door: Open, at: int) -> None:
    barging = [*SPOKEN[:at], (SPOKEN[at][0], "200 result=50 endpos=800")]
    door, peer = await challenged(open_door, barging)
    assert verdict_of(await peer.line())["RINGFENCE_ACTION"] == "allow"
    peer.send(b"200 result=1\n")
    assert await door.outcome() == "passed"


async def test_wrong_keys_and_silence_end_the_call(open_door: Open) -> None:
    script = [
        *SPOKEN, (WAIT, pressed("#")),
        *again(3), (WAIT, "200 result=0"),
        *again(2), (WAIT, pressed("3")),
    ]  # fmt: skip
    door, peer = await challenged(open_door, script)
    verdict = verdict_of(await peer.line())
    assert verdict["RINGFENCE_ACTION"] == "challenge"
    assert verdict["RINGFENCE_REASON"] == "rule"
    peer.send(b"200 result=1\n")
    assert b"vm-goodbye" in await peer.line()
    peer.send(b"200 result=0 endpos=7040\n")
    assert await peer.ended()
    assert await door.outcome() == "failed"
    assert door.remembered == []


async def test_who_hangs_up_at_the_goodbye_has_failed_all_the_same(open_door: Open) -> None:
    script = [*SPOKEN, (WAIT, "200 result=0"), *again(3), (WAIT, "200 result=0"),
              *again(2), (WAIT, "200 result=0")]  # fmt: skip
    door, peer = await challenged(open_door, script)
    verdict_of(await peer.line())
    peer.send(b"200 result=1\n")
    await peer.line()
    peer.send(b"200 result=-1 endpos=80\nHANGUP\n")
    assert await door.outcome() == "failed"


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("says", [b"HANGUP\n", b"200 result=-1 endpos=80\nHANGUP\n", b""])
async def test_a_caller_who_hangs_up_anywhere_is_recorded_as_hung_up(
    open_door: Open, logged: list[Any], at: int, says: bytes
) -> None:
    script = [*SPOKEN, (WAIT, "")]
    door, peer = await challenged(open_door, script[:at])
    assert (await peer.line()).decode().startswith(script[at][0])
    peer.send(says)
    peer.writer.write_eof()
    assert await peer.ended()
    assert await door.outcome() == "hung-up"
    assert logged == []


async def test_the_hang_up_may_follow_a_failed_sound_late(open_door: Open) -> None:
    script = [*SPOKEN[:4], (SPOKEN[4][0], "200 result=-1 endpos=80")]
    door, peer = await challenged(open_door, script)
    assert await peer.line() == b"NOOP\n"
    peer.send(b"HANGUP\n")
    assert await door.outcome() == "hung-up"


async def test_missing_prompts_are_passed_over_but_the_digit_is_spoken(open_door: Open) -> None:
    script = [
        *SPOKEN[:2], (SPOKEN[2][0], NO_FILE), (SPOKEN[3][0], NO_FILE), SPOKEN[4],
        (WAIT, pressed("2")),
    ]  # fmt: skip
    door, peer = await challenged(open_door, script)
    verdict_of(await peer.line())
    peer.send(b"200 result=1\n")
    assert await door.outcome() == "passed"


async def test_where_the_digit_cannot_be_played_the_dialplan_goes_on(
    open_door: Open, logged: list[Any]
) -> None:
    script = [*SPOKEN[:4], (SPOKEN[4][0], NO_FILE), ("NOOP", "200 result=0")]
    door, peer = await challenged(open_door, script)
    assert await peer.ended()
    assert await door.outcome() == "late"
    assert "core sounds" in logged[0]["event"]


async def test_the_rules_language_is_set_and_put_back(open_door: Open) -> None:
    door = await open_door()
    peer = await door.connect()
    peer.call(FACTS.replace("809", "829"))
    await converse(peer, [
        *SPOKEN[:2],
        ('GET VARIABLE "CHANNEL(language)"', "200 result=1 (fr)"),
        ('SET VARIABLE "CHANNEL(language)" "es"', OK),
        (f'STREAM FILE "custom/a" {KEYS}', PLAYED),
        (f'STREAM FILE "digits/2" {KEYS}', PLAYED),
        (WAIT, pressed("2")),
        ('SET VARIABLE "CHANNEL(language)" "fr"', OK),
    ])  # fmt: skip
    verdict_of(await peer.line())
    peer.send(b"200 result=1\n")
    assert await door.outcome() == "passed"


@pytest.mark.parametrize("finished", [b"", b"200 result=0 endpos=99\n"])
async def test_a_prompt_too_long_is_cut_off(
    open_door: Open, monkeypatch: pytest.MonkeyPatch, finished: bytes
) -> None:
    monkeypatch.setattr("agi.challenge.PROMPT_LIMIT", 0.02)
    door, peer = await challenged(open_door, SPOKEN[:2])
    assert b"to-call-this-number" in await peer.line()
    # Asterisk drops the reply of a sound that a command ends, unless it had just ended by itself.
    assert await peer.line() == b'GET FULL VARIABLE "ringfence-cut"\n'
    peer.send(finished + b"200 result=1 (ringfence-cut)\n")
    await converse(peer, [SPOKEN[4], (WAIT, pressed("2"))])
    verdict_of(await peer.line())
    peer.send(b"200 result=1\n")
    assert await door.outcome() == "passed"


async def test_a_peer_that_answers_what_nobody_asked_is_let_go(
    open_door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agi.challenge.PROMPT_LIMIT", 0.02)
    door, peer = await challenged(open_door, SPOKEN[:2])
    assert b"to-call-this-number" in await peer.line()
    assert b"ringfence-cut" in await peer.line()
    peer.send(b"200 result=0\n" * 3)
    async with asyncio.timeout(PATIENCE / 2):
        assert await peer.ended()
    assert await door.outcome() == "late"


async def test_an_asterisk_that_will_not_answer_the_call_goes_on_with_it(open_door: Open) -> None:
    door, peer = await challenged(open_door, [(LENGTHEN, OK), ("ANSWER", "511 Not permitted")])
    assert await peer.ended()
    assert await door.outcome() in ("late", "hung-up")


async def test_a_peer_that_falls_silent_is_let_go(
    open_door: Open, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    monkeypatch.setattr("agi.challenge.PATIENCE", 0.02)
    door = await open_door()
    peer = await door.connect()
    peer.call(FACTS)
    assert await peer.line()
    assert await peer.ended()
    assert await door.outcome() == "late"
    assert "silent" in logged[0]["event"]


async def test_on_shutdown_a_caller_in_a_challenge_goes_on(open_door: Open) -> None:
    door, peer = await challenged(open_door, SPOKEN[:4])
    assert b"digits/2" in await peer.line()
    await door.server.drain(0.1)
    assert await peer.ended()
    assert await door.outcome() == "late"


async def test_a_challenge_outlives_the_patience_with_silent_peers(open_door: Open) -> None:
    door, peer = await challenged(open_door, SPOKEN[:4], header_timeout=0.02, session_timeout=0.02)
    assert b"digits/2" in await peer.line()
    await asyncio.sleep(0.1)  # several rounds of the watch over silent peers
    peer.send(b"200 result=50 endpos=800\n")
    verdict_of(await peer.line())
    peer.send(b"200 result=1\n")
    assert await door.outcome() == "passed"


async def test_challenges_leave_room_for_other_calls(open_door: Open, logged: list[Any]) -> None:
    door, _ = await challenged(open_door, SPOKEN[:2], max_connections=3)
    second = await door.connect()
    second.call(FACTS)
    assert await second.ended()
    assert await door.outcome() == "late"
    assert "too many challenges" in logged[0]["event"]
    ordinary = await door.connect()
    ordinary.call()
    assert b"RINGFENCE_ID" in await ordinary.line()


async def test_a_counted_call_may_be_challenged(open_door: Open) -> None:
    class Many:
        async def count(self, demands: Sequence[Demand], now: float) -> Counted:
            return {demand.key: 99 for demand in demands}

    door = await open_door(counters=Many())
    peer = await door.connect()
    peer.call(FACTS.replace("809", "849"))
    await converse(peer, [*SPOKEN, (WAIT, pressed("2"))])
    assert verdict_of(await peer.line())["RINGFENCE_RULE"] == "many"
    peer.send(b"200 result=1\n")
    assert await door.outcome() == "passed"
