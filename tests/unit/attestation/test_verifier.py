"""Our verifier, step by step: each code of RFC 8224 has a token made for it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from lab.shaken import Authority, identity_header
from lab.shaken.authority import tn_auth_list_of_numbers
from ringfence.attestation import Failure, Reason
from ringfence.attestation.certificate import Signer
from ringfence.attestation.verifier import MAX_IDENTITIES, CallFacts, Step, verify
from tests.unit.attestation.maker import (
    CALLED,
    CALLER,
    NOW,
    ORIGID,
    SPC,
    Maker,
    failed,
    passed,
    said,
    unproven,
)
from tests.unit.attestation.test_jws import RFC_8225_SECTION_7_1

DAY = datetime.timedelta(days=1)


def at(days: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(NOW, datetime.UTC) + days * DAY


@pytest.mark.parametrize("level", ["A", "B", "C"])
def test_a_good_token_passes_with_its_level(maker: Maker, level: str) -> None:
    attestation = maker.verify(maker.identity(attest=level))
    assert said(attestation) == passed(level)
    assert (attestation.signer, attestation.origid) == (SPC, ORIGID)
    assert attestation.origin == "identity"
    assert attestation.x5u.startswith("https://certificates.example.org/")


# -- step 1: no Identity header ------------------------------------------------------------------


@pytest.mark.parametrize("identities", [(), ("",), ("  ", "\t")])
def test_a_call_without_an_identity_header_has_no_verification(
    maker: Maker, identities: tuple[str, ...]
) -> None:
    """428 is there for a rule that demands a signature; the verification is not "failed"."""
    assert said(maker.verify(*identities)) == unproven("no-identity", 428)


# -- step 2: every header is parsed ---------------------------------------------------------------


def test_the_shaken_token_is_found_wherever_it_stands(maker: Maker) -> None:
    others = [
        "rubbish",
        maker.identity(header={"ppt": "rcd"}).replace(";ppt=shaken", ";ppt=rcd"),
        maker.div("12125550000", ["12125550001"]),
    ]
    good = maker.identity()
    for place in range(len(others) + 1):
        assert said(maker.verify(*others[:place], good, *others[place:])) == passed("A")


def test_a_token_of_another_kind_alone_proves_nothing(maker: Maker) -> None:
    other = maker.identity(header={"ppt": "rcd"}).replace(";ppt=shaken", ";ppt=rcd")
    assert said(maker.verify(other)) == unproven("no-shaken", 428)
    assert said(maker.verify(maker.div(CALLER, [CALLED]))) == unproven("no-shaken", 428)


@pytest.mark.parametrize("text", ["rubbish", "a.b.c;info=<https://a.example.org/>", ";;", "\x00"])
def test_a_header_that_cannot_be_read_fails_with_438(maker: Maker, text: str) -> None:
    assert said(maker.verify(text)) == failed("malformed", 438)


def test_the_example_of_rfc_8225_is_malformed_as_its_iat_is_a_text(maker: Maker) -> None:
    identity = identity_header(
        RFC_8225_SECTION_7_1, "https://cert.example.org/passport.cer"
    ).replace(";ppt=shaken", "")
    assert said(maker.verify(identity)) == failed("malformed", 438)


@pytest.mark.parametrize("alg", ["none", "HS256", "RS256"])
def test_another_algorithm_fails_with_438(maker: Maker, alg: str) -> None:
    assert said(maker.verify(maker.identity(header={"alg": alg}))) == failed("unsupported", 438)


def test_of_several_tokens_that_hold_the_weakest_counts(maker: Maker) -> None:
    strong, weak = maker.identity(attest="A"), maker.identity(attest="C")
    assert said(maker.verify(strong, weak)) == passed("C")
    assert said(maker.verify(weak, strong)) == passed("C")


def test_one_token_that_holds_is_enough(maker: Maker) -> None:
    stale, good = maker.identity(age=100), maker.identity(attest="B")
    assert said(maker.verify(stale, good)) == passed("B")
    assert said(maker.verify(good, stale)) == passed("B")


def test_of_several_tokens_that_fail_the_first_is_told(maker: Maker) -> None:
    stale, forged = maker.identity(age=100), maker.identity(orig="12125550000")
    assert said(maker.verify(stale, forged)) == failed("stale", 403)
    assert said(maker.verify(forged, stale)) == failed("orig-mismatch", 438)


def test_headers_without_end_are_not_looked_at(maker: Maker) -> None:
    steps: list[Step] = []
    maker.verify(*["rubbish"] * 1_000, maker.identity(), steps=steps)
    assert len(steps) == MAX_IDENTITIES


def test_a_token_without_a_ppt_has_a_signer_and_no_level(maker: Maker) -> None:
    plain = maker.identity(header={"ppt": None}).replace(";ppt=shaken", "")
    attestation = maker.verify(plain)
    assert said(attestation) == ("passed", "none", "", 0)
    assert attestation.signer == SPC
    assert said(maker.verify(plain, maker.identity(attest="B"))) == passed("B")


# -- step 3: info and x5u -------------------------------------------------------------------------


def test_an_info_that_is_not_x5u_fails_with_436(maker: Maker) -> None:
    token, x5u = maker.token()
    assert said(maker.verify(identity_header(token, x5u + "x"))) == failed("bad-x5u", 436)
    assert said(maker.verify(token)) == failed("bad-x5u", 436)


@pytest.mark.parametrize(
    "x5u",
    [
        "http://certificates.example.org/a.pem",
        "https://certificates.example.org:8080/a.pem",
        "https://user:password@certificates.example.org/a.pem",
        "https://certificates.example.org/a.pem?b",
        "https://certificates.example.org/a.pem#b",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_address_that_nothing_may_be_fetched_from_fails_with_436(maker: Maker, x5u: str) -> None:
    """And nobody is asked for its certificate: `published` has no such entry."""
    token, _ = maker.token(header={"x5u": x5u})
    assert said(maker.verify(identity_header(token, x5u))) == failed("bad-x5u", 436)


# -- step 4: freshness ----------------------------------------------------------------------------


@pytest.mark.parametrize("age", [-60, -1, 0, 1, 60])
def test_a_token_is_fresh_for_a_minute_each_way(maker: Maker, age: float) -> None:
    assert said(maker.verify(maker.identity(age=age))) == passed("A")


@pytest.mark.parametrize("age", [61, 3_600, -61, -3_600])
def test_a_stale_token_and_one_from_the_future_fail_with_403(maker: Maker, age: float) -> None:
    assert said(maker.verify(maker.identity(age=age))) == failed("stale", 403)


# -- step 5: the certificate ----------------------------------------------------------------------


def test_a_certificate_that_cannot_be_had_fails_with_436(maker: Maker) -> None:
    x5u = "https://certificates.example.org/gone.pem"
    maker.published[x5u] = Failure(Reason.NO_CERTIFICATE, "404")
    attestation = maker.verify(maker.identity(x5u=x5u))
    assert said(attestation) == failed("no-certificate", 436)
    assert attestation.x5u == x5u


def test_a_certificate_that_is_being_fetched_proves_nothing_yet(maker: Maker) -> None:
    x5u = maker.publish(maker.credential(), pending=True)
    assert said(maker.verify(maker.identity(x5u=x5u))) == unproven("certificate-pending")


def test_a_token_about_other_numbers_fails_before_its_certificate_is_there(maker: Maker) -> None:
    x5u = maker.publish(maker.credential(), pending=True)
    wrong = maker.identity(x5u=x5u, orig="12125550000")
    assert said(maker.verify(wrong)) == failed("orig-mismatch", 438)
    wrong = maker.identity(x5u=x5u, dest=["12125550000"])
    assert said(maker.verify(wrong)) == failed("dest-mismatch", 438)
    assert said(maker.verify(maker.identity(x5u=x5u, attest="D"))) == failed("bad-attest", 438)


def test_a_pending_certificate_outweighs_a_token_that_failed(maker: Maker) -> None:
    pending = maker.identity(x5u=maker.publish(maker.credential(), pending=True))
    assert said(maker.verify(maker.identity(age=99), pending)) == unproven("certificate-pending")
    assert said(maker.verify(pending, maker.identity(attest="C"))) == passed("C")


def test_without_trust_roots_of_ours_nobody_is_called_a_forger(maker: Maker) -> None:
    x5u = "https://certificates.example.org/roots.pem"
    maker.published[x5u] = Failure(Reason.NO_TRUST_ROOTS)
    assert said(maker.verify(maker.identity(x5u=x5u))) == unproven("no-trust-roots")


# -- step 6: what the certificate is --------------------------------------------------------------


def test_a_signer_under_a_root_that_is_not_trusted_fails_with_437(maker: Maker) -> None:
    stranger = Authority("Stranger").signer("999X")
    assert said(maker.verify(maker.identity(credential=stranger))) == failed("untrusted", 437)


def test_an_expired_certificate_fails_with_437(maker: Maker) -> None:
    old = maker.authority.signer(SPC, begins=at(-30), ends=at(-1))
    assert said(maker.verify(maker.identity(credential=old))) == failed("expired", 437)


def test_a_certificate_that_expired_in_the_cache_fails_with_437(maker: Maker) -> None:
    short = maker.authority.signer(SPC, ends=at(1))
    identity = maker.identity(credential=short, age=-2 * 86_400)
    later = NOW + 2 * 86_400
    assert said(maker.verify(identity, now=later)) == failed("expired", 437)


def test_a_certificate_whose_time_has_not_come_fails_with_437(maker: Maker) -> None:
    early = maker.authority.signer(SPC, begins=at(1), ends=at(9))
    assert said(maker.verify(maker.identity(credential=early))) == failed("not-yet-valid", 437)


def test_a_certificate_that_names_no_provider_fails_with_437(maker: Maker) -> None:
    bare = maker.authority.signer(SPC, tn_auth_list=b"")
    assert said(maker.verify(maker.identity(credential=bare))) == failed("no-tnauthlist", 437)


def test_a_number_that_the_certificate_does_not_list_fails_with_437(maker: Maker) -> None:
    listed = maker.authority.signer("x", tn_auth_list=tn_auth_list_of_numbers(CALLER))
    other = maker.authority.signer("x", tn_auth_list=tn_auth_list_of_numbers("12125550000"))
    assert said(maker.verify(maker.identity(credential=listed))) == passed("A")
    assert said(maker.verify(maker.identity(credential=other))) == failed("out-of-scope", 437)


# -- step 7: the signature ------------------------------------------------------------------------


def test_a_token_that_another_key_signed_fails_with_438(maker: Maker) -> None:
    x5u = maker.publish(maker.credential())
    forged = maker.identity(x5u=x5u, credential=maker.authority.signer(SPC))
    attestation = maker.verify(forged)
    assert said(attestation) == failed("bad-signature", 438)
    assert (attestation.signer, attestation.origid) == ("", "")


def test_a_changed_claim_fails_with_438(maker: Maker) -> None:
    (weak, x5u), (strong, _) = maker.token(attest="C"), maker.token(attest="A")
    header, _, signature = weak.split(".")
    forged = f"{header}.{strong.split('.')[1]}.{signature}"
    assert said(maker.verify(identity_header(forged, x5u))) == failed("bad-signature", 438)


# -- step 8: what is claimed ----------------------------------------------------------------------


@pytest.mark.parametrize("attest", ["D", "a", "", "AA", None, 1, ["A"], "\n\x00"])
def test_a_level_that_there_is_not_fails_with_438(maker: Maker, attest: Any) -> None:
    identity = maker.identity(payload={"attest": attest})
    attestation = maker.verify(identity)
    assert said(attestation) == failed("bad-attest", 438)
    assert attestation.detail.isprintable()


def test_a_token_of_another_caller_fails_with_438(maker: Maker) -> None:
    identity = maker.identity(orig="12125550000")
    assert said(maker.verify(identity)) == failed("orig-mismatch", 438)
    assert said(maker.verify(maker.identity(payload={"orig": {"uri": "sip:a@b"}}))) == failed(
        "orig-mismatch", 438
    )


def test_a_token_for_another_called_number_fails_with_438(maker: Maker) -> None:
    """A token that was overheard is of no use for other calls."""
    assert said(maker.verify(maker.identity(dest=["12125550000"]))) == failed("dest-mismatch", 438)
    assert said(maker.verify(maker.identity(dest=[]))) == failed("dest-mismatch", 438)
    assert said(maker.verify(maker.identity(payload={"dest": {"uri": ["sip:a@b"]}}))) == failed(
        "dest-mismatch", 438
    )


def test_a_token_may_be_for_several_called_numbers(maker: Maker) -> None:
    assert said(maker.verify(maker.identity(dest=["12125550000", CALLED]))) == passed("A")


@pytest.mark.parametrize("caller", ["", "anonymous", "restricted", "sip:alice@example.com", "+"])
def test_a_caller_without_a_number_can_be_held_to_no_token(maker: Maker, caller: str) -> None:
    assert said(maker.verify(maker.identity(), caller=caller)) == unproven("no-number")


def test_a_called_name_can_be_held_to_no_token(maker: Maker) -> None:
    assert said(maker.verify(maker.identity(), called="s")) == unproven("no-number")


# -- step 9: numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("dress", ["+1-(215)-555-1212", "+12155551212", "1 215 555 1212"])
def test_numbers_are_compared_as_digits_with_their_country_code(maker: Maker, dress: str) -> None:
    assert said(maker.verify(maker.identity(), caller=dress)) == passed("A")
    assert said(maker.verify(maker.identity(orig=dress))) == passed("A")
    assert said(maker.verify(maker.identity(dest=[dress]), called=dress)) == passed("A")


def test_a_number_without_its_country_code_is_another_number(maker: Maker) -> None:
    assert said(maker.verify(maker.identity(orig="2155551212"))) == failed("orig-mismatch", 438)


# -- the order, and the way that is shown ---------------------------------------------------------


def test_the_first_failure_in_the_standards_order_is_the_one_told(maker: Maker) -> None:
    stranger = Authority("Stranger").signer("999X")
    everything: dict[str, Any] = {
        "credential": stranger, "attest": "D", "orig": "1", "dest": ["1"], "age": 99
    }  # fmt: skip
    wrong = maker.identity(**everything)
    assert said(maker.verify(wrong.replace("info=<", "info=<x"))) == failed("bad-x5u", 436)
    assert said(maker.verify(wrong)) == failed("stale", 403)
    wrong = maker.identity(**{**everything, "age": 0})
    assert said(maker.verify(wrong)) == failed("untrusted", 437)
    x5u = maker.publish(maker.credential())
    wrong = maker.identity(**{**everything, "age": 0, "x5u": x5u})
    assert said(maker.verify(wrong)) == failed("bad-signature", 438)
    wrong = maker.identity(attest="D", orig="1", dest=["1"])
    assert said(maker.verify(wrong)) == failed("bad-attest", 438)
    assert said(maker.verify(maker.identity(orig="1", dest=["1"]))) == failed("orig-mismatch", 438)


def test_the_way_of_a_verdict_can_be_shown_step_by_step(maker: Maker) -> None:
    steps: list[Step] = []
    maker.verify("rubbish", maker.identity(dest=["12125550000"]), steps=steps)
    assert [(step.header, step.check, step.failure is None) for step in steps] == [
        (0, "header", False),
        (1, "header", True),
        (1, "address", True),
        (1, "freshness", True),
        (1, "certificate", True),
        (1, "signature", True),
        (1, "claims", True),
        (1, "attest", True),
        (1, "caller", True),
        (1, "called", False),
    ]


def test_each_word_of_the_vocabulary_has_a_code_that_rfc_8224_knows() -> None:
    for reason in Reason:
        failure = Failure(reason)
        assert failure.code in ((403, 436, 437, 438) if failure.proves else (0, 428))


def test_the_certificate_is_asked_for_by_its_address_and_once(maker: Maker) -> None:
    token, x5u = maker.token()
    asked: list[str] = []

    def certificate_of(address: str) -> Signer | Failure:
        asked.append(address)
        return maker.signer(maker.credential())

    facts = CallFacts(CALLER, CALLED)
    verify([identity_header(token, x5u)], facts, certificate_of, NOW)
    assert asked == [x5u]
