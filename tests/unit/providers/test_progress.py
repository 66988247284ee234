"""What a notice calls for as time goes on, and that each of it happens once."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from ringfence.providers.blocking import rules_of, waits_for_commission
from ringfence.providers.deadlines import Kind
from ringfence.providers.model import Provider
from ringfence.providers.notice import AtDeadline, Does, Notice, Step
from ringfence.providers.progress import Known, Move, extended, lifted, next_move
from ringfence.rules.compile import compile_rule

from .makers import AT, DUE, GATEWAY, letter

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
KNOWN = Known(GATEWAY, ("gateway-c",))
NOBODY = Known(None, ())


def told(notice: Notice, at: datetime = AT) -> Notice:
    return notice.with_step(Step(at, "alice", Does.COMMISSION, "sent"))


def move(notice: Notice, at: datetime, known: Known = KNOWN) -> Move:
    found = next_move("letter-1", notice, at, known)
    assert found is not None
    return found


def quiet(notice: Notice, at: datetime, known: Known = KNOWN) -> bool:
    return next_move("letter-1", notice, at, known) is None


def test_nothing_happens_before_the_first_reminder() -> None:
    assert quiet(letter(), AT)
    assert quiet(letter(), DUE - 24 * HOUR - MINUTE)


def test_each_reminder_comes_once_and_says_how_long_is_left() -> None:
    notice, said = letter(), []
    at = AT
    while at < DUE:
        if found := next_move("letter-1", notice, at, KNOWN):
            notice = found.notice
            said.append(found.notice.steps[-1].text)
            assert not found.rules
        at += 10 * MINUTE
    assert said == ["1d left", "4h left", "1h left"]
    assert notice.reminded == ("24h", "4h", "1h")


def test_after_a_standstill_one_reminder_says_all() -> None:
    found = move(letter(), DUE - 30 * MINUTE)
    assert found.notice.reminded == ("24h", "4h", "1h")
    assert len(found.said) == 1
    assert found.said[0].text.startswith("30m to the deadline, 2020-04-05 15:00Z: block-both")
    assert quiet(found.notice, DUE - MINUTE)


def test_a_clock_set_back_repeats_no_reminder_and_undoes_no_block() -> None:
    reminded = move(told(letter()), DUE - HOUR).notice
    assert quiet(reminded, AT)
    blocked = move(reminded, DUE).notice
    assert quiet(blocked, AT)


def test_at_the_deadline_trunks_addresses_and_signers_are_blocked() -> None:
    found = move(told(letter()), DUE)
    assert sorted(found.rules) == [
        "notice-letter-1-addresses", "notice-letter-1-diverters", "notice-letter-1-signers",
        "notice-letter-1-trunks",
    ]  # fmt: skip
    for rule in found.rules.values():
        compile_rule(rule)
        assert (rule.action, rule.basis, rule.added_by) == ("block", "provider-notice", "ringfence")
    assert found.rules["notice-letter-1-signers"].when.verification == ("passed",)
    assert found.notice.blocked is not None
    assert found.notice.blocked.rules.keys() == found.rules.keys()
    assert found.notice.steps[-1].does is Does.BLOCKED
    assert quiet(found.notice, DUE + HOUR)


def test_a_k4_block_is_an_alarm_until_the_commission_was_told() -> None:
    found = move(letter(), DUE)
    assert not found.rules
    assert found.notice.blocked is None
    assert found.said[0].level == "error"
    assert "ringfence notice text letter-1" in found.said[0].text
    assert quiet(found.notice, DUE + HOUR)
    later = move(told(found.notice, DUE + HOUR), DUE + HOUR)
    assert len(later.rules) == 4


def test_a_final_order_blocks_direct_traffic_and_waits_for_nobody() -> None:
    order = letter(kind=Kind.FINAL_ORDER, at_deadline=AtDeadline.BLOCK_DIRECT)
    found = move(order, DUE)
    assert sorted(found.rules) == ["notice-letter-1-addresses", "notice-letter-1-trunks"]
    assert {rule.basis for rule in found.rules.values()} == {"provider-order"}
    assert not waits_for_commission(order)


def test_a_final_order_does_not_cover_what_comes_through_others() -> None:
    order = letter(kind=Kind.FINAL_ORDER)
    found = move(order, DUE)
    assert "notice-letter-1-signers" not in found.rules
    assert [said.level for said in found.said] == ["warning", "error"]
    assert quiet(found.notice, DUE + HOUR)
    later = move(told(found.notice), DUE + HOUR)
    assert list(later.rules) == ["notice-letter-1-signers", "notice-letter-1-diverters"]
    assert later.rules["notice-letter-1-signers"].basis == "provider-notice"


@pytest.mark.parametrize(
    ("notice", "known", "why"),
    [
        (letter(at_deadline=AtDeadline.ALARM), KNOWN, "still open"),
        (told(letter()), NOBODY, "not in the register"),
        (told(letter()), Known(Provider(), ()), "no trunk or address or signer"),
        (told(letter(at_deadline=AtDeadline.BLOCK_SIGNER)), Known(Provider(), ("x",)), "no signer"),
    ],
)
def test_where_nothing_can_be_blocked_there_is_one_alarm_that_says_why(
    notice: Notice, known: Known, why: str
) -> None:
    found = move(notice, DUE, known)
    assert why in found.said[0].text
    assert found.notice.alarmed == DUE
    assert quiet(found.notice, DUE + HOUR, known)


def test_what_the_register_learns_after_the_alarm_is_blocked_at_once() -> None:
    alarmed = move(told(letter()), DUE, NOBODY).notice
    assert len(move(alarmed, DUE + HOUR).rules) == 4


def test_a_trunk_that_is_known_later_is_blocked_too_and_nothing_is_unblocked() -> None:
    blocked = move(told(letter()), DUE).notice
    found = move(blocked, DUE + HOUR, Known(GATEWAY, ("gateway-c", "gateway-d")))
    assert list(found.rules) == ["notice-letter-1-trunks"]
    assert found.rules["notice-letter-1-trunks"].when.trunk == ("gateway-c", "gateway-d")
    assert found.notice.blocked is not None
    assert len(found.notice.blocked.rules) == 4
    left = Known(GATEWAY, ("gateway-c", "gateway-d"), ("notice-letter-1-trunks",))
    assert quiet(blocked, DUE + HOUR, left)
    assert quiet(blocked, DUE + HOUR, NOBODY)
    assert quiet(blocked, DUE + HOUR, Known(Provider(), ()))


@pytest.mark.parametrize("status", ["resolved", "lifted"])
def test_a_closed_notice_calls_for_nothing(status: str) -> None:
    assert quiet(told(letter(status=status)), DUE + HOUR)


def test_lifting_names_the_rules_that_go_and_blocks_never_again() -> None:
    blocked = move(told(letter()), DUE).notice
    notice, gone = lifted(blocked, Step(DUE + HOUR, "alice", Does.LIFTED, "they stopped"))
    assert sorted(gone) == sorted(move(told(letter()), DUE).rules)
    assert (notice.status, notice.blocked) == ("lifted", None)
    assert quiet(notice, DUE + 2 * HOUR)


def test_a_later_deadline_has_its_own_reminders_and_its_own_alarm() -> None:
    alarmed = move(letter(), DUE).notice
    step = Step(DUE + HOUR, "alice", Does.EXTENDED, "they asked for it")
    notice = extended(alarmed, DUE + 6 * HOUR, step)
    assert notice.reminded == ("24h",)
    assert quiet(notice, DUE + HOUR)
    assert move(notice, DUE + 3 * HOUR).op == "remind"
    assert move(notice, DUE + 6 * HOUR).op == "alarm"


def test_a_rule_has_no_more_trunks_than_a_rule_may_have() -> None:
    many = [f"trunk-{n}" for n in range(1_500)]
    rules = rules_of("n", told(letter()), msgspec.structs.replace(GATEWAY), many, AT)
    compile_rule(rules["notice-n-trunks"])
    assert len(rules["notice-n-trunks"].when.trunk) == 1_000
