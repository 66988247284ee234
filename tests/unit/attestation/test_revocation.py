"""Revocation lists: whose word counts for whom."""

from __future__ import annotations

import contextlib
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from lab.shaken import Authority
from ringfence.attestation import Failure, Reason
from ringfence.attestation.certificate import Signer, revoked, validate
from ringfence.attestation.revocation import CrlError, Revocations, read_revocations
from ringfence.attestation.roots import Roots
from tests.unit.attestation.maker import NOW, Maker, failed, said


@pytest.fixture(scope="module")
def administrator() -> Authority:
    """Who signs the list of all, and is the authority of none of them."""
    return Authority("Administrator")


def test_a_revoked_signer_fails_with_437(maker: Maker) -> None:
    bad, good = maker.authority.signer("818H"), maker.authority.signer("818H")
    data = maker.authority.revocation_list([bad.chain[0]])
    listed = read_revocations(data, NOW, trusted=[maker.authority.intermediate])
    for credential, reason in ((bad, Reason.REVOKED), (good, None)):
        found = maker.signer(credential, listed)
        assert (found.reason if isinstance(found, Failure) else None) == reason
    x5u = "https://certificates.example.org/revoked.pem"
    maker.published[x5u] = maker.signer(bad, listed)
    assert said(maker.verify(maker.identity(x5u=x5u, credential=bad))) == failed("revoked", 437)


def test_a_list_may_be_signed_by_another_authority(maker: Maker, administrator: Authority) -> None:
    bad = maker.authority.signer("818H")
    data = administrator.revocation_list([bad.chain[0]], indirect=True)
    listed = read_revocations(data, NOW, trusted=[maker.authority.root, administrator.root])
    found = maker.signer(bad, listed)
    assert isinstance(found, Failure)
    assert found.reason == Reason.REVOKED


def test_a_list_names_an_authority_too(maker: Maker, administrator: Authority) -> None:
    data = administrator.revocation_list([maker.authority.intermediate], indirect=True)
    listed = read_revocations(data, NOW, trusted=[administrator.root])
    found = maker.signer(maker.credential(), listed)
    assert isinstance(found, Failure)
    assert found.reason == Reason.REVOKED


def test_an_issuer_in_a_list_holds_for_the_entries_behind_it(administrator: Authority) -> None:
    others = [Authority(name).signer(name).chain[0] for name in ("1", "2")]
    more = Authority("3").signer("3").chain[0]
    data = administrator.revocation_list(others, indirect=True)
    listed = read_revocations(data, NOW, trusted=[administrator.root])
    assert len(listed.named) == 2
    assert all(listed.names(one) for one in others)
    assert not listed.names(more)


def test_an_authority_speaks_only_for_what_it_issued(maker: Maker) -> None:
    """Or any of them could take back its rivals' certificates."""
    rival = Authority("Rival")
    data = rival.revocation_list([maker.credential().chain[0]], indirect=True)
    chain = [rival.intermediate, rival.root]
    assert read_revocations(data, NOW, trusted=[], others=chain).named == frozenset()
    own = rival.signer("999X").chain[0]
    data = rival.revocation_list([own])
    listed = read_revocations(data, NOW, trusted=[], others=chain)
    assert listed.names(own)
    assert not listed.names(maker.credential().chain[0])


def test_a_list_that_nobody_trusted_signed_is_none(maker: Maker, administrator: Authority) -> None:
    data = administrator.revocation_list([maker.credential().chain[0]], indirect=True)
    with pytest.raises(CrlError, match="signed by nobody"):
        read_revocations(data, NOW, trusted=[maker.authority.root])
    namesake = Authority("Administrator")
    with pytest.raises(CrlError, match="signed by nobody"):
        read_revocations(data, NOW, trusted=[namesake.root])
    with pytest.raises(CrlError, match="signed by nobody"):
        # the leaf's key may sign tokens, and no lists
        read_revocations(data, NOW, trusted=[], others=[maker.credential().chain[0]])


def test_a_signer_that_was_good_is_looked_up_again_in_a_newer_list(maker: Maker) -> None:
    credential = maker.authority.signer("818H")
    signer = maker.signer(credential)
    assert isinstance(signer, Signer)
    data = maker.authority.revocation_list([credential.chain[0]])
    listed = read_revocations(data, NOW, trusted=[maker.authority.intermediate])
    assert revoked(signer.chain, []) is None
    assert revoked(signer.chain, [Revocations(frozenset(), None)]) is None
    found = revoked(signer.chain, [Revocations(frozenset(), None), listed])
    assert found is not None
    assert found.reason == Reason.REVOKED


def test_a_list_says_when_a_newer_one_comes(maker: Maker) -> None:
    begins = datetime.datetime.fromtimestamp(NOW, datetime.UTC) - datetime.timedelta(days=9)
    data = maker.authority.revocation_list([maker.credential().chain[0]], begins=begins)
    listed = read_revocations(data, NOW, trusted=[maker.authority.intermediate])
    assert listed.next_update == (begins + datetime.timedelta(days=1)).timestamp()
    # late as it is: nobody is taken back from having been taken back
    assert listed.names(maker.credential().chain[0])


def test_a_list_from_the_future_is_refused(maker: Maker) -> None:
    begins = datetime.datetime.fromtimestamp(NOW, datetime.UTC) + datetime.timedelta(days=1)
    data = maker.authority.revocation_list([], begins=begins)
    with pytest.raises(CrlError, match="clock"):
        read_revocations(data, NOW, trusted=[maker.authority.intermediate])


def test_der_is_read_too(maker: Maker) -> None:
    data = maker.authority.revocation_list([maker.credential().chain[0]])
    der = x509.load_pem_x509_crl(data).public_bytes(Encoding.DER)
    listed = read_revocations(der, NOW, trusted=[maker.authority.intermediate])
    assert listed.names(maker.credential().chain[0])


@pytest.mark.parametrize("data", [b"", b"<html>", b"-----BEGIN X509 CRL-----", b"\x30\x03\x02\x01"])
def test_what_is_no_list_is_refused(maker: Maker, data: bytes) -> None:
    with pytest.raises(CrlError):
        read_revocations(data, NOW, trusted=[maker.authority.root])


def test_no_change_to_a_list_makes_it_say_something_else(maker: Maker) -> None:
    """The signature's own wrapping has bits that it does not cover: there nothing changes."""
    crl = maker.authority.revocation_list([maker.credential().chain[0]])
    der = x509.load_pem_x509_crl(crl).public_bytes(Encoding.DER)
    trusted = [maker.authority.intermediate]
    good = read_revocations(der, NOW, trusted=trusted)
    for at in range(len(der)):
        for flipped in (0x01, 0x80, 0xFF):
            changed = bytearray(der)
            changed[at] ^= flipped
            with contextlib.suppress(CrlError):
                assert read_revocations(bytes(changed), NOW, trusted=trusted) == good, at


@given(st.binary())
def test_no_bytes_are_another_exception(maker: Maker, data: bytes) -> None:
    with pytest.raises(CrlError):
        read_revocations(data, NOW, trusted=[maker.authority.root])


def test_a_root_is_taken_out_of_the_roots_and_by_no_list(maker: Maker) -> None:
    data = maker.authority.revocation_list([maker.authority.root], indirect=True)
    listed = read_revocations(data, NOW, trusted=[maker.authority.root])
    roots = Roots([maker.authority.root])
    assert isinstance(validate(maker.credential().pem, roots, NOW, [listed]), Signer)
