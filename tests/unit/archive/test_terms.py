"""The index may offer too much, never too little."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.archive.terms import is_pattern, terms_of, terms_wanted
from ringfence.calllog.filter import CallFilter
from ringfence.verdict import Action, Noted
from tests.unit.archive.parts import record

TEXT = st.sampled_from(
    ["", "+12025550123", "2025550123", "0112025550123", "911", "alice", "alice5", "al@5", "(score)",
     "anonymous", "carrier-a", "x", "٣"]
)  # fmt: skip
FIELDS = ("caller", "caller_e164", "called", "called_e164", "trunk", "provider", "rule",
          "sip_call_id", "signer", "callee")  # fmt: skip
WANTED = ("caller", "called", "trunk", "provider", "rule", "sip_call_id", "signer", "callee")


@given(
    st.fixed_dictionaries(dict.fromkeys(FIELDS, TEXT)),
    st.fixed_dictionaries(dict.fromkeys(WANTED, TEXT)),
    st.booleans(),
    st.sampled_from(["allow", "block"]),
)
def test_a_call_that_is_asked_for_has_every_term_of_the_question(
    fields: dict[str, str], wanted: dict[str, str], anonymous: bool, action: str
) -> None:
    asked = CallFilter(**wanted, action=action)
    call = record(**fields, anonymous=anonymous, action=action, reason="score",
                  noted=(Noted("x", Action.FLAG, True),))  # fmt: skip
    if asked.matches(call) and not is_pattern(asked.trunk):
        assert set(terms_wanted(asked)) <= terms_of(call)


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ({"caller": "(301) 555-0199"}, {}),
        ({"caller": "anonymous"}, {"anonymous": True}),
        ({"caller": "alice"}, {"caller": "alice", "caller_e164": ""}),
        ({"called": "2025550123"}, {"called": "0112025550123"}),
        ({"rule": "watch"}, {"noted": (Noted("watch", Action.BLOCK, True),)}),
        ({"rule": "(score)"}, {"reason": "score"}),
        ({"rule": "(no-rule)"}, {}),
        ({"action": "block"}, {"action": "block"}),
        ({"signer": "1234"}, {"signer": "1234"}),
    ],
)
def test_what_is_asked_for_is_found(wanted: dict[str, Any], fields: dict[str, Any]) -> None:
    asked, call = CallFilter(**wanted), record(**fields)
    assert asked.matches(call)
    assert set(terms_wanted(asked)) <= terms_of(call)


def test_what_is_true_of_nearly_all_calls_takes_no_room() -> None:
    usual = terms_of(record())
    assert len(usual) == 4  # the day as a whole, caller, called number, trunk
    assert terms_of(record(action="block")) > usual
