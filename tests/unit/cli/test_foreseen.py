"""What an import sets off by itself, told before it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from ringfence.cli.foreseen import Foreseen, foresee
from ringfence.providers.deadlines import Kind
from ringfence.providers.model import Provider, encode_provider
from ringfence.providers.notice import AtDeadline, Blocked, Does, Notice, Step, encode_notice
from ringfence.providers.progress import Known, lifted, next_move, resolved
from ringfence.redress.model import ANSWER, Dispute, encode_dispute
from ringfence.rules import encode_rule

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
STEP = Step(NOW - HOUR, "alice", Does.RESOLVED, "settled")
GATEWAY = Provider(trunks=("gw",))
OPEN = Notice(
    Kind.OWN, NOW - 48 * HOUR, NOW - 2 * HOUR, "gateway", at_deadline=AtDeadline.BLOCK_DIRECT,
    basis="policy", reminded=("24h", "4h", "1h"),
)  # fmt: skip

State = dict[str, dict[str, bytes]]


def state(notice: Notice | None = None, provider: Provider | None = GATEWAY) -> State:
    return {
        "rules": {},
        "trunks": {},
        "providers": {"gateway": encode_provider(provider)} if provider else {},
        "notices": {"n": encode_notice(notice)} if notice else {},
        "disputes": {},
    }


def blocked() -> State:
    """A notice whose block is in force, with its rules."""
    move = next_move("n", OPEN, NOW, Known(GATEWAY, ("gw",)))
    assert move is not None
    found = state(move.notice)
    found["rules"] = {id: encode_rule(rule) for id, rule in move.rules.items()}
    return found


def foreseen(before: State, after: State) -> Foreseen:
    return foresee(before, after, frozenset(), NOW)


def test_a_resolved_notice_that_comes_back_open_and_due_blocks_at_once() -> None:
    (told,) = foreseen(state(resolved(OPEN, STEP)), state(OPEN)).blocks
    assert told.startswith("notice n, due 2026-11-22 10:00Z: blocks gateway at once, by notice-n-")


def test_what_is_due_without_the_import_is_not_told_as_its_doing() -> None:
    assert foreseen(state(OPEN), state(OPEN)) == Foreseen()


def test_a_provider_that_comes_into_the_register_may_be_what_a_due_notice_waits_for() -> None:
    (told,) = foreseen(state(OPEN, None), state(OPEN)).blocks
    assert "blocks gateway at once" in told


def test_a_notice_that_is_open_again_and_not_due_yet_is_a_note() -> None:
    later = msgspec.structs.replace(OPEN, deadline=NOW + HOUR)
    found = foreseen(state(resolved(later, STEP)), state(later))
    assert not found.blocks
    assert found.notes == (
        "notice n, due 2026-11-22 13:00Z: is open again, and then: block-direct",
    )


def test_a_block_that_comes_back_whole_sets_nothing_off() -> None:
    assert foreseen(state(None, None), blocked()) == Foreseen()


def test_calls_in_progress_that_would_be_ended_are_told() -> None:
    after = blocked()
    (text,) = after["notices"].values()
    notice = msgspec.json.decode(text, type=Notice)
    after["notices"]["n"] = encode_notice(msgspec.structs.replace(notice, hang_up=True))
    (told,) = foreseen(state(None, None), after).blocks
    assert "ends calls of gateway that are in progress" in told


def test_a_lifted_block_that_an_old_file_brings_back_is_a_note() -> None:
    before, after = state(), blocked()
    (text,) = after["notices"].values()
    notice, _ = lifted(msgspec.json.decode(text, type=Notice), STEP)
    after["notices"] = before["notices"] = {"n": encode_notice(notice)}
    (rule_id,) = after["rules"]
    assert foreseen(before, after).notes == (f"rule {rule_id}: comes back, and notice n is lifted",)


def test_a_notice_that_says_it_blocks_without_its_rules_is_a_note() -> None:
    notice = msgspec.structs.replace(OPEN, blocked=Blocked(NOW, {"notice-n-trunks": "0" * 12}))
    found = foreseen(state(), state(notice))
    assert found == Foreseen(
        notes=("notice n: says that it blocks, and notice-n-trunks is not there",)
    )


def test_a_dispute_that_says_its_number_is_let_through_needs_the_list() -> None:
    dispute = Dispute("+12025550142", NOW, NOW + ANSWER, lifted=NOW)
    after = state()
    after["disputes"] = {"d": encode_dispute(dispute)}
    (note,) = foreseen(state(), after).notes
    assert "+12025550142 is let through, and it is not on list redress" in note
    assert foresee(state(), after, {"+12025550142"}, NOW) == Foreseen()


def test_what_is_refused_in_redis_foresees_nothing() -> None:
    before = state()
    before["notices"] = {"broken": b"{"}
    assert foreseen(before, before) == Foreseen()
