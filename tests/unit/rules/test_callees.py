"""A customer's choices are read strictly, and say whom they allow and whom they block."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ringfence.call import Call
from ringfence.lists import NumberList, parse_entry
from ringfence.numbers import normalise
from ringfence.rules.callee_book import EMPTY_CALLEES, CalleeBook
from ringfence.rules.callees import decode_callee, encode_callee, read_callee
from ringfence.rules.choice import NO_CHOICE, Choice

OWN = "+12025550123"


def book_of(**callees: dict[str, Any]) -> CalleeBook:
    return EMPTY_CALLEES.changed(
        (), [read_callee(id, json.dumps(document)) for id, document in callees.items()]
    )


def chosen(document: dict[str, Any], caller: str, called: str = OWN) -> Choice:
    friends = NumberList("friends")
    friends.add(parse_entry("+1303*"))
    call = Call(caller=normalise(caller), called=normalise(called))
    document = {"numbers": [OWN], **document}
    return book_of(acme=document).choice(call, {"friends": friends}, 0.0)


def test_a_call_for_nobody_who_chose_anything_meets_no_choice() -> None:
    assert chosen({"block": "anonymous"}, "anonymous", "+13015550100") is NO_CHOICE
    assert chosen({"block": "anonymous"}, "anonymous", "611") is NO_CHOICE


@pytest.mark.parametrize(
    ("caller", "evidence"),
    [
        ("+13035550100", "caller @friends (+1303*)"),
        ("+12125550100", "caller +12125550100"),
        ("+19005550100", "caller +1900*"),
        ("+12125550177", "caller +12125550150-+12125550199"),
        ("+12125550101", ""),
    ],
)
def test_a_list_a_number_a_prefix_and_a_range_may_be_allowed(caller: str, evidence: str) -> None:
    allow = ["@friends", "+12125550100", "+1900*", "+12125550150-+12125550199"]
    assert chosen({"allow": allow}, caller) == Choice("acme", allowed=evidence)


def test_what_a_customer_blocks_is_blocked() -> None:
    document = {"block": ["anonymous", r"~^\+1900"]}
    assert chosen(document, "anonymous").blocked == "caller anonymous"
    assert chosen(document, "+19005550100").blocked == r"caller ~^\+1900 (+19005550100)"
    assert chosen(document, "+13035550100") == Choice("acme")


def test_who_is_allowed_and_blocked_is_allowed() -> None:
    choice = chosen({"allow": "+13035550100", "block": "+1303*"}, "+13035550100")
    assert choice == Choice("acme", allowed="caller +13035550100")


def test_a_mark_of_exclusion_leaves_out() -> None:
    document = {"block": ["+1303*", "!+13035550100"]}
    assert not chosen(document, "+13035550100").blocked
    assert chosen(document, "+13035550101").blocked == "caller +1303*"
    assert chosen({"block": ["!@friends"]}, "+12125550100").blocked == "caller not excluded"
    assert not chosen({"block": ["!@friends"]}, "+13035550100").blocked


def test_who_opts_out_of_analytics_says_so_with_each_call() -> None:
    assert chosen({"analytics": False}, "+13035550100") == Choice("acme", analytics=False)


def test_an_id_that_is_a_number_needs_no_numbers() -> None:
    call = Call(caller=normalise("anonymous"), called=normalise("2025550123"))
    for id in (OWN, "12025550123", "+1202*", "+12025550100-+12025550199"):
        book = EMPTY_CALLEES.changed((), [read_callee(id, '{"block": ["anonymous"]}')])
        assert book.choice(call, {}, 0.0).callee == id


def test_what_is_kept_is_what_was_read() -> None:
    text = {
        "numbers": [OWN],
        "allow": ["@friends"],
        "analytics": False,
        "note": "17",
        "added_by": "alice",
        "added_at": "2026-01-31T00:00:00Z",
    }
    assert json.loads(encode_callee(decode_callee("acme", json.dumps(text)))) == text


def test_the_lists_that_callees_name_are_known() -> None:
    book = book_of(
        a={"numbers": OWN, "allow": ["@friends", "+1303*"]},
        b={"numbers": "+1301*", "block": ["!@good", "own"]},
    )
    assert book.list_names == {"friends", "good", "own"}
    assert not EMPTY_CALLEES.list_names


@pytest.mark.parametrize(
    ("id", "text", "said"),
    [
        ("acme", "{}", "numbers: write whose choice this is"),
        ("acme", '{"numbers": ["rubbish"]}', "numbers: 'rubbish' is no entry"),
        ("acme", '{"numbers": ["2025550123"]}', "numbers: '2025550123' is no entry"),
        (OWN, '{"allow": ["rubbish"]}', "allow: 'rubbish' is not known"),
        (OWN, '{"block": ["~("]}', "block: ~'(' is no pattern"),
        (OWN, '{"block": [""]}', "at `block[0]`"),
        (OWN, '{"analytics": "off"}', "at `analytics`"),
        (OWN, '{"alow": []}', "unknown field `alow`"),
        (OWN, '{"note": "a", "note": "b"}', "note"),
        (OWN, "{", "truncated"),
        (OWN, '{"note": "' + "x" * 70_000 + '"}', "larger than 65536 bytes"),
        ("a b", "{}", "a callee's id"),
        ("a\n", "{}", "a callee's id"),
        ("x" * 81, "{}", "a callee's id"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(id: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        decode_callee(id, text)
    assert "\n" not in str(refused.value)
