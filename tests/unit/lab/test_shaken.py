"""The lab's signatures are what the standards say, so that a verifier may be tested with them."""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from lab import LabError
from lab.shaken import Authority, Shaken
from lab.shaken.authority import TN_AUTH_LIST, tn_auth_list_of
from lab.slots import claimed

CALLER, CALLED = "+1 (215) 555-1212", "+12155551213"


@pytest.fixture(scope="module")
def shaken() -> Iterator[Shaken]:
    signatures = Shaken()
    with claimed() as slot, signatures.serving(slot.address(9)):
        yield signatures


def parts(value: str) -> tuple[dict[str, object], dict[str, object], bytes, bytes]:
    """Header, payload, what is signed, and the signature of an Identity header."""
    token = value.partition(";")[0]
    header, payload, signature = (
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")
    )
    signed = token.rpartition(".")[0].encode()
    return json.loads(header), json.loads(payload), signed, signature


def test_a_service_provider_code_is_encoded_as_the_published_examples() -> None:
    assert tn_auth_list_of("1").hex() == "3005a003160131"
    assert base64.b64encode(tn_auth_list_of("818H")) == b"MAigBhYEODE4SA=="


@pytest.mark.parametrize("code", ["", "x" * 121])
def test_a_code_that_no_certificate_could_hold_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="1 to 120 characters"):
        tn_auth_list_of(code)


def test_a_signers_certificate_names_its_code_and_comes_with_the_intermediate() -> None:
    authority = Authority()
    leaf, intermediate = x509.load_pem_x509_certificates(authority.signer("818H").pem)
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(authority.root)
    assert leaf.subject.rfc4514_string().startswith("CN=SHAKEN 818H,")
    listed = leaf.extensions.get_extension_for_oid(TN_AUTH_LIST).value
    assert isinstance(listed, x509.UnrecognizedExtension)
    assert listed.value == tn_auth_list_of("818H")


def test_two_authorities_do_not_know_each_other() -> None:
    one, other = Authority(), Authority()
    with pytest.raises(InvalidSignature):
        one.signer("1").chain[0].verify_directly_issued_by(other.intermediate)


def test_a_certificate_without_a_tn_auth_list_can_be_had() -> None:
    leaf = Authority().signer("818H", tn_auth_list=b"").chain[0]
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_oid(TN_AUTH_LIST)


def test_the_identity_header_has_the_form_of_rfc_8588(shaken: Shaken) -> None:
    name, value = shaken.identity(CALLER, CALLED, attest="B", origid="x")
    header, payload, _, _ = parts(value)
    assert name == "Identity"
    assert value.endswith(f";info=<{header['x5u']}>;alg=ES256;ppt=shaken")
    assert list(header) == ["alg", "ppt", "typ", "x5u"]
    assert header | {"x5u": ""} == {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": ""}
    assert abs(time.time() - float(str(payload.pop("iat")))) < 5
    assert payload == {
        "attest": "B",
        "dest": {"tn": ["12155551213"]},
        "orig": {"tn": "12155551212"},
        "origid": "x",
    }


def test_the_signature_holds_under_the_certificate_that_x5u_names(shaken: Shaken) -> None:
    header, _, signed, raw = parts(shaken.identity(CALLER, CALLED)[1])
    trusting = ssl.create_default_context(cadata=shaken.roots_pem)
    with urllib.request.urlopen(str(header["x5u"]), timeout=5, context=trusting) as answer:
        leaf, intermediate = x509.load_pem_x509_certificates(answer.read())
    leaf.verify_directly_issued_by(intermediate)
    assert len(raw) == 64
    der = encode_dss_signature(*(int.from_bytes(half, "big") for half in (raw[:32], raw[32:])))
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(der, signed, ec.ECDSA(hashes.SHA256()))


def test_parts_of_a_token_can_be_changed_or_left_out_before_it_is_signed(shaken: Shaken) -> None:
    value = shaken.identity(
        CALLER, CALLED, age=90, header={"ppt": "div"}, payload={"origid": None, "iat": "1"}
    )[1]
    header, payload, _, _ = parts(value)
    assert header["ppt"] == "div"
    assert payload["iat"] == "1"
    assert "origid" not in payload


def test_certificates_come_by_https_under_the_same_root(shaken: Shaken) -> None:
    trusting = ssl.create_default_context(cadata=shaken.roots_pem)
    credential = shaken.authority.signer("818H")
    url = shaken.publish(credential)
    with urllib.request.urlopen(url, timeout=5, context=trusting) as answer:
        assert answer.read() == credential.pem
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(url, timeout=5, context=ssl.create_default_context())


def test_what_was_not_published_is_not_found_and_fetches_are_counted(shaken: Shaken) -> None:
    url = shaken.server.url("/nothing.pem", https=False)
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url, timeout=5)
    assert shaken.server.fetched["/nothing.pem"] == 2


def test_a_diversions_token_names_both_ends(shaken: Shaken) -> None:
    value = shaken.diversion(CALLER, "+12155550177", CALLED)[1]
    header, payload, _, _ = parts(value)
    assert header["ppt"] == "div"
    assert value.endswith(f";info=<{shaken.x5u('709J')}>;alg=ES256;ppt=div")
    assert payload.pop("iat")
    assert payload == {
        "dest": {"tn": ["12155551213"]},
        "div": {"tn": "12155550177"},
        "orig": {"tn": "12155551212"},
    }


def test_a_compact_token_comes_with_its_date(shaken: Shaken) -> None:
    (name, value), (date, at) = shaken.compact(CALLER, CALLED)
    assert (name, date) == ("Identity", "Date")
    assert value.startswith("..")
    assert value.endswith(f";info=<{shaken.x5u()}>;alg=ES256")
    assert abs(parsedate_to_datetime(at).timestamp() - time.time()) < 5


def test_a_server_that_is_held_answers_afterwards(shaken: Shaken) -> None:
    url = shaken.publish(shaken.authority.signer("818H"), https=False)
    with shaken.server.held(), pytest.raises(TimeoutError):
        urllib.request.urlopen(url, timeout=0.05)
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.status == 200


def test_a_server_that_is_away_comes_back_with_what_it_had(shaken: Shaken) -> None:
    url = shaken.publish(shaken.authority.signer("818H"), https=False)
    with shaken.server.away(), pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url, timeout=5)
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.status == 200


def test_signatures_without_a_lab_say_what_to_do() -> None:
    with pytest.raises(LabError, match="shaken="):
        Shaken().identity(CALLER, CALLED)
