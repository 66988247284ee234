"""What a caller sees and hears of an intercept's options, through both doors on a real Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ari_app import AriSettings
from demo.stage import DIALPLAN, Stage
from tests.asterisk.own_sounds import PACKETS_PER_SECOND, SOUNDS, own_sounds

pytestmark = pytest.mark.asterisk

BOTH = pytest.mark.parametrize("door", ["agi", "ari"])
Place = Callable[..., Any]
Announce = Callable[..., str]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A stage with sounds of its own."""
    with Stage(purpose="announcements", beside=own_sounds, extra_dialplan=CONTEXTS) as running:
        running.ringfence.start()
        yield running


CONTEXTS = """
[desk]
exten => _X.,1,PJSIPHangup(${IF($["${CALLERID(name)}/${CHANNEL(language)}" = "/en"]?486:484)})

[twice]
exten => _X.,1,Set(RINGFENCE_DOOR=${PJSIP_HEADER(read,X-Lab-Door)})
 same => n,Gosub(ringfence,screen,1(${EXTEN}))
 same => n,Set(CALLERID(num)=${PJSIP_HEADER(read,X-Second)})
 same => n,Gosub(ringfence,screen,1(${EXTEN}))
 same => n,Set(SEEN=${RINGFENCE_ACTION}/${RINGFENCE_REASON})
 same => n,PJSIPHangup(${IF($["${SEEN}" = "allow/no-rule"]?480:481)})

[limited]
exten => _X.,1,Set(RINGFENCE_DOOR=${PJSIP_HEADER(read,X-Lab-Door)})
 same => n,Set(TIMEOUT(absolute)=77)
 same => n,Gosub(ringfence,screen,1(${EXTEN}))
 same => n,Set(SEEN=${IF($[${TIMEOUT(absolute)} > 50]?limited)}/${CHANNEL(language)})
 same => n,PJSIPHangup(${IF($["${SEEN}" = "limited/en"]?480:481)})
"""

_ids = iter(range(1_000))


@pytest.fixture
def announce(stage: Stage, number: Callable[[], str]) -> Iterator[Announce]:
    """Put an intercept with these answers into force; gives back the caller that it is for."""
    made: list[str] = []

    def make(**respond: Any) -> str:
        caller, rule_id = number(), f"announce-{next(_ids)}"
        rule = {"action": "intercept", "when": {"caller": caller}, "respond": respond}
        with stage.ringfence.in_force(rule_id):
            stage.ringfence.redis_cli("HSET", "ringfence:rules", rule_id, json.dumps(rule))
        made.append(rule_id)
        return caller

    yield make
    stage.ringfence.redis_cli("HDEL", "ringfence:rules", *made)


def heard(packets: int, *sounds: str) -> bool:
    """About as many packets as these sounds have; a few are lost before the SDP is there."""
    length = sum(SOUNDS[sound] for sound in sounds)
    return abs(packets / PACKETS_PER_SECOND - length) < 0.2 + 0.1 * length


@BOTH
async def test_by_default_it_is_early_media_and_then_the_rules_code(
    stage: Stage, place: Place, announce: Announce, door: str
) -> None:
    result = await place(door=door, caller=announce(prompt="custom/notice", sip=607))
    assert (result.status, result.answered, 183 in result.provisionals) == (607, False, True)
    assert heard(result.early_rtp_packets, "custom/notice"), result


@BOTH
async def test_several_prompts_are_played_one_after_the_other_as_often_as_the_rule_says(
    stage: Stage, place: Place, announce: Announce, door: str
) -> None:
    caller = announce(prompt=["custom/notice", "custom/second"], repeat=3, sip=603)
    result = await place(door=door, caller=caller)
    assert result.status == 603
    assert heard(result.early_rtp_packets, *["custom/notice", "custom/second"] * 3), result


@BOTH
async def test_an_answered_one_is_heard_in_the_call_and_then_hung_up(
    stage: Stage, place: Place, announce: Announce, door: str
) -> None:
    caller = announce(prompt=["custom/notice", "custom/second"], answer=True, sip=603)
    result = await place(door=door, caller=caller, talk=8.0)
    assert (result.status, result.hung_up_by_far_side) == (200, True)
    assert 183 not in result.provisionals
    assert heard(result.rtp_packets, "custom/notice", "custom/second"), result


@BOTH
async def test_the_rules_language_is_what_the_caller_hears(
    stage: Stage, place: Place, announce: Announce, door: str
) -> None:
    spanish = await place(door=door, caller=announce(prompt="custom/notice", language="es"))
    dialect = await place(door=door, caller=announce(prompt="custom/notice", language="es_MX"))
    other = await place(door=door, caller=announce(prompt="custom/notice", language="fr"))
    assert heard(spanish.early_rtp_packets, "es/custom/notice"), spanish
    assert heard(dialect.early_rtp_packets, "es/custom/notice"), dialect
    # Asterisk falls back to a file of no language, and to English
    assert heard(other.early_rtp_packets, "custom/notice"), other


@BOTH
@pytest.mark.parametrize("then", ["reject", "continue"])
async def test_a_prompt_that_is_not_there_costs_nothing_but_the_prompt(
    stage: Stage, place: Place, announce: Announce, door: str, then: str
) -> None:
    caller = announce(prompt=["no-such-prompt", "custom/notice"], then=then, sip=607)
    result = await place(door=door, caller=caller, talk=0.0)
    assert result.status == {"reject": 607, "continue": 200}[then]
    assert heard(result.early_rtp_packets, "custom/notice"), result


@BOTH
@pytest.mark.parametrize("answer", [False, True], ids=["early", "answered"])
async def test_an_announced_call_goes_on_to_the_callee(
    stage: Stage, place: Place, announce: Announce, door: str, answer: bool
) -> None:
    caller = announce(prompt="custom/notice", language="es", then="continue", answer=answer)
    before = len(stage.lab.received())
    result = await place(door=door, caller=caller, caller_name="Ann", talk=3.0)
    assert result.status == 200
    # the callee's own audio comes after it, in the same call where it was answered
    packets = result.rtp_packets if answer else result.early_rtp_packets
    assert packets >= 0.9 * SOUNDS["es/custom/notice"] * PACKETS_PER_SECOND, result
    callee = stage.lab.received()[before:]
    assert [caller in each.from_header for each in callee] == [True]
    assert "Ann" in callee[0].from_header


@BOTH
async def test_an_announced_call_goes_on_with_the_label_of_a_flag_before_it(
    stage: Stage, place: Place, announce: Announce, rule: Callable[..., None], door: str
) -> None:
    caller = announce(prompt="custom/notice", then="continue")
    with stage.ringfence.in_force("watched"):
        rule("watched", "--caller", caller, "--action", "flag", "--label", "[CHECK]",
             "--priority", "5")  # fmt: skip
    assert (await place(door=door, caller=caller, caller_name="Ann", talk=0.0)).status == 200
    assert '"[CHECK] Ann"' in stage.lab.received()[-1].from_header


@BOTH
async def test_an_announced_call_may_be_diverted_in_its_own_language(
    stage: Stage, place: Place, announce: Announce, door: str
) -> None:
    caller = announce(prompt="custom/notice", language="es", then="divert", context="desk")
    result = await place(door=door, caller=caller)
    assert (result.status, result.answered) == (486, False)
    assert heard(result.early_rtp_packets, "es/custom/notice"), result


@BOTH
async def test_a_caller_who_hangs_up_in_the_middle_is_a_normal_outcome(
    stage: Stage, place: Place, announce: Announce, door: str
) -> None:
    early = announce(prompt="custom/long")
    result = await place(door=door, caller=early, hang_up_after=0.5)
    assert result.status == 487
    answered = announce(prompt="custom/long", answer=True, repeat=2)
    result = await place(door=door, caller=answered, talk=0.5)
    assert (result.status, result.hung_up_by_far_side) == (200, False)
    expected = {"agi": "applied", "ari": "hung-up"}[door]
    assert stage.ringfence.record(result.call_id)["outcome"] == expected
    stage.ringfence.wait_until(
        lambda: "0 active channels" in stage.lab.rx("core show channels"), "no channel left"
    )


@BOTH
@pytest.mark.parametrize(("then", "status"), [("reject", 607), ("continue", 200)])
async def test_ringfence_killed_in_the_middle_leads_to_what_the_rule_wants_all_the_same(
    stage: Stage, place: Place, announce: Announce, door: str, then: str, status: int
) -> None:
    caller = announce(prompt=["custom/second"] * 4, then=then, sip=607)
    before = prompts_begun(stage)
    call = asyncio.ensure_future(place(door=door, caller=caller, talk=0.0, timeout=20.0))
    await asyncio.to_thread(
        stage.ringfence.wait_until, lambda: prompts_begun(stage) > before, "a prompt"
    )
    stage.ringfence.kill()
    # not in a thread: the process would end with it
    stage.ringfence.start()
    result = await call
    assert result.status == status, stage.lab.log_tail()


def prompts_begun(stage: Stage) -> int:
    return (stage.lab.home / "log" / "full.log").read_text(errors="replace").count(" Playing '")


@pytest.fixture
def through(stage: Stage) -> Iterator[Callable[[str], str]]:
    """A called number that leads through one of the contexts above."""
    made: list[str] = []

    def make(context: str) -> str:
        called = f"1415555{len(context):04d}"
        stage.lab.rx(
            f"dialplan add extension {called},1,Goto({context},{called},1) into from-trunk"
        )
        made.append(called)
        return called

    yield make
    for called in made:
        stage.lab.rx(f"dialplan remove extension {called}@from-trunk")


@BOTH
@pytest.mark.parametrize("again", ["announced", "untouched"])
async def test_nothing_of_an_announcement_is_left_for_the_next_screening(
    stage: Stage, place: Place, announce: Announce, through: Callable[[str], str],
    number: Callable[[], str], door: str, again: str,
) -> None:  # fmt: skip
    first = announce(prompt="custom/notice", language="es", repeat=2, then="continue")
    second = announce(prompt="custom/second", sip=607) if again == "announced" else number()
    result = await place(
        door=door, caller=first, called=through("twice"), headers=[("X-Second", second)]
    )
    assert result.status == (607 if again == "announced" else 480)
    then = ["custom/second"] if again == "announced" else []
    assert heard(result.early_rtp_packets, *["es/custom/notice"] * 2, *then), result


@pytest.mark.parametrize(("then", "status"), [("reject", 607), ("continue", 480)])
async def test_an_announcement_without_end_is_ended_and_the_admins_own_limit_put_back(
    stage: Stage, place: Place, announce: Announce, through: Callable[[str], str],
    then: str, status: int,
) -> None:  # fmt: skip
    included = stage.lab.home / "etc" / "ringfence.conf"
    whole = included.read_text()
    assert whole.count("TIMEOUT(absolute)=60,") == 1
    # a minute is long for a test
    included.write_text(whole.replace("TIMEOUT(absolute)=60,", "TIMEOUT(absolute)=1,"))
    stage.lab.rx("dialplan reload")
    try:
        caller = announce(prompt="custom/long", language="es", repeat=9, then=then, sip=607)
        result = await place(caller=caller, called=through("limited"))
    finally:
        included.write_text(whole)
        stage.lab.rx("dialplan reload")
    assert result.status == status, stage.lab.log_tail()
    assert 0.5 < result.early_rtp_packets / PACKETS_PER_SECOND < 2.0


async def test_an_announcement_may_last_as_long_through_either_door() -> None:
    assert f"TIMEOUT(absolute)={AriSettings().prompt_limit:g}," in DIALPLAN.read_text()


PLAYED = [
    # the sound, its language, and what the doctor says of it
    ("custom/notice", "", "ok"),
    ("custom/notice", "es_MX", "ok"),
    ("custom/second", "es", "ok"),
    ("only-spanish", "es", "ok"),
    ("only-spanish", "", "warn"),
    ("digits/1", "", "ok"),
    ("vm-goodbye", "es", "warn"),
    ("custom/gone", "es", "warn"),
]


def test_the_doctor_knows_what_asterisk_can_play_and_which_rule_wants_it(
    stage: Stage, announce: Announce
) -> None:
    for sound, language, _ in PLAYED:
        announce(prompt=sound, **({"language": language} if language else {}))
    said = prompts_said(stage)
    for sound, language, state in PLAYED:
        name = f"{sound} ({language})" if language else sound
        ((got, what, mend),) = [
            each for each in said if each[1].startswith((f"{name},", f"{name} i"))
        ]
        assert got == state, what
        assert "rule announce-" in what
        assert state == "ok" or ".wav" in mend


def test_without_ari_the_doctor_looks_at_the_files_or_says_that_it_cannot(
    stage: Stage, announce: Announce
) -> None:
    announce(prompt="custom/notice", language="es")
    announce(prompt="custom/gone")
    ((state, what, _),) = prompts_said(stage, RINGFENCE_ARI_URL="")
    assert state == "warn"
    assert "may be in a container: custom/gone, custom/notice (es)" in what
    # from inside Asterisk's root folder it would be seen; a link stands in for that
    outside = Path(stage.lab.inside)
    outside.parent.mkdir(exist_ok=True)
    outside.symlink_to(stage.lab.home)
    try:
        said = prompts_said(stage, RINGFENCE_ARI_URL="")
    finally:
        outside.unlink()
        with contextlib.suppress(OSError):
            outside.parent.rmdir()
    assert [state for state, *_ in said] == ["warn", "ok"]
    assert f"{stage.lab.inside}/data/sounds/custom/gone.wav" in said[0][2]


def prompts_said(stage: Stage, **environ: str) -> list[tuple[str, str, str]]:
    mine = stage.ringfence.environment
    before = dict(mine)
    mine.update(environ)
    try:
        findings = stage.ringfence.cli_json("doctor", check=False)["findings"]
    finally:
        mine.clear()
        mine.update(before)
    return [(f["state"], f["what"], f["mend"]) for f in findings if f["part"] == "prompts"]
