"""From a certificate's bytes to its signer: whom to believe, and no bytes are an exception."""

from __future__ import annotations

import datetime
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.shaken import Authority, Credential
from lab.shaken.authority import TN_AUTH_LIST, tn_auth_list_of, tn_auth_list_of_numbers
from ringfence.attestation import Failure, Reason
from ringfence.attestation.certificate import Signer, validate
from ringfence.attestation.chain import MAX_CERTIFICATE, load_chain
from ringfence.attestation.constraints import ENHANCED_OID, OID
from ringfence.attestation.roots import Roots
from tests.unit.attestation.maker import CALLER, NOW, SPC, Maker, der, failed, passed, said

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
ANY = x509.UnrecognizedExtension(TN_AUTH_LIST, tn_auth_list_of(SPC))
AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)
NO_AUTHORITY = x509.BasicConstraints(ca=False, path_length=None)


def at(days: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(NOW, datetime.UTC) + datetime.timedelta(days=days)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def reason(said: Signer | Failure) -> str:
    return said.reason if isinstance(said, Failure) else ""


def usage(*, signs: bool = False, certifies: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs, key_cert_sign=certifies, crl_sign=not signs,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def made(
    name: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *extensions: x509.ExtensionType,
    critical: tuple[x509.ExtensionType, ...] = (),
    ends: float = 3,
) -> x509.Certificate:
    """A certificate of any kind; the lab's authority makes only good ones."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at(-3))
        .not_valid_after(at(ends))
    )
    for extension in (*extensions, *critical):
        builder = builder.add_extension(extension, critical=extension in critical)
    return builder.sign(issuer_key, hashes.SHA256())


class Chain:
    """A root, an intermediate and a leaf, of which each test spoils one."""

    def __init__(self) -> None:
        self.root_key, self.middle_key, self.key = (
            ec.generate_private_key(ec.SECP256R1()) for _ in range(3)
        )
        self.root = made("root", self.root_key, "root", self.root_key, critical=(AUTHORITY,))
        self.middle = self.middle_of(AUTHORITY)
        self.leaf = self.leaf_of(NO_AUTHORITY, ANY)

    def middle_of(self, *extensions: x509.ExtensionType, ends: float = 3) -> x509.Certificate:
        return made("middle", self.middle_key, "root", self.root_key, *extensions, ends=ends)

    def leaf_of(
        self,
        *extensions: x509.ExtensionType,
        critical: tuple[x509.ExtensionType, ...] = (),
        key: Key | None = None,
    ) -> x509.Certificate:
        key = key or self.key
        return made("leaf", key, "middle", self.middle_key, *extensions, critical=critical)

    def said(self, *certificates: x509.Certificate) -> Signer | Failure:
        return validate(pem(*certificates), Roots([self.root]), NOW)


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def test_a_signer_is_known_by_its_code(maker: Maker) -> None:
    credential = maker.authority.signer("818H", crl="https://crl.example.org/list")
    signer = maker.signer(credential)
    assert isinstance(signer, Signer)
    assert signer.spc == "818H"
    assert signer.subject == "CN=SHAKEN 818H,O=Ringfence lab,C=US"
    assert signer.crls == ("https://crl.example.org/list",)
    assert [one.subject for one in signer.chain] == [
        *(one.subject for one in credential.chain), maker.authority.root.subject
    ]  # fmt: skip
    assert signer.not_after == min(c.not_valid_after_utc.timestamp() for c in signer.chain)
    assert signer.not_before <= NOW <= signer.not_after


def test_a_chain_may_have_its_root_in_it_or_be_one_certificate_in_der(chain: Chain) -> None:
    assert isinstance(chain.said(chain.leaf, chain.middle, chain.root), Signer)
    assert isinstance(chain.said(chain.leaf, chain.root, chain.middle), Signer)
    roots = Roots([chain.middle, chain.root])
    der = chain.leaf.public_bytes(serialization.Encoding.DER)
    assert isinstance(validate(der, roots, NOW), Signer)


def test_a_chain_that_lacks_its_intermediate_is_not_trusted(chain: Chain) -> None:
    assert reason(chain.said(chain.leaf)) == Reason.UNTRUSTED
    assert reason(chain.said(chain.leaf, chain.root)) == Reason.UNTRUSTED


def test_a_root_of_ones_own_is_not_trusted(chain: Chain) -> None:
    stranger = Chain()
    assert reason(chain.said(stranger.leaf, stranger.middle, stranger.root)) == Reason.UNTRUSTED
    # by the same names, with another key
    assert reason(chain.said(stranger.leaf, chain.middle)) == Reason.UNTRUSTED
    own = made("own", chain.key, "own", chain.key, NO_AUTHORITY, ANY)
    assert reason(chain.said(own)) == Reason.UNTRUSTED


def test_without_roots_nothing_can_be_said(chain: Chain) -> None:
    assert reason(validate(pem(chain.leaf), Roots(), NOW)) == Reason.NO_TRUST_ROOTS


def test_a_signer_issues_no_certificates(maker: Maker, chain: Chain) -> None:
    credential = maker.credential()
    own = made("own", chain.key, "x", credential.key, NO_AUTHORITY, ANY)
    assert reason(maker.signer(Credential(chain.key, (own, *credential.chain)))) == Reason.UNTRUSTED
    for extensions in ([], [NO_AUTHORITY], [AUTHORITY, usage(signs=True)]):
        middle = chain.middle_of(*extensions)
        assert reason(chain.said(chain.leaf, middle)) == Reason.UNTRUSTED


def test_an_authority_may_be_allowed_to_issue_signers_only(chain: Chain) -> None:
    """Its path length is 0; and one that it issued all the same is not believed."""
    middle = chain.middle_of(x509.BasicConstraints(ca=True, path_length=0), usage(certifies=True))
    assert isinstance(chain.said(chain.leaf, middle), Signer)
    key = ec.generate_private_key(ec.SECP256R1())
    lower = made("lower", key, "middle", chain.middle_key, AUTHORITY)
    leaf = made("leaf", chain.key, "lower", key, NO_AUTHORITY, ANY)
    assert reason(chain.said(leaf, lower, middle)) == Reason.UNTRUSTED
    assert isinstance(chain.said(leaf, lower, chain.middle), Signer)


def test_dates_are_looked_at_all_the_way_up(chain: Chain) -> None:
    late = chain.middle_of(AUTHORITY, ends=-1)
    assert reason(chain.said(chain.leaf, late)) == Reason.EXPIRED
    good = pem(chain.leaf, chain.middle)
    roots = Roots([chain.root])
    assert reason(validate(good, roots, NOW + 4 * 86_400)) == Reason.EXPIRED
    assert reason(validate(good, roots, NOW - 4 * 86_400)) == Reason.NOT_YET_VALID


def test_an_authority_is_no_signer(chain: Chain) -> None:
    """Also when it is trusted itself."""
    assert reason(chain.said(chain.leaf_of(AUTHORITY, ANY), chain.middle)) == Reason.BAD_CERTIFICATE
    root = made("root", chain.root_key, "root", chain.root_key, AUTHORITY, ANY)
    assert reason(validate(pem(root), Roots([root]), NOW)) == Reason.BAD_CERTIFICATE


def test_a_key_that_is_not_for_signatures_makes_none(chain: Chain) -> None:
    leaf = chain.leaf_of(NO_AUTHORITY, ANY, usage(certifies=True))
    assert reason(chain.said(leaf, chain.middle)) == Reason.BAD_CERTIFICATE


@pytest.mark.parametrize("kind", ["P-384", "RSA"])
def test_a_signers_key_is_of_the_curve_p_256(chain: Chain, kind: str) -> None:
    key: Key = (
        rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        if kind == "RSA"
        else ec.generate_private_key(ec.SECP384R1())
    )
    leaf = chain.leaf_of(NO_AUTHORITY, ANY, key=key)
    assert reason(chain.said(leaf, chain.middle)) == Reason.BAD_CERTIFICATE


def test_a_certificate_without_a_list_of_what_it_may_sign_signs_nothing(chain: Chain) -> None:
    assert reason(chain.said(chain.leaf_of(NO_AUTHORITY), chain.middle)) == Reason.NO_TNAUTHLIST


@pytest.mark.parametrize("value", [b"\x30\x00", b"\x30", b"\x05\x00", b"\xff" * 40])
def test_a_list_that_cannot_be_read_is_a_bad_certificate(chain: Chain, value: bytes) -> None:
    leaf = chain.leaf_of(NO_AUTHORITY, x509.UnrecognizedExtension(TN_AUTH_LIST, value))
    assert reason(chain.said(leaf, chain.middle)) == Reason.BAD_CERTIFICATE


def test_an_extension_that_nobody_knows_and_all_must_obey_is_not_trusted(chain: Chain) -> None:
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert isinstance(chain.said(chain.leaf_of(ANY, strange), chain.middle), Signer)
    leaf = chain.leaf_of(ANY, critical=(strange,))
    assert reason(chain.said(leaf, chain.middle)) == Reason.UNTRUSTED


# -- delegate certificates (RFC 9060) -------------------------------------------------------------


def numbers(*listed: str | tuple[str, int]) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(TN_AUTH_LIST, tn_auth_list_of_numbers(*listed))


def test_a_delegates_code_is_that_of_who_delegated(chain: Chain) -> None:
    signer = chain.said(chain.leaf_of(numbers(CALLER)), chain.middle_of(AUTHORITY, ANY))
    assert isinstance(signer, Signer)
    assert signer.spc == SPC
    assert signer.tnauthlist.covers(CALLER)
    assert not signer.tnauthlist.covers("12125550000")


def test_nobody_delegates_what_is_not_theirs(chain: Chain) -> None:
    middle = chain.middle_of(AUTHORITY, numbers(("12155551200", 100)))
    assert isinstance(chain.said(chain.leaf_of(numbers(CALLER)), middle), Signer)
    for leaf in (chain.leaf_of(numbers("12125550000")), chain.leaf_of(ANY)):
        assert reason(chain.said(leaf, middle)) == Reason.OUT_OF_SCOPE


# -- limits on claims (RFC 8226, RFC 9118) --------------------------------------------------------

ONLY_C = der(
    0x30,
    der(0xA1, der(0x30, der(0x30, der(0x16, b"attest"), der(0x30, der(0x0C, b"C"))))),
)
NO_RCD = der(0x30, der(0xA2, der(0x30, der(0x16, b"rcd"))))
WITH_RCD = der(0x30, der(0xA0, der(0x30, der(0x16, b"rcd"))))


def test_a_token_stays_within_what_its_certificate_allows(maker: Maker) -> None:
    def signed_by(value: bytes, oid: x509.ObjectIdentifier = ENHANCED_OID) -> Credential:
        return maker.authority.signer(SPC, more=[x509.UnrecognizedExtension(oid, value)])

    rcd = {"rcd": {"nam": "A"}}
    only_c, no_rcd, with_rcd = signed_by(ONLY_C, OID), signed_by(NO_RCD), signed_by(WITH_RCD)
    too_much = failed("out-of-scope", 437)
    assert said(maker.verify(maker.identity(credential=only_c, attest="C"))) == passed("C")
    assert said(maker.verify(maker.identity(credential=only_c, attest="A"))) == too_much
    assert said(maker.verify(maker.identity(credential=no_rcd))) == passed("A")
    assert said(maker.verify(maker.identity(credential=no_rcd, payload=rcd))) == too_much
    assert said(maker.verify(maker.identity(credential=with_rcd, payload=rcd))) == passed("A")
    assert said(maker.verify(maker.identity(credential=with_rcd))) == too_much


@pytest.mark.parametrize("value", [b"", b"\x30\x02\xa3\x00", b"\x30\x04\xa0\x02\x16\x00", b"\x05"])
def test_limits_that_cannot_be_read_are_a_bad_certificate(chain: Chain, value: bytes) -> None:
    leaf = chain.leaf_of(ANY, x509.UnrecognizedExtension(OID, value))
    assert reason(chain.said(leaf, chain.middle)) == Reason.BAD_CERTIFICATE


# -- hostile bytes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>404</html>",
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"\x30\x82\xff\xff" + bytes(40),
        b"x" * (MAX_CERTIFICATE + 1),
        b"-----BEGIN CERTIFICATE-----\n" * 7,
    ],
)
def test_what_is_no_certificate_is_a_bad_one(maker: Maker, data: bytes) -> None:
    assert reason(validate(data, maker.roots, NOW)) == Reason.BAD_CERTIFICATE


@given(st.binary())
def test_no_bytes_are_an_exception(maker: Maker, data: bytes) -> None:
    assert isinstance(validate(data, maker.roots, NOW), Failure)


@settings(max_examples=300)
@given(st.data())
def test_no_change_of_bytes_makes_another_signer_or_an_exception(
    maker: Maker, data: st.DataObject
) -> None:
    leaf = maker.credential().chain[0].public_bytes(serialization.Encoding.DER)
    changed = bytearray(leaf)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(leaf) - 1))] = data.draw(st.integers(0, 255))
    roots = Roots([maker.authority.intermediate, maker.authority.root])
    assert_same(validate(bytes(changed), roots, NOW), maker)


def assert_same(said: Signer | Failure, maker: Maker) -> None:
    """The signature's own wrapping has bits that it does not cover: there nothing changes."""
    if isinstance(said, Signer):
        signed = maker.credential().chain[0].tbs_certificate_bytes
        assert said.chain[0].tbs_certificate_bytes == signed


def test_no_change_to_a_certificate_makes_another_signer(maker: Maker) -> None:
    leaf = maker.credential().chain[0].public_bytes(serialization.Encoding.DER)
    roots = Roots([maker.authority.intermediate, maker.authority.root])
    assert isinstance(validate(leaf, roots, NOW), Signer)
    for at_byte in range(len(leaf)):
        for flipped in (0x01, 0x80, 0xFF):
            changed = bytearray(leaf)
            changed[at_byte] ^= flipped
            assert_same(validate(bytes(changed), roots, NOW), maker)


def test_authorities_that_issue_each_other_cost_no_more_than_a_moment(chain: Chain) -> None:
    """One key for all, of the kind that is slowest to check: the ways are without end."""
    key = ec.generate_private_key(ec.SECP521R1())
    leaf = made("leaf", chain.key, "ring", key, NO_AUTHORITY, ANY)
    ring = [made("ring", key, "other", key, AUTHORITY) for _ in range(2)]
    ring += [made("other", key, "ring", key, AUTHORITY) for _ in range(2)]
    begun = time.process_time()
    assert reason(chain.said(leaf, *ring)) == Reason.UNTRUSTED
    assert time.process_time() - begun < 0.15  # 30 ms


def test_a_file_with_three_authorities_of_one_name_is_not_tried(chain: Chain) -> None:
    key = ec.generate_private_key(ec.SECP521R1())
    leaf = made("leaf", chain.key, "ring", key, NO_AUTHORITY, ANY)
    ring = [made("ring", key, "ring", key, AUTHORITY) for _ in range(3)]
    assert reason(chain.said(leaf, *ring)) == Reason.BAD_CERTIFICATE
    assert isinstance(chain.said(chain.leaf, chain.middle, chain.middle, chain.root), Signer)


def test_more_certificates_than_a_chain_has_are_not_read(chain: Chain) -> None:
    assert isinstance(load_chain(pem(chain.leaf, *[chain.middle] * 5)), tuple)
    assert isinstance(load_chain(pem(chain.leaf, *[chain.middle] * 6)), Failure)


def test_two_authorities_do_not_know_each_other(maker: Maker) -> None:
    other = Authority("Trusted")  # by the same name
    assert reason(maker.signer(other.signer(SPC))) == Reason.UNTRUSTED
