"""A notice as it is kept: strict, and with room for what must be written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ringfence.providers.deadlines import Kind
from ringfence.providers.notice import (
    GROUNDS,
    AtDeadline,
    Does,
    Notice,
    Step,
    decode_notice,
    encode_notice,
    refuse_overlong,
)

from .makers import AT, DUE, letter

TIMES = '"received":"2020-04-03T15:00:00Z","deadline":"2020-04-05T15:00:00Z"'


def test_a_notice_is_read_back_as_it_was_written() -> None:
    notice = letter(title="FCC letter").with_step(Step(AT, "alice", Does.NOTE, "called them"))
    assert decode_notice("letter-1", encode_notice(notice)) == notice
    assert decode_notice("n", "{" + f'"kind":"own",{TIMES}' + "}").at_deadline is AtDeadline.ALARM


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('"kind":"letter"', "letter"),
        ('"kind":"own","at_deadline":"block-both"', "needs a provider"),
        ('"kind":"own","provider":"a b"', "no provider's id"),
        ('"kind":"own","hang_up":true', "goes with a block"),
        ('"kind":"ftc-fcc-letter","basis":"policy"', "of your own"),
        ('"kind":"own","basis":"provider-order"', "final orders"),
        ('"kind":"traceback","timezone":"Mars"', "no time zone"),
        ('"kind":"own","remind":["soon"]', "no length of time"),
        ('"kind":"own","traffic":{"callers":["@scammers"]}', "no list"),
        ('"kind":"own","traffic":{"callers":["own"]}', "no list"),
        ('"kind":"own","traffic":{"callers":["rubbish"]}', "rubbish"),
        ('"kind":"own","kind":"own"', "`kind` is there twice"),
        ('"kind":"own","steps":[{"who":"x"}]', "at"),
        ('"kind":"own","stat":"open"', "stat"),
        ('"kind":"own","released":"0001-01-01T00:00:00+05:00"', "released 0001.*a year from 1990"),
        ('"kind":"own","traffic":{"until":"9999-12-31T23:59:59-05:00"}', "until 9999"),
        ('"kind":"own","steps":[{"at":"0001-01-01T00:00:00Z","who":"x"}]', "at 0001"),
        ('"kind":"own","blocked":{"at":"9999-12-31T23:59:59Z","rules":{}}', "blocked 9999"),
    ],
)
def test_a_wrong_notice_is_refused_in_one_line(more: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        decode_notice("n", "{" + f"{more},{TIMES}" + "}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("id", ["", "a b", "-a", "é", "a" * 41])
def test_a_notices_id_fits_into_the_ids_of_its_rules(id: str) -> None:
    with pytest.raises(ValueError, match="notice's id"):
        decode_notice(id, encode_notice(letter()))


def test_a_notice_says_on_what_ground_it_blocks() -> None:
    assert letter().ground == "provider-notice"
    assert letter(kind=Kind.FINAL_ORDER).ground == "provider-order"
    assert letter(kind=Kind.OWN).ground == "policy"
    assert letter(kind=Kind.OWN, basis="provider-notice").ground == "provider-notice"
    assert set(GROUNDS) == {Kind.FINAL_ORDER, Kind.OWN}


def test_the_first_word_to_the_commission_counts() -> None:
    notice = letter()
    assert notice.commission_told is None
    for hours in (3, 1, 2):
        step = Step(AT + timedelta(hours=hours), "alice", Does.COMMISSION)
        notice = notice.with_step(step)
    assert notice.commission_told == AT + timedelta(hours=1)


def test_an_admins_words_leave_room_for_ringfences_own() -> None:
    full = letter(steps=tuple(Step(AT, "alice", Does.NOTE, "x" * 4_000) for _ in range(15)))
    with pytest.raises(ValueError, match="full"):
        refuse_overlong(full)
    decode_notice("n", encode_notice(full))
    refuse_overlong(letter())


def test_only_open_notices_are_open() -> None:
    assert Notice(Kind.OWN, AT, DUE).is_open
    assert not letter(status="resolved").is_open
    assert not letter(status="lifted").is_open
