"""Tokens are taken apart strictly, and RFC 8225's own examples hold."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from ringfence.attestation import Failure
from ringfence.attestation.jws import (
    Jws,
    decode_base64url,
    encode_base64url,
    json_object,
    parse_jws,
    signature_holds,
)

RFC_8225_KEY = load_pem_public_key(
    b"-----BEGIN PUBLIC KEY-----\n"
    b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH\n"
    b"78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==\n"
    b"-----END PUBLIC KEY-----\n"
)
# iat is a text there, which its erratum 5985 calls a mistake
RFC_8225_SECTION_7_1 = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nw"
    "b3J0LmNlciJ9.eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgz"
    "NDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjp"
    "jlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"
)


def test_the_token_of_rfc_8225_holds_with_its_key() -> None:
    jws = parse_jws(RFC_8225_SECTION_7_1)
    assert isinstance(jws, Jws)
    assert isinstance(RFC_8225_KEY, ec.EllipticCurvePublicKey)
    assert signature_holds(jws.signed, jws.signature, RFC_8225_KEY)
    assert not signature_holds(jws.signed + b"x", jws.signature, RFC_8225_KEY)
    assert jws.header["x5u"] == "https://cert.example.org/passport.cer"
    assert jws.payload["orig"] == {"tn": "12155551212"}


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, bytes(32) + b"\x01" * 32])
def test_numbers_that_no_signature_has_do_not_hold(signature: bytes) -> None:
    assert isinstance(RFC_8225_KEY, ec.EllipticCurvePublicKey)
    assert not signature_holds(b"x", signature, RFC_8225_KEY)


@pytest.mark.parametrize(
    "text",
    ["A", "AAAAA", "AB", "AAB", "AA==", "A+AA", "A/AA", "AA A", "AAAA\n", "ÄAAA", "AA\x00A"],
)
def test_base64url_has_one_form_and_no_other(text: str) -> None:
    assert decode_base64url(text) is None


@given(st.text("AEIMQUYcgkosw048-_Bz", max_size=9))
def test_no_two_texts_are_the_same_bytes(text: str) -> None:
    raw = decode_base64url(text)
    assert raw is None or encode_base64url(raw) == text
    if len(text) % 4 != 1:
        again = encode_base64url(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        assert (raw is None) == (again != text)


@given(st.binary(max_size=99))
def test_base64url_goes_there_and_back(raw: bytes) -> None:
    assert decode_base64url(encode_base64url(raw)) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b"1",
        b'{"iat":NaN}',
        b'{"iat":Infinity}',
        b'{"attest":"C","attest":"A"}',
        b'{"orig":{"tn":"1","tn":"2"}}',
        b'{"a":1}x',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xff"}',
        b"{" * 300,
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"iat":' + b"9" * 5000 + b"}",
    ],
)
def test_json_that_readers_could_differ_over_is_none(raw: bytes) -> None:
    assert json_object(raw) is None


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30.", "e30.e30.AAAA", "e30..AAAA", ".e30.AAAA"],
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    assert isinstance(parse_jws(token), Failure)


def test_a_depth_that_python_would_not_go_down_to_is_refused_and_not_raised() -> None:
    deep = encode_base64url(b'{"a":' * 5_000 + b"1" + b"}" * 5_000)
    assert isinstance(parse_jws(f"{deep}.{deep}.{'A' * 86}"), Failure)


def test_a_signature_of_another_length_is_malformed() -> None:
    part = encode_base64url(json.dumps({}).encode())
    for size in (0, 32, 63, 65, 72, 128):
        assert isinstance(parse_jws(f"{part}.{part}.{encode_base64url(bytes(size))}"), Failure)
