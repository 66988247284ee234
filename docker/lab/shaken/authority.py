"""Owns a certificate authority for signers; it must not know tokens or how certificates travel.

Root, one intermediate, and leaves as ATIS-1000080 wants them: ES256, ``CN=SHAKEN <SPC>``, and the
service provider code in a TNAuthList (RFC 8226).
"""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TN_AUTH_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")
SHAKEN_POLICY = x509.ObjectIdentifier("2.16.840.1.114569.1.1.1")
_DAY = datetime.timedelta(days=1)
# Two machines' clocks differ; a certificate that begins this very second is not valid everywhere.
_EARLY = datetime.timedelta(hours=1)
_INDIRECT = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=False,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=True,
    only_contains_attribute_certs=False,
)


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key, and its certificate with those above it, the root left out."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def pem(self) -> bytes:
        """The chain as a server hands it out, the leaf first."""
        return b"".join(_pem(certificate) for certificate in self.chain)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


class Authority:
    """A root and an intermediate of its own; two authorities do not know each other."""

    def __init__(self, name: str = "Lab") -> None:
        self._root_key = _new_key()
        self.root = _certificate(
            _name(f"{name} root"), self._root_key, _name(f"{name} root"), self._root_key, ca=True
        )
        self._key = _new_key()
        self.intermediate = _certificate(
            _name(f"{name} intermediate"), self._key, self.root.subject, self._root_key, ca=True
        )

    @property
    def roots_pem(self) -> bytes:
        """What a verifier has to trust."""
        return _pem(self.root)

    def signer(
        self,
        spc: str,
        *,
        begins: datetime.datetime | None = None,
        ends: datetime.datetime | None = None,
        tn_auth_list: bytes | None = None,
        crl: str = "",
        more: Sequence[x509.ExtensionType] = (),
    ) -> Credential:
        """A signer's credential. `tn_auth_list` is DER in the place of the code's own; b"" for a
        certificate without the extension. `crl` is the address of the revocation list; `more` are
        further extensions."""
        listed = tn_auth_list_of(spc) if tn_auth_list is None else tn_auth_list
        extensions: list[x509.ExtensionType] = [
            x509.CertificatePolicies([x509.PolicyInformation(SHAKEN_POLICY, None)])
        ]
        if listed:
            extensions.append(x509.UnrecognizedExtension(TN_AUTH_LIST, listed))
        if crl:
            extensions.append(_crl_at(crl))
        extensions.extend(more)
        return self._issue(_name(f"SHAKEN {spc}"), extensions, begins, ends)

    def revocation_list(
        self,
        revoked: Sequence[x509.Certificate],
        *,
        indirect: bool = False,
        begins: datetime.datetime | None = None,
    ) -> bytes:
        """A revocation list in PEM: the intermediate's own, or an `indirect` one of the root's,
        which may name certificates of any authority."""
        begins = begins or datetime.datetime.now(datetime.UTC) - _EARLY
        issuer = self.root if indirect else self.intermediate
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(begins)
            .next_update(begins + _DAY)
        )
        if indirect:
            builder = builder.add_extension(_INDIRECT, critical=True)
        for certificate in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
            entry = entry.revocation_date(begins)
            if indirect:
                names = [x509.DirectoryName(certificate.issuer)]
                entry = entry.add_extension(x509.CertificateIssuer(names), critical=True)
            builder = builder.add_revoked_certificate(entry.build())
        crl = builder.sign(self._root_key if indirect else self._key, hashes.SHA256())
        return crl.public_bytes(serialization.Encoding.PEM)

    def web_server(self, address: str, *names: str) -> Credential:
        """A credential for TLS at an IP address, and for names that lead there."""
        known = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address(address)), *map(x509.DNSName, names)]
        )
        return self._issue(_name(address), [known])

    def _issue(
        self,
        subject: x509.Name,
        extensions: list[x509.ExtensionType],
        begins: datetime.datetime | None = None,
        ends: datetime.datetime | None = None,
    ) -> Credential:
        key = _new_key()
        leaf = _certificate(
            subject, key, self.intermediate.subject, self._key,
            extensions=extensions, begins=begins, ends=ends,
        )  # fmt: skip
        return Credential(key, (leaf, self.intermediate))


def tn_auth_list_of(spc: str) -> bytes:
    """DER of a TNAuthList with one service provider code.

    SEQUENCE { [0] EXPLICIT IA5String }, each part short enough for a length of one byte.
    """
    code = spc.encode("ascii")
    if not 1 <= len(code) <= 120:
        raise ValueError("a service provider code has 1 to 120 characters")
    return _der(0x30, _der(0xA0, _der(0x16, code)))


def tn_auth_list_of_numbers(*entries: str | tuple[str, int]) -> bytes:
    """DER of a TNAuthList of single numbers, and of ranges as their start and count."""
    parts = []
    for entry in entries:
        if isinstance(entry, str):
            parts.append(_der(0xA2, _der(0x16, entry.encode("ascii"))))
        else:
            start, count = entry
            size = count.to_bytes(count.bit_length() // 8 + 1, "big")
            both = _der(0x16, start.encode("ascii")) + _der(0x02, size)
            parts.append(_der(0xA1, _der(0x30, both)))
    return _der(0x30, b"".join(parts))


def _der(tag: int, content: bytes) -> bytes:
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _crl_at(address: str) -> x509.CRLDistributionPoints:
    place = [x509.UniformResourceIdentifier(address)]
    point = x509.DistributionPoint(
        full_name=place, relative_name=None, reasons=None, crl_issuer=None
    )
    return x509.CRLDistributionPoints([point])


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool = False,
    extensions: list[x509.ExtensionType] | None = None,
    begins: datetime.datetime | None = None,
    ends: datetime.datetime | None = None,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - _EARLY)
        .not_valid_after(ends or now + 30 * _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_usage(ca), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(above, critical=False)
    )
    for extension in extensions or ():
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, key_cert_sign=ca, crl_sign=ca,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ringfence lab"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
