"""When Asterisk's word counts in place of ours: never for a token taken from another call."""

from __future__ import annotations

import itertools

import pytest

from lab.shaken import Authority
from ringfence.attestation import PENDING, Attestation, Failure, Reason, attest
from ringfence.call import CallAttempt
from ringfence.trunk import DEFAULT_TRUNK
from tests.unit.attestation.maker import CALLED, Maker, failed, passed, said, unproven

SLOW = "https://slow.example.org/never-there.pem"
MEANT = "12125550000"
"""Whom the call was for that the token was taken from."""


def together(maker: Maker, *identities: str, called: str = CALLED) -> Attestation:
    """What rules see where Asterisk says that the first token holds, with level A."""
    verified = maker.verify(*identities, called=called)
    attempt = CallAttempt(identities=identities, stir_shaken=(("success", "A"),))
    return attest(attempt, DEFAULT_TRUNK, verified)


@pytest.fixture
def taken(maker: Maker) -> str:
    maker.published[SLOW] = PENDING
    return maker.identity(dest=[MEANT])


def test_a_token_taken_from_another_call_has_failed_whatever_asterisk_says(
    maker: Maker, taken: str
) -> None:
    assert said(together(maker, taken)) == failed("dest-mismatch", 438)


def test_a_second_token_that_stays_pending_lends_it_no_level(maker: Maker, taken: str) -> None:
    second = maker.identity(x5u=SLOW, credential=maker.credential("666"))
    assert said(together(maker, taken, second)) == unproven("certificate-pending")


def test_a_diversion_that_stays_pending_lends_it_no_level(maker: Maker, taken: str) -> None:
    div = maker.div(MEANT, [CALLED], x5u=SLOW)
    assert said(together(maker, taken, div)) == unproven("certificate-pending")


def test_a_called_name_that_no_token_can_name_lends_it_no_level(maker: Maker, taken: str) -> None:
    assert said(together(maker, taken, called="reception")) == unproven("no-number")


def test_a_token_that_only_asterisk_saw_counts_for_nothing(maker: Maker) -> None:
    """Too long for the dialplan's function, and not for Asterisk's own verifier."""
    assert said(together(maker)) == unproven("no-identity", 428)
    pending = maker.identity(x5u=SLOW)
    maker.published[SLOW] = PENDING
    assert said(together(maker, "", pending)) == unproven("certificate-pending")


@pytest.mark.parametrize("why", [PENDING, Failure(Reason.NO_TRUST_ROOTS)])
def test_asterisk_stands_in_for_the_signature_of_one_token_that_is_else_good(
    maker: Maker, why: object
) -> None:
    maker.published[SLOW] = why  # type: ignore[assignment]
    assert said(together(maker, maker.identity(x5u=SLOW))) == passed("A")


def test_no_two_tokens_together_prove_what_neither_does(maker: Maker) -> None:
    """Each kind beside each, in both orders, and whatever Asterisk says of the first."""
    x5u, y = maker.publish(maker.credential()), maker.publish(maker.credential("709J"))
    maker.published[SLOW] = PENDING
    forger = Authority().signer("818H")
    good, taken = maker.identity(x5u=x5u), maker.identity(x5u=x5u, dest=[MEANT])
    div = maker.div(MEANT, [CALLED], x5u=y)
    tokens = [
        *(good, taken, div),
        maker.identity(x5u=x5u, orig=MEANT),
        maker.identity(x5u=x5u, age=100),
        maker.identity(x5u=x5u, credential=forger),
        maker.identity(x5u=SLOW),
        maker.identity(x5u=SLOW, dest=[MEANT]),
        maker.div(MEANT, [CALLED], x5u=SLOW),
        maker.div(MEANT, [CALLED], x5u=y, credential=forger),
        maker.div(MEANT, [CALLED], x5u=y, age=100),
        *("x.y.z;info=<>", ""),
    ]
    for pair in itertools.product(tokens, repeat=2):
        proves = good in pair or set(pair) == {taken, div}
        assert (together(maker, *pair).level == "A") == proves, pair
