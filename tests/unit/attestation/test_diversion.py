"""Diverted calls (RFC 8946): the way back to the number that the caller meant."""

from __future__ import annotations

import itertools

from lab.shaken import Authority
from lab.shaken.authority import tn_auth_list_of_numbers
from tests.unit.attestation.maker import CALLED, Maker, failed, passed, said, unproven

FIRST, SECOND, THIRD = "12125550001", "12125550002", "12125550003"


def test_a_diverted_call_passes_with_the_level_of_its_first_token(maker: Maker) -> None:
    attestation = maker.verify(maker.identity(dest=[FIRST], attest="B"), maker.div(FIRST, [CALLED]))
    assert said(attestation) == passed("B")
    assert attestation.signer == "818H"
    assert attestation.detail == f"diverted by 709J from {FIRST}"


def test_a_call_may_be_diverted_several_times_with_the_headers_in_any_order(maker: Maker) -> None:
    headers = [
        maker.identity(dest=[FIRST]),
        maker.div(FIRST, [SECOND]),
        maker.div(SECOND, [THIRD], spc="550K"),
        maker.div(THIRD, [CALLED]),
    ]
    for order in itertools.permutations(headers):
        attestation = maker.verify(*order)
        assert said(attestation) == passed("A")
        assert attestation.detail.split(", ") == [
            f"diverted by 709J from {THIRD}",
            f"diverted by 550K from {SECOND}",
            f"diverted by 709J from {FIRST}",
        ]


def test_numbers_in_the_wrong_order_are_no_way(maker: Maker) -> None:
    backwards = maker.div(CALLED, [FIRST])
    attestation = maker.verify(maker.identity(dest=[FIRST]), backwards)
    assert said(attestation) == failed("broken-diversion", 438)


def test_a_missing_link_is_no_way(maker: Maker) -> None:
    shaken = maker.identity(dest=[FIRST])
    assert said(maker.verify(shaken)) == failed("dest-mismatch", 438)
    for link in (maker.div(FIRST, [SECOND]), maker.div(SECOND, [CALLED])):
        assert said(maker.verify(shaken, link)) == failed("broken-diversion", 438)


def test_a_ring_of_diversions_has_an_end(maker: Maker) -> None:
    shaken = maker.identity(dest=[FIRST])
    ring = [maker.div(SECOND, [CALLED]), maker.div(CALLED, [SECOND]), maker.div(CALLED, [CALLED])]
    assert said(maker.verify(shaken, *ring)) == failed("broken-diversion", 438)


def test_a_diversion_to_several_numbers_leads_to_each(maker: Maker) -> None:
    link = maker.div(FIRST, [SECOND, CALLED])
    assert said(maker.verify(maker.identity(dest=[THIRD, FIRST]), link)) == passed("A")


def test_each_diversion_must_hold_itself(maker: Maker) -> None:
    shaken = maker.identity(dest=[FIRST])
    x5u = maker.publish(maker.credential("709J"))
    stranger = Authority("Stranger").signer("999X")
    assert said(maker.verify(shaken, maker.div(FIRST, [CALLED], age=99))) == failed("stale", 403)
    forged = maker.div(FIRST, [CALLED], x5u=x5u, credential=maker.authority.signer("709J"))
    assert said(maker.verify(shaken, forged)) == failed("bad-signature", 438)
    untrusted = maker.div(FIRST, [CALLED], credential=stranger)
    assert said(maker.verify(shaken, untrusted)) == failed("untrusted", 437)
    wrong_info = maker.div(FIRST, [CALLED]).replace("info=<", "info=<x")
    assert said(maker.verify(shaken, wrong_info)) == failed("bad-x5u", 436)


def test_a_diversion_of_another_callers_call_is_none_of_this_one(maker: Maker) -> None:
    other = maker.div(FIRST, [CALLED], orig="12125559999")
    assert said(maker.verify(maker.identity(dest=[FIRST]), other)) == failed("orig-mismatch", 438)


def test_the_first_token_must_hold_too(maker: Maker) -> None:
    link = maker.div(FIRST, [CALLED])
    assert said(maker.verify(maker.identity(dest=[FIRST], age=99), link)) == failed("stale", 403)


def test_one_good_way_is_enough(maker: Maker) -> None:
    shaken, stale = maker.identity(dest=[FIRST]), maker.div(FIRST, [CALLED], age=99)
    assert said(maker.verify(shaken, stale, maker.div(FIRST, [CALLED]))) == passed("A")


def test_a_diversion_that_the_call_did_not_take_does_not_matter(maker: Maker) -> None:
    attestation = maker.verify(maker.identity(), maker.div(FIRST, [SECOND], age=99))
    assert said(attestation) == passed("A")
    assert attestation.detail == ""


def test_who_lists_numbers_diverts_calls_for_those_and_no_others(maker: Maker) -> None:
    shaken = maker.identity(dest=[FIRST])
    for number, expected in ((FIRST, passed("A")), (SECOND, failed("out-of-scope", 437))):
        listed = maker.authority.signer("x", tn_auth_list=tn_auth_list_of_numbers(number))
        assert said(maker.verify(shaken, maker.div(FIRST, [CALLED], credential=listed))) == expected


def test_a_diverters_certificate_that_is_being_fetched_proves_nothing_yet(maker: Maker) -> None:
    x5u = maker.publish(maker.credential("709J"), pending=True)
    link = maker.div(FIRST, [CALLED], x5u=x5u)
    shaken = maker.identity(dest=[FIRST])
    assert said(maker.verify(shaken, link)) == unproven("certificate-pending")
    pending = maker.identity(dest=[FIRST], x5u=maker.publish(maker.credential(), pending=True))
    assert said(maker.verify(pending, link)) == unproven("certificate-pending")
    assert said(maker.verify(pending, maker.div(FIRST, [CALLED]))) == unproven(
        "certificate-pending"
    )
    broken = maker.div(SECOND, [CALLED])
    assert said(maker.verify(pending, broken)) == failed("broken-diversion", 438)


def test_rules_know_who_sent_a_call_on(maker: Maker) -> None:
    meant = "12025550177"
    said = maker.verify(
        maker.identity(dest=[meant]), maker.div(meant, [CALLED], spc="666G"), called=f"+{CALLED}"
    )
    assert (said.signer, said.diverters, said.level) == ("818H", ("666G",), "A")
