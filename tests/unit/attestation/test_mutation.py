"""No change to a signed token goes unseen, whatever byte of it is changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.shaken import identity_header
from ringfence.attestation import Verification
from tests.unit.attestation.maker import CALLED, Maker, passed, said

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FOREIGN = '=+/. ;<>,"\\\x00\n\x7fé\u2028'


def test_no_byte_of_a_token_can_be_changed(maker: Maker) -> None:
    token, x5u = maker.token()
    for at, character in enumerate(token):
        for other in {*_ALPHABET, *_FOREIGN} - {character}:
            changed = token[:at] + other + token[at + 1 :]
            attestation = maker.verify(identity_header(changed, x5u))
            assert attestation.verification is not Verification.PASSED, (at, other)


def test_no_bit_left_over_in_a_part_can_be_changed(maker: Maker) -> None:
    """Base64url's last character has bits that mean nothing; several spellings would be one."""
    token, x5u = maker.token()
    for at, character in enumerate(token):
        if at + 1 < len(token) and token[at + 1] != ".":
            continue
        for other in _ALPHABET:
            if other != character:
                changed = token[:at] + other + token[at + 1 :]
                attestation = maker.verify(identity_header(changed, x5u))
                assert attestation.verification is not Verification.PASSED, (at, other)


def test_nothing_can_be_added_to_a_token_or_taken_away(maker: Maker) -> None:
    token, x5u = maker.token()
    for at in range(len(token) + 1):
        for changed in (token[:at] + "A" + token[at:], token[:at] + token[at + 1 :], token[:at]):
            if changed != token:
                attestation = maker.verify(identity_header(changed, x5u))
                assert attestation.verification is not Verification.PASSED, at


def test_a_change_to_the_parameters_changes_nothing_or_is_refused(maker: Maker) -> None:
    header = maker.identity()
    good = maker.verify(header)
    for at in range(header.index(";"), len(header)):
        for other in 'aZ0;=<>" \\\x00é':
            changed = maker.verify(header[:at] + other + header[at + 1 :])
            assert changed == good or changed.verification is not Verification.PASSED


@given(st.data())
def test_no_parts_of_two_tokens_make_a_third(maker: Maker, data: st.DataObject) -> None:
    x5u = maker.publish(maker.credential())
    tokens = [maker.token(x5u=x5u, attest=level)[0].split(".") for level in "AB"]
    choice = [data.draw(st.integers(0, 1)) for _ in range(3)]
    mixed = ".".join(tokens[which][part] for part, which in enumerate(choice))
    attestation = maker.verify(identity_header(mixed, x5u), called=CALLED)
    # the header is the same in both
    if choice[1] == choice[2]:
        assert said(attestation) == passed("AB"[choice[1]])
    else:
        assert attestation.verification is Verification.FAILED


@given(
    st.lists(st.text(max_size=60) | st.sampled_from(["", "..", "a.b.c", ";info=<>"]), max_size=9)
)
def test_whatever_stands_in_the_headers_there_is_an_answer(maker: Maker, texts: list[str]) -> None:
    attestation = maker.verify(*texts, date=0.0)
    assert attestation.verification is not Verification.PASSED
    assert attestation.reason
