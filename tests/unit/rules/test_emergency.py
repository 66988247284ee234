"""The guard ahead of every rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ringfence.call import Call, CallAttempt
from ringfence.lists import NumberList, parse_entry
from ringfence.rules import Rule, compile_rules, evaluate
from ringfence.rules.emergency import emergency
from ringfence.screening import call_of
from ringfence.trunk import Trunk
from ringfence.verdict import Action, Reason


def a_list(name: str, *entries: str) -> dict[str, NumberList]:
    numbers = NumberList(name)
    for text in entries:
        numbers.add(parse_entry(text))
    return {name: numbers}


@pytest.mark.parametrize(
    "called",
    [
        *("911", "933", "112", "1911", "1933", "+911", "+1911", "+1933", "+112", "9-1-1", "911#"),
        *("sip:911@host", "<sip:911@host;user=phone>", '"x" <sip:911@host>', "tel:911", "911@host"),
        *("tel:911;phone-context=+1", "sip:911;phone-context=+1@host", "911;isub=1", "9\x2011"),
        *("urn:service:sos", "URN:SERVICE:SOS.POLICE", "<urn:service:sos.ambulance>"),
    ],
)
def test_an_emergency_number_is_known_in_every_form_on_every_trunk(called: str) -> None:
    for country in ("US", "DE", "AT", "KR", "GB"):
        for strip in ("", "9", "91", "1", "00", "+9"):
            trunk = Trunk(country=country, strip=strip)
            assert emergency(call_of(CallAttempt(called=called), trunk), {}, 0.0), trunk


@pytest.mark.parametrize(
    ("strip", "called"), [("9", "9911"), ("1234#", "1234#112"), ("+1", "+1933")]
)
def test_an_emergency_number_is_known_behind_a_trunks_prefix(strip: str, called: str) -> None:
    assert emergency(call_of(CallAttempt(called=called), Trunk(strip=strip)), {}, 0.0)


@pytest.mark.parametrize(
    "called",
    [
        *("9115550123", "+19115550123", "2025550911", "0911", "91", "9111", "112112", "11933"),
        *(
            "",
            "anonymous",
            "sos",
            "urn:service:counseling",
            "urn:service:sosx",
            "urn:service:sos\n",
        ),
    ],
)
def test_a_number_that_only_looks_like_one_is_no_emergency(called: str) -> None:
    why = emergency(call_of(CallAttempt(called=called), Trunk()), {}, 0.0)
    assert bool(why) is (called == "urn:service:sos\n")  # white space around it means nothing


@pytest.mark.parametrize("called", ["988", "+988", "sip:988@host"])
def test_the_admins_emergency_numbers_are_guarded_too(
    call: Callable[..., Call], called: str
) -> None:
    lists = a_list("emergency", "988", "+12025550911")
    assert emergency(call(called=called), lists, 0.0) == "called @emergency (988)"
    assert emergency(call(called="2025550911"), lists, 0.0)
    assert not emergency(call(caller=called), lists, 0.0)


def test_public_safety_callers_are_guarded(call: Callable[..., Call]) -> None:
    lists = a_list("public-safety", "+1202555091*")
    assert emergency(call("2025550911"), lists, 0.0) == "caller @public-safety (+1202555091*)"
    assert not emergency(call(called="2025550911"), lists, 0.0)


def test_an_emergency_caller_id_opens_no_way_in(call: Callable[..., Call]) -> None:
    assert not emergency(call("911"), {}, 0.0)


@pytest.mark.parametrize("action", ["block", "intercept", "flag"])
def test_no_rule_touches_an_emergency_call(
    rule: Callable[..., Rule], call: Callable[..., Call], action: str
) -> None:
    book = compile_rules(
        [rule("all", action, priority=0), rule("911", action, when={"called": "911"})]
    )
    verdict = evaluate(book, call(called="911"), {}, 0.0)
    assert (verdict.action, verdict.reason) == (Action.ALLOW, Reason.EMERGENCY)
    assert verdict.matched == ("called 911",)
    assert not verdict.noted
