"""Where a diverted call comes out, and that none ends in dead air; through both doors on a real
Asterisk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from demo.stage import Stage

pytestmark = pytest.mark.asterisk

BOTH = pytest.mark.parametrize("door", ["agi", "ari"])
Place = Callable[..., Any]
Divert = Callable[..., str]

# Each place tells by its SIP code where a call came out, and in a global what it brought along.
CONTEXTS = """
[desk]
exten => 12025550100,1,Set(GLOBAL(SEEN)=${RINGFENCE_ACTION}/${RINGFENCE_REASON}/${RINGFENCE_RULE}/\
${LEN(${RINGFENCE_ID})}/${EXTEN}/${CALLERID(name)}/${STACK_PEEK(1,c,1)}/${ARG1}/${TIMEOUT(absolute)})
 same => n,PJSIPHangup(486)
exten => front*1,1,PJSIPHangup(484)

[honeypot]
exten => _[!-~].,1,Set(GLOBAL(SEEN)=${EXTEN})
 same => n,Hangup(1)
exten => s,1,PJSIPHangup(488)

[round]
exten => _X.,1,Gosub(ringfence,screen,1(${EXTEN}))
 same => n,Set(GLOBAL(SEEN)=${RINGFENCE_ACTION}/${RINGFENCE_REASON}/${RINGFENCE_RULE})
 same => n,PJSIPHangup(480)

[gate]
exten => _X.,1,Set(RINGFENCE_DOOR=${PJSIP_HEADER(read,X-Lab-Door)})
 same => n,Set(TIMEOUT(absolute)=77)
 same => n,Gosub(ringfence,screen,1(${EXTEN}))
 same => n,Set(GLOBAL(SEEN)=${RINGFENCE_ACTION}/${RINGFENCE_REASON}/${RINGFENCE_RULE}/\
${LEN(${RINGFENCE_ID})}/${CALLERID(name)})
 same => n,PJSIPHangup(481)
"""


@pytest.fixture(scope="module", autouse=True)
def contexts(stage: Stage) -> Iterator[None]:
    stage.lab.reload_dialplan(extra_dialplan=CONTEXTS)
    for context in ("gate", "round"):
        stage.lab.rx(
            f"dialplan add extension _1{len(context)}.,1,Goto({context},${{EXTEN:2}},1) "
            "into from-trunk replace"
        )
    yield
    stage.lab.reload_dialplan(extra_dialplan="")


GATE, ROUND = "14", "15"
"""In front of a called number: sends the call through that context instead of straight in."""

_ids = iter(range(1_000))


@pytest.fixture
def divert(stage: Stage, number: Callable[[], str]) -> Iterator[Divert]:
    """Put a diversion into force; gives back the caller that it is for."""
    made: list[str] = []

    def make(**respond: Any) -> str:
        caller, rule_id = number(), f"divert-{next(_ids)}"
        rule = {"action": "divert", "when": {"caller": caller}, "respond": respond}
        with stage.ringfence.in_force(rule_id):
            stage.ringfence.redis_cli("HSET", "ringfence:rules", rule_id, json.dumps(rule))
        made.append(rule_id)
        return caller

    yield make
    stage.ringfence.redis_cli("HDEL", "ringfence:rules", *made)


def seen(stage: Stage) -> str:
    """What the place where the last call came out has noted."""
    shown = stage.lab.rx("dialplan show globals")
    (line,) = [line for line in shown.splitlines() if line.strip().startswith("SEEN=")]
    return line.strip().removeprefix("SEEN=")


@BOTH
async def test_a_diverted_call_comes_out_at_its_called_number_with_all_that_is_known(
    stage: Stage, place: Place, divert: Divert, door: str
) -> None:
    caller = divert(context="desk")
    result = await place(door=door, caller=caller, caller_name="Ann", called=GATE + "12025550100")
    assert (result.status, result.answered, result.early_media) == (486, False, False)
    record = stage.ringfence.record(result.call_id)
    assert record["outcome"] == "applied"
    *told, stack, argument, left = seen(stage).split("/")
    assert told == ["divert", "rule", record["rule"], str(len(record["id"])), "12025550100", "Ann"]
    # out of the Gosub, its argument gone, and the admin's own time limit put back
    assert (stack, argument) == ("", "")
    assert 60 < float(left) <= 77


@BOTH
async def test_a_diversion_may_name_its_extension(place: Place, divert: Divert, door: str) -> None:
    caller = divert(context="desk", extension="front*1")
    assert (await place(door=door, caller=caller)).status == 484
    caller = divert(context="honeypot", extension="s")
    assert (await place(door=door, caller=caller)).status == 488


@BOTH
async def test_a_diverted_call_has_the_label_of_a_flag_before_it(
    stage: Stage, place: Place, divert: Divert, rule: Callable[..., None], door: str
) -> None:
    caller = divert(context="desk")
    with stage.ringfence.in_force("watched"):
        rule("watched", "--caller", caller, "--action", "flag", "--label", "[WATCH]",
             "--priority", "5")  # fmt: skip
    hostile = "Ann):NoOp(x)?a:b'c"
    result = await place(door=door, caller=caller, caller_name=hostile)
    assert result.status == 486
    assert f"/[WATCH] {hostile}/" in seen(stage)


@BOTH
@pytest.mark.parametrize(
    "respond",
    [{"context": "nowhere-at-all"}, {"context": "desk", "extension": "2"}],
    ids=["context", "extension"],
)
async def test_a_diversion_to_nowhere_lets_the_call_go_on_and_names_its_rule(
    stage: Stage, place: Place, divert: Divert, door: str, respond: dict[str, str]
) -> None:
    caller = divert(**respond)
    result = await place(door=door, caller=caller, called=GATE + "12025550100")
    assert result.status == 481
    record = stage.ringfence.record(result.call_id)
    assert seen(stage) == f"allow/fail-open/{record['rule']}/{len(record['id'])}/"
    last = [line for line in stage.lab.warnings() if record["rule"] in line][-1]
    assert f"{respond['context']},{respond.get('extension', '12025550100')}" in last
    assert "there is no such place" in last


@BOTH
async def test_a_flagged_call_that_cannot_be_diverted_keeps_its_label(
    stage: Stage, place: Place, divert: Divert, rule: Callable[..., None], door: str
) -> None:
    caller = divert(context="nowhere-at-all")
    with stage.ringfence.in_force("watched"):
        rule("watched", "--caller", caller, "--action", "flag", "--priority", "5")
    result = await place(door=door, caller=caller, caller_name="Ann", called=GATE + "12025550100")
    assert result.status == 481
    assert seen(stage).startswith("flag/fail-open/")
    assert seen(stage).endswith("/SPAM? Ann")


@BOTH
async def test_a_place_that_sends_its_calls_back_does_not_get_them_for_ever(
    stage: Stage, place: Place, divert: Divert, door: str
) -> None:
    caller = divert(context="round")
    assert (await place(door=door, caller=caller)).status == 480
    assert seen(stage).startswith("allow/fail-open/divert-")
    assert "sends the call back" in stage.lab.warnings()[-1]


@BOTH
@pytest.mark.parametrize(
    "rest",
    [
        "%2Cdesk%2C1", "),front*1,1", "&desk", "${SHELL(touch /tmp/ringfence-owned)}", "$[1/0]",
        "):0:4", "%28%28%28", ";x=1", "%22%5C", "?desk:desk", "\xe9", "%00", "%0a", " 1",
        "9" * 300, "=", "~", "%7C", "_X.!",
    ],
)  # fmt: skip
async def test_nothing_in_a_called_number_is_more_than_a_called_number(
    stage: Stage, place: Place, divert: Divert, door: str, rest: str
) -> None:
    """Through a context that takes any extension: what comes out there is harmless text."""
    caller = divert(context="honeypot")
    stage.lab.rx("dialplan set global SEEN (nothing)")
    result = await place(door=door, caller=caller, called="12025550100" + rest)
    assert not (stage.lab.root / "tmp" / "ringfence-owned").exists()
    if seen(stage) == "(nothing)":
        # no SIP, or no extension of the trunk's context matches it: nothing gets as far as us
        assert result.status in (0, 400, 404), stage.lab.log_tail()
        return
    assert result.status == 404  # the honeypot's Hangup(1)
    came = seen(stage)
    assert came.startswith("12025550100")
    assert set(came) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*#+._-")
    assert len(came) <= 79
