"""Whose a recorded call was, and whether it is the traffic that a notice is about."""

from __future__ import annotations

from datetime import timedelta

from ringfence.providers.blocking import rules_of
from ringfence.providers.commission import Sender, commission_text
from ringfence.providers.notice import Does, Step
from ringfence.providers.traffic import Hit, Tally, Watch, Whose

from .makers import AT, DUE, GATEWAY, letter, record

WHOSE = Whose("gateway", GATEWAY, ("gateway-c",))
LATER = AT + timedelta(minutes=1)


def test_a_call_is_direct_by_trunk_by_address_or_as_it_was_recorded() -> None:
    assert WHOSE.is_direct(record(LATER, trunk="gateway-c"))
    assert WHOSE.is_direct(record(LATER, source="192.0.2.7:5060"))
    assert WHOSE.is_direct(record(LATER, source="[::ffff:192.0.2.7]:5060"))
    assert WHOSE.is_direct(record(LATER, trunk="former", provider="gateway"))
    assert not WHOSE.is_direct(record(LATER, trunk="other", source="198.51.100.1:5060"))
    assert not WHOSE.is_direct(record(LATER, trunk="other", source="nonsense"))


def test_a_signature_counts_only_where_it_held() -> None:
    held = {"signer": "818h", "verification": "passed", "trunk": "other"}
    assert WHOSE.is_signed(record(LATER, **held))
    assert not WHOSE.is_signed(record(LATER, **{**held, "verification": "failed"}))
    assert not WHOSE.is_signed(record(LATER, **{**held, "signer": "999A"}))
    assert WHOSE.is_theirs(record(LATER, **held))


def test_a_notices_traffic_is_the_providers_with_these_numbers_and_after_its_time() -> None:
    watch = Watch(letter(), WHOSE)
    assert watch.matches(record(LATER, trunk="gateway-c"))
    assert not watch.matches(record(AT - timedelta(minutes=1), trunk="gateway-c"))
    assert not watch.matches(record(LATER, trunk="other"))
    other = {"caller_e164": "+13035550100", "caller": "3035550100"}
    assert not watch.matches(record(LATER, trunk="gateway-c", **other))
    assert watch.is_numbers(record(LATER, trunk="other"))
    assert Watch(letter(), None).matches(record(LATER, trunk="other"))


def test_calls_are_tallied_by_what_became_of_them_and_how_they_were_signed() -> None:
    tally = Tally()
    assert tally.mix == ""
    for level, action in (("A", "allow"), ("none", "block"), ("none", "intercept"), ("C", "flag")):
        tally.add(record(LATER, attestation=level, action=action), direct=level != "A")
    assert (tally.attempts, tally.blocked, tally.direct) == (4, 2, 3)
    assert tally.mix == "A 25 %, C 25 %, none 50 %"


def test_a_dry_run_meets_what_the_rules_would_meet_and_no_emergency_call() -> None:
    notice = letter().with_step(Step(AT, "alice", Does.COMMISSION))
    hit = Hit(rules_of("n", notice, GATEWAY, ("gateway-c",), AT).values())
    assert hit.by(record(LATER, trunk="gateway-c")) == "notice-n-trunks"
    assert hit.by(record(LATER, source="192.0.2.7:5060")) == "notice-n-addresses"
    signed = {"signer": "818H", "verification": "passed", "attestation": "A"}
    assert hit.by(record(LATER, trunk="other", **signed)) == "notice-n-signers"
    sent_on = {**signed, "signer": "709J", "diverters": ("818H",)}
    assert hit.by(record(LATER, trunk="other", **sent_on)) == "notice-n-diverters"
    assert hit.by(record(LATER, trunk="other")) == ""
    assert hit.by(record(LATER, trunk="gateway-c", reason="emergency")) == ""


def test_the_notice_to_the_commission_says_who_what_why_and_leaves_open_what_is_not_known() -> None:
    notice = letter(title="Letter of 2020-04-03").with_step(Step(AT, "alice", text="called them"))
    text = commission_text("letter-1", notice, GATEWAY, 1, 17, Sender("Acme VoIP"), DUE)
    for wanted in (
        "64.1200(k)(4)", "Example Gateway, Inc.", "818H", "Letter of 2020-04-03", "+1900*",
        "coronavirus tests", "since 2020-04-03 15:00Z: 17", "we have seen 17 calls", "(1 trunk)",
        "called them", "letter-1",
        "From: Acme VoIP, FRN [our FRN]", "Time given until: 2020-04-05",
    ):  # fmt: skip
        assert wanted in text


def test_the_text_claims_nothing_that_was_not_seen() -> None:
    text = commission_text("letter-1", letter(), GATEWAY, 1, 0, Sender(), DUE)
    assert "[We have seen none of this traffic" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_traffic_of_a_notice_counts_from_its_release_where_that_was_before() -> None:
    released = AT - timedelta(hours=3)
    watch = Watch(letter(released=released), WHOSE)
    assert watch.matches(record(AT - timedelta(hours=1), trunk="gateway-c"))
    assert not watch.matches(record(AT - timedelta(hours=4), trunk="gateway-c"))
    assert letter(released=AT + timedelta(hours=1)).began == AT


def test_a_record_of_a_hand_or_of_another_version_ends_no_count() -> None:
    notice = letter().with_step(Step(AT, "alice", Does.COMMISSION))
    hit = Hit(rules_of("n", notice, GATEWAY, ("gateway-c",), AT).values())
    odd = {"attestation": "Z", "verification": "perhaps", "time": "some day"}
    assert hit.by(record(LATER, trunk="gateway-c", **odd)) == "notice-n-trunks"
    assert hit.by(record(LATER, trunk="other", signer="818H", **odd)) == ""
    watch = Watch(letter(), Whose("gateway", GATEWAY, ("gateway-c",)))
    assert watch.matches(record(LATER, trunk="gateway-c", **odd))
    tally = Tally()
    tally.add(record(LATER, **odd), direct=True)
    assert (tally.attempts, tally.mix) == (1, "")
