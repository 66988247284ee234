"""Trust roots from a PEM file and from the policy administrator's list."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from lab.shaken import Authority
from ringfence.attestation.jws import encode_base64url
from ringfence.attestation.roots import Roots, RootsError, read_roots
from tests.unit.attestation.maker import Maker

PEM = b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n"


def jwt(claims: Any, padding: str = "") -> bytes:
    header = encode_base64url(b'{"alg":"ES256","typ":"JWT"}')
    payload = encode_base64url(json.dumps(claims).encode())
    return f"{header}.{payload}{padding}.{encode_base64url(bytes(64))}\n".encode()


def test_a_pem_file_may_hold_several_roots(maker: Maker) -> None:
    other = Authority("Other")
    found = read_roots(b"# ours\n" + maker.authority.roots_pem + other.roots_pem)
    assert found.certificates == (maker.authority.root, other.root)
    assert found.expires is None


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_the_administrators_list_is_a_jwt(maker: Maker, padding: str) -> None:
    other = Authority("Other")
    pems = [maker.authority.roots_pem.decode(), other.roots_pem.decode()]
    found = read_roots(jwt({"trustList": pems, "exp": 1_900_000_000, "version": 1}, padding))
    assert found.certificates == (maker.authority.root, other.root)
    assert found.expires == 1_900_000_000


def test_a_signer_in_the_administrators_list_is_no_root(maker: Maker) -> None:
    leaf = maker.credential().pem.decode()
    found = read_roots(jwt({"trustList": [maker.authority.roots_pem.decode(), leaf]}))
    assert set(found.certificates) == {maker.authority.root, maker.authority.intermediate}


def test_a_signer_in_a_pem_file_is_refused_by_name(maker: Maker) -> None:
    with pytest.raises(RootsError, match=r"CN=SHAKEN 818H.* take it out"):
        read_roots(maker.authority.roots_pem + maker.credential().pem)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"rubbish",
        b"a.b.c",
        b"\xff.\xff.\xff",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        jwt([]),
        jwt({}),
        jwt({"trustList": "pem"}),
        jwt({"trustList": [1]}),
        jwt({"trustList": []}),
        jwt({"trustList": ["rubbish"]}),
    ],
)
def test_what_has_no_roots_is_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(RootsError, match=":"):
        read_roots(data)


@pytest.mark.parametrize("exp", [None, "1900000000", True, 1e300, {}])
def test_an_expiry_that_is_no_time_is_none(maker: Maker, exp: Any) -> None:
    found = read_roots(jwt({"trustList": [maker.authority.roots_pem.decode()], "exp": exp}))
    assert found.expires is None


@given(st.binary())
def test_no_bytes_are_another_exception(data: bytes) -> None:
    with pytest.raises(RootsError):
        read_roots(data)


def test_no_roots_are_no_store(maker: Maker) -> None:
    assert Roots().store is None
    assert Roots([maker.authority.root] * 2).certificates == (maker.authority.root,)


def test_no_change_of_a_root_is_another_exception(maker: Maker) -> None:
    """`cryptography` has errors of its own for some, such as a version that there is none of."""
    der = maker.authority.root.public_bytes(Encoding.DER)
    for at in range(len(der)):
        for flipped in (0x01, 0x40):
            changed = bytearray(der)
            changed[at] ^= flipped
            with contextlib.suppress(RootsError):
                read_roots(PEM % base64.encodebytes(bytes(changed)))
