"""The challenge through ARI where Asterisk, its events or its caller do what they should not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import pytest

from ari_app.challenge import Challenges, Result
from ari_app.events import Channel, Event, Playback
from ari_app.rest import AriUnreachable, Reply
from ringfence.call import Call, CallAttempt
from ringfence.numbers import normalise
from ringfence.screening import Screened
from ringfence.verdict import Action, Reason, Treatment, Verdict

CALLER = "+12025550100"
DIGIT = "2"


class Asterisk:
    """Answers requests as it is told; each sound lasts until `finish`, or for no time at all."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.playing: list[str] = []
        self.finishes = True
        self.state = "done"
        self.answer: Callable[[str, str], Reply] = lambda method, path: Reply(204, b"")
        self.tell: Callable[[Event], None] = lambda event: None
        self.on_sound: dict[str, Callable[[], None]] = {}

    async def request(
        self, method: str, path: str, params: Mapping[str, str] = {}, body: bytes = b""
    ) -> Reply:
        path = unquote(path)
        self.asked.append((method, path, dict(params)))
        reply = self.answer(method, path)
        if "/play/" in path and reply.ok:
            self.playing.append(path.rpartition("/")[2])
            if self.finishes:
                self.finish()
            for sound in params["media"].split(","):
                self.on_sound.get(sound.removeprefix("sound:"), lambda: None)()
        return reply

    def finish(self) -> None:
        event = Event(type="PlaybackFinished", playback=Playback(self.playing[-1], self.state))
        self.tell(event)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tell(Event(type="ChannelDtmfReceived", channel=Channel("c1"), digit=key))

    def hang_up(self) -> None:
        self.tell(Event(type="StasisEnd", channel=Channel("c1")))

    @property
    def verdict(self) -> str:
        return "".join(
            params["value"] for _, _, params in self.asked
            if params.get("variable") == "RINGFENCE_VERDICT"
        )  # fmt: skip

    @property
    def sounds(self) -> list[str]:
        return [params["media"] for _, path, params in self.asked if "/play/" in path]


class Stage:
    def __init__(self) -> None:
        self.asterisk = Asterisk()
        self.remembered: list[tuple[str, int]] = []
        self.challenges = Challenges(
            2, lambda *who: self.remembered.append(who), lambda digits: digits[0]
        )
        self.asterisk.tell = self.challenges.heard

    async def hold(self, channel: str = "c1", **treatment: Any) -> Result:
        verdict = Verdict(
            action=Action.CHALLENGE, reason=Reason.RULE, rule="robots",
            treatment=Treatment(**{"tries": 1, **treatment}),
        )  # fmt: skip
        screened = Screened(
            id="id", at=0.0, door="ari", attempt=CallAttempt(), verdict=verdict, took=0.0,
            call=Call(called=normalise("+12025550199"), caller=normalise(CALLER)),
        )  # fmt: skip
        async with asyncio.timeout(10.0):
            return await self.challenges.hold(self.asterisk, screened, channel)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr("ari_app.challenge.WAIT", 0.05)
    return Stage()


async def test_the_right_key_lets_the_call_go_on_and_is_remembered(stage: Stage) -> None:
    stage.asterisk.on_sound["digits/2"] = lambda: stage.asterisk.press(DIGIT)
    assert await stage.hold() == "passed"
    assert "RINGFENCE_ACTION=allow,RINGFENCE_REASON=challenge" in stage.asterisk.verdict
    assert stage.remembered == [(CALLER, 86_400)]
    assert stage.asterisk.sounds == ["sound:to-call-this-number,sound:vm-press", "sound:digits/2"]


async def test_a_key_ends_the_sound_that_plays(stage: Stage) -> None:
    stage.asterisk.finishes = False
    stage.asterisk.on_sound["vm-press"] = lambda: stage.asterisk.press(DIGIT)
    assert await stage.hold() == "passed"
    assert ("DELETE", "playbacks/ringfence-id-1", {}) in stage.asterisk.asked
    assert len(stage.asterisk.sounds) == 1


async def test_keys_pressed_all_at_once_are_one_try(stage: Stage) -> None:
    def mash() -> None:
        stage.asterisk.on_sound.clear()
        stage.asterisk.press(*"13456789023")

    stage.asterisk.on_sound["vm-press"] = mash
    assert await stage.hold(tries=2) == "failed"
    assert "sound:digits/3" in stage.asterisk.sounds


async def test_silence_fails_with_a_goodbye(stage: Stage) -> None:
    assert await stage.hold() == "failed"
    assert "RINGFENCE_ACTION=challenge" in stage.asterisk.verdict
    assert stage.asterisk.sounds[-1] == "sound:vm-goodbye"
    assert stage.remembered == []


async def test_the_goodbye_is_played_to_its_end_although_a_sound_before_it_was_cut_off(
    stage: Stage,
) -> None:
    asterisk, stage.asterisk.finishes = stage.asterisk, False

    def tells_the_end_first(method: str, path: str) -> Reply:
        if method == "DELETE":
            asterisk.finish()
        return Reply(204, b"")

    asterisk.answer = tells_the_end_first
    asterisk.on_sound["vm-press"] = lambda: asterisk.press("9")
    held = asyncio.create_task(stage.hold())
    await until(lambda: "sound:vm-goodbye" in asterisk.sounds)
    await asyncio.sleep(0.02)
    assert not held.done()
    asterisk.finish()
    assert await held == "failed"


async def test_the_rules_language_is_asked_for(stage: Stage) -> None:
    await stage.hold(language="es")
    spoken = [params for _, path, params in stage.asterisk.asked if "/play/" in path]
    assert [params.get("lang") for params in spoken] == ["es", "es", None]


async def test_where_the_digit_cannot_be_played_the_dialplan_goes_on(stage: Stage) -> None:
    stage.asterisk.state = "failed"
    assert await stage.hold() == "unfinished"
    assert stage.asterisk.verdict == ""


async def test_who_hangs_up_gets_no_verdict(stage: Stage) -> None:
    stage.asterisk.on_sound["digits/2"] = stage.asterisk.hang_up
    assert await stage.hold() == "unfinished"
    assert stage.asterisk.verdict == ""


@pytest.mark.parametrize("status", [404, 409, 500])
@pytest.mark.parametrize("where", ["/answer", "/play/", "/variable"])
async def test_what_asterisk_refuses_ends_the_challenge(
    stage: Stage, where: str, status: int
) -> None:
    stage.asterisk.answer = lambda method, path: Reply(status if where in path else 204, b"")
    assert await stage.hold(tries=2) == "unfinished"


async def test_an_asterisk_that_is_gone_in_the_middle_ends_it(stage: Stage) -> None:
    def gone(method: str, path: str) -> Reply:
        if "/play/" in path:
            raise AriUnreachable("cut")
        return Reply(204, b"")

    stage.asterisk.answer = gone
    assert await stage.hold() == "unfinished"


async def test_an_asterisk_that_never_answers_ends_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(Asterisk):
        async def request(self, *_: Any, **__: Any) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr("ari_app.challenge.PATIENCE", 0.02)
    stage.asterisk = Silent()
    assert await stage.hold() == "unfinished"


async def test_a_prompt_whose_end_is_never_told_is_cut_off(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_app.challenge.PROMPT_LIMIT", 0.02)
    monkeypatch.setattr("ari_app.challenge.DIGIT_LIMIT", 0.02)
    stage.asterisk.finishes = False
    assert await stage.hold() == "failed"
    cut = [path for method, path, _ in stage.asterisk.asked if method == "DELETE"]
    assert len(cut) == 3


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.001)


async def waits_for_a_sound(stage: Stage) -> asyncio.Task[Result]:
    stage.asterisk.finishes = False
    held = asyncio.create_task(stage.hold())
    await until(lambda: bool(stage.asterisk.playing))
    return held


@pytest.mark.parametrize("gone", ["channels/", "playbacks/"])
async def test_what_a_cut_websocket_did_not_tell_is_asked_for(stage: Stage, gone: str) -> None:
    held = await waits_for_a_sound(stage)
    stage.asterisk.finishes = True
    stage.asterisk.answer = lambda method, path: Reply(
        404 if method == "GET" and path.startswith(gone) else 204, b""
    )
    await stage.challenges.recheck(stage.asterisk)
    assert await held == ("unfinished" if gone == "channels/" else "failed")


async def test_a_recheck_ends_nothing_that_goes_on(stage: Stage) -> None:
    held = await waits_for_a_sound(stage)
    await stage.challenges.recheck(stage.asterisk)
    stage.asterisk.press(DIGIT)
    assert await held == "passed"


async def test_a_door_that_closes_lets_its_callers_go_on(stage: Stage) -> None:
    held = await waits_for_a_sound(stage)
    stage.challenges.cut_short()
    assert await held == "unfinished"
    assert await stage.hold() == "unfinished"
    assert stage.asterisk.verdict == ""


async def test_challenges_leave_room_for_other_calls(stage: Stage) -> None:
    held = [asyncio.create_task(stage.hold(channel)) for channel in ("c1", "c2")]
    stage.asterisk.finishes = False
    await until(lambda: len(stage.asterisk.playing) == 2)
    assert await stage.hold("c3") == "unfinished"
    stage.challenges.cut_short()
    await asyncio.gather(*held)


async def test_events_of_other_calls_mean_nothing(stage: Stage) -> None:
    def others() -> None:
        stage.challenges.heard(Event(type="ChannelDtmfReceived", channel=Channel("c9"), digit="2"))
        stage.challenges.heard(Event(type="StasisEnd", channel=Channel("c9")))
        stage.challenges.heard(Event(type="PlaybackFinished", playback=Playback("x", "failed")))

    stage.asterisk.on_sound["digits/2"] = others
    assert await stage.hold() == "failed"
