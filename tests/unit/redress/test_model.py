"""A dispute as it is kept: what is in order, and what is refused by name."""

from __future__ import annotations

import json

import msgspec
import pytest

from ringfence.redress.model import (
    Dispute,
    Does,
    Step,
    decode_dispute,
    disputed_number,
    encode_dispute,
    refuse_overlong,
)
from tests.unit.redress.test_clock import CAME, DISPUTE


def text(**changes: object) -> str:
    return json.dumps({**msgspec.to_builtins(DISPUTE), **changes})


def test_what_is_written_is_read_as_it_was() -> None:
    dispute = msgspec.structs.replace(
        DISPUTE, call="0" * 22, lifted=CAME, steps=(Step(CAME, "alice", Does.LIFTED, "a clinic"),)
    )
    assert decode_dispute("d-1", encode_dispute(dispute)) == dispute


@pytest.mark.parametrize(
    ("id", "written", "said"),
    [
        ("-d", text(), "a dispute's id has"),
        ("d", text(number="+1202555*"), "write one number"),
        ("d", text(number="2025550142"), "is no entry"),
        ("d", text(number="911"), "write one number"),
        ("d", text(status="open-ish"), "Invalid enum value"),
        ("d", text(colour="red"), "unknown field"),
        ("d", text(received="2026-11-21T12:00:00"), "timezone"),
        (
            "d",
            text(deadline="0001-01-01T00:00:00+05:00"),
            "deadline 0001.*: write a year from 1990",
        ),
        ("d", "{", "truncated"),
        ("d", text(text="x" * 70_000), "larger than 65536 bytes"),
        ("d", text()[:-1] + ', "number": "+12025550143"}', "number"),
    ],
)
def test_what_is_not_in_order_is_refused_in_one_line(id: str, written: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        decode_dispute(id, written)
    assert "\n" not in str(refusal.value)


def test_admins_words_leave_room_for_the_steps_that_end_a_dispute() -> None:
    step = Step(CAME, "alice", Does.TOLD, "x" * 4_000)
    refuse_overlong(msgspec.structs.replace(DISPUTE, steps=(step,) * 15))
    with pytest.raises(ValueError, match="full"):
        refuse_overlong(msgspec.structs.replace(DISPUTE, steps=(step,) * 16))


def test_only_a_number_can_be_disputed() -> None:
    assert disputed_number("(202) 555-0142").e164 == "+12025550142"
    for wrong in ("anonymous", "911", "", "Ann"):
        with pytest.raises(ValueError, match="is no number"):
            disputed_number(wrong)


def test_whoever_waits_is_who_was_neither_told_nor_let_through() -> None:
    assert Dispute(number="+12025550142", received=CAME, deadline=CAME).awaits_answer
    assert not msgspec.structs.replace(DISPUTE, told=CAME).awaits_answer
