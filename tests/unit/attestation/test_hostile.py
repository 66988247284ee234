"""Strangers write headers, and a trusted signer may be hostile too: no exception, bounded time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.shaken.authority import TN_AUTH_LIST
from ringfence.attestation import PENDING, Attestation, Failure, Verification
from ringfence.attestation.certificate import Signer
from ringfence.attestation.constraints import ENHANCED_OID, OID
from ringfence.attestation.failure import MAX_DETAIL
from ringfence.attestation.identity import MAX_HEADER
from ringfence.attestation.verifier import MAX_IDENTITIES, CallFacts, verify
from tests.unit.attestation.maker import CALLED, CALLER, NOW, Maker, passed, said
from tests.unit.attestation.test_certificate import ANY, Chain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=5,
)
NUMBERS = st.sampled_from([CALLER, CALLED, "1", "", "+1-215", "*98", "\n", "1" * 60])
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "attest": st.sampled_from(["A", "B", "C", "D", "\x00"]) | JSON,
        "iat": st.sampled_from([NOW, int(NOW), -1, 1e308]) | JSON,
        "orig": st.fixed_dictionaries({"tn": NUMBERS}) | JSON,
        "dest": st.fixed_dictionaries({"tn": st.lists(NUMBERS, max_size=4)}) | JSON,
        "div": st.fixed_dictionaries({"tn": NUMBERS}) | JSON,
        "origid": st.text(max_size=8) | JSON,
        "rcd": JSON,
    },
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["ES256", "none"]) | JSON,
        "ppt": st.sampled_from(["shaken", "div", "rcd", ""]) | JSON,
        "typ": st.sampled_from(["passport", "JWT"]) | JSON,
        "crit": JSON,
        "more": JSON,
    },
)
EXTENSIONS = [
    *(TN_AUTH_LIST, OID, ENHANCED_OID),
    *map(x509.ObjectIdentifier, (f"2.5.29.{n}" for n in (14, 15, 17, 19, 30, 31, 32, 35, 36, 37))),
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.1"),
]


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.fixture(scope="module")
def x5u(maker: Maker) -> str:
    return maker.publish(maker.credential())


def answer(maker: Maker, *identities: str) -> Attestation:
    facts = CallFacts(CALLER, CALLED, NOW)
    return verify(identities, facts, lambda x5u: maker.published.get(x5u, PENDING), NOW)


@settings(max_examples=15)
@given(HEADERS, CLAIMS)
def test_whatever_a_trusted_signer_writes_there_is_an_answer(
    maker: Maker, x5u: str, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    kind = header.get("ppt", "shaken")
    identity = maker.identity(x5u=x5u, header=header, payload=claims)
    if kind != "shaken":
        identity = identity.replace(";ppt=shaken", "")
    found = answer(maker, identity)
    assert (found.verification is Verification.PASSED) == (not found.reason)
    assert found.detail.isprintable()
    assert found.origid.isprintable()
    assert len(found.detail) <= MAX_DETAIL


def test_as_many_headers_as_are_looked_at_take_no_longer_than_a_moment(
    maker: Maker, x5u: str
) -> None:
    """Diversions from each to each, as long as a header may be, and none leads to the token."""
    numbers = [f"1215555{n:04d}" for n in range(240)]
    diverted = [
        maker.div(
            numbers[n], [CALLED, *numbers], spc="709J", x5u=x5u, credential=maker.credential()
        )
        for n in range(MAX_IDENTITIES - 1)
    ]
    headers = [maker.identity(x5u=x5u, dest=["12125550000"]), *diverted]
    assert all(MAX_HEADER * 0.5 < len(header) <= MAX_HEADER for header in diverted)
    begun = time.process_time()
    found = answer(maker, *headers)
    assert time.process_time() - begun < 0.1
    assert found.reason == "broken-diversion"


def test_headers_of_megabytes_are_not_read(maker: Maker, x5u: str) -> None:
    good = maker.identity(x5u=x5u)
    begun = time.process_time()
    assert said(answer(maker, "e30." * 1_000_000, good)) == passed("A")
    assert said(answer(maker, good + " " * 4_000_000))[2] == "malformed"
    assert time.process_time() - begun < 0.1


@settings(max_examples=50)
@given(st.sampled_from(EXTENSIONS), st.binary(max_size=48), st.booleans())
def test_no_extension_of_a_trusted_signers_certificate_is_an_exception(
    chain: Chain, oid: x509.ObjectIdentifier, value: bytes, critical: bool
) -> None:
    strange = x509.UnrecognizedExtension(oid, value)
    listed = () if oid == TN_AUTH_LIST else (ANY,)
    leaf = (
        chain.leaf_of(*listed, critical=(strange,)) if critical else chain.leaf_of(*listed, strange)
    )
    assert isinstance(chain.said(leaf, chain.middle), Signer | Failure)
