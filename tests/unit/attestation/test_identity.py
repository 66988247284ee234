"""Identity headers: lenient with dress, strict with the token, and no text is an exception."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.shaken import identity_header
from ringfence.attestation import Failure, Reason
from ringfence.attestation.identity import MAX_HEADER, Compact, Identity, parse_identity
from ringfence.attestation.passport import Passport
from tests.unit.attestation.maker import CALLED, CALLER, ORIGID, Maker

X5U = "https://certificates.example.org/a.pem"


@pytest.fixture(scope="module")
def token(maker: Maker) -> str:
    return maker.token(x5u=X5U)[0]


def reason(text: str) -> str:
    identity = parse_identity(text)
    return identity.reason if isinstance(identity, Failure) else ""


def test_a_header_is_taken_apart(token: str) -> None:
    identity = parse_identity(identity_header(token, X5U))
    assert isinstance(identity, Identity)
    assert (identity.info, identity.alg, identity.ppt) == (X5U, "ES256", "shaken")
    assert isinstance(identity.token, Passport)
    assert identity.token.orig == CALLER
    assert identity.token.dest == (CALLED,)
    assert (identity.token.attest, identity.token.origid) == ("A", ORIGID)


@pytest.mark.parametrize(
    "parameters",
    [
        ";info=<{x5u}>;alg=ES256;ppt=shaken",
        " ; info = < {x5u} > ; alg = ES256 ; ppt = shaken ",
        ";ppt=shaken;alg=ES256;info=<{x5u}>",
        ';info=<{x5u}>;alg="ES256";ppt="shaken"',
        ';info="{x5u}";alg=ES256;ppt=shaken',
        ";info={x5u};alg=ES256;ppt=shaken",
        ";INFO=<{x5u}>;Alg=ES256;PPT=shaken",
        ";info=<{x5u}>",
        ';info=<{x5u}>;alg=ES256;ppt=shaken;new;newer=1;newest=<x;y>;quoted="a;b\\"c"',
        "\t;info=<{x5u}>",
    ],
)
def test_dress_does_not_matter(token: str, parameters: str) -> None:
    identity = parse_identity("  " + token + parameters.format(x5u=X5U))
    assert isinstance(identity, Identity), identity
    assert identity.info == X5U


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        (";info=<{x5u}>;alg=RS256;ppt=shaken", Reason.UNSUPPORTED),
        (";info=<{x5u}>;alg=none", Reason.UNSUPPORTED),
        (";info=<{x5u}>;alg=es256", Reason.UNSUPPORTED),
        (";info=<{x5u}>;alg=ES256;ppt=div", Reason.MALFORMED),
        (";info=<{x5u}>;info=<https://elsewhere.example.org/>", Reason.MALFORMED),
        (";info=<{x5u}", Reason.MALFORMED),
        (';info="{x5u}', Reason.MALFORMED),
        (";info=<{x5u}> alg=ES256", Reason.MALFORMED),
        (";info=<{x5u}>, eyJ", Reason.MALFORMED),
        (";;info=<{x5u}>", Reason.MALFORMED),
        (";info=<{x5u}>;", Reason.MALFORMED),
        (";a" * 17, Reason.MALFORMED),
        (" eyJ;info=<{x5u}>", Reason.MALFORMED),
    ],
)
def test_parameters_that_say_two_things_or_none_are_refused(
    token: str, parameters: str, word: Reason
) -> None:
    assert reason(token + parameters.replace("{x5u}", X5U)) == word


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ({"alg": "RS256"}, Reason.UNSUPPORTED),
        ({"alg": "none"}, Reason.UNSUPPORTED),
        ({"alg": "HS256"}, Reason.UNSUPPORTED),
        ({"alg": None}, Reason.UNSUPPORTED),
        ({"alg": ["ES256"]}, Reason.UNSUPPORTED),
        ({"crit": ["ppt"]}, Reason.UNSUPPORTED),
        ({"typ": "JWT"}, Reason.MALFORMED),
        ({"typ": None}, Reason.MALFORMED),
        ({"ppt": 1}, Reason.MALFORMED),
        ({"x5u": None}, Reason.MALFORMED),
        ({"x5u": ["https://a.example.org/"]}, Reason.MALFORMED),
        ({"x5u": "https://a.example.org/" + "a" * 1_100}, Reason.MALFORMED),
    ],
)
def test_a_token_of_another_kind_is_refused(
    maker: Maker, header: dict[str, Any], word: Reason
) -> None:
    token, _ = maker.token(x5u=X5U, header=header)
    assert reason(f"{token};info=<{X5U}>") == word


@pytest.mark.parametrize(
    "payload",
    [
        {"iat": None},
        {"iat": "1443208345"},
        {"iat": True},
        {"iat": 10**400},
        {"iat": {}},
        {"orig": None},
        {"orig": CALLER},
        {"orig": {"tn": [CALLER]}},
        {"orig": {"tn": int(CALLER)}},
        {"dest": None},
        {"dest": [CALLED]},
        {"dest": {"tn": CALLED}},
        {"dest": {"tn": [1]}},
        {"origid": None},
        {"origid": 7},
        {"origid": "x" * 300},
    ],
)
def test_a_token_without_what_each_must_have_is_malformed(
    maker: Maker, payload: dict[str, Any]
) -> None:
    assert reason(maker.identity(payload=payload)) == Reason.MALFORMED


def test_a_diversion_says_what_was_diverted(maker: Maker) -> None:
    assert reason(maker.div(CALLED, ["1"], payload={"div": None})) == Reason.MALFORMED
    assert reason(maker.div(CALLED, ["1"], payload={"div": CALLED})) == Reason.MALFORMED
    assert reason(maker.div(CALLED, ["1"])) == ""


def test_the_compact_form_is_a_signature_alone(token: str) -> None:
    signature = token.rpartition(".")[2]
    identity = parse_identity(f"..{signature};info=<{X5U}>;alg=ES256")
    assert isinstance(identity, Identity)
    assert isinstance(identity.token, Compact)
    assert len(identity.token.signature) == 64


def test_a_compact_token_has_no_room_for_claims_of_shaken(token: str) -> None:
    signature = token.rpartition(".")[2]
    for ppt in ("shaken", "div"):
        assert reason(f"..{signature};info=<{X5U}>;ppt={ppt}") == Reason.UNSUPPORTED
    assert reason(f"..{signature[:-1]};info=<{X5U}>") == Reason.MALFORMED
    assert reason(f"..;info=<{X5U}>") == Reason.MALFORMED


def test_an_endless_header_is_not_read() -> None:
    assert reason("e" * (MAX_HEADER + 1)) == Reason.MALFORMED


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_is_an_exception(text: str) -> None:
    assert isinstance(parse_identity(text), Identity | Failure)


PIECES = st.sampled_from(
    [
        *(";", "=", "<", ">", '"', "\\", ".", "..", " ", "\t", ",", "info", "alg", "ppt", "ES256"),
        *("shaken", "div", "e30", "eyJhIjoxfQ", "A" * 86, "\x00", "\ud800", "é", "https://a/"),
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_heap_of_a_headers_pieces_is_an_exception(text: str) -> None:
    assert isinstance(parse_identity(text), Identity | Failure)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=6,
            )
            for name in ("attest", "dest", "iat", "orig", "origid", "div", "more")
        },
    )
)
def test_no_payload_is_an_exception(maker: Maker, payload: dict[str, Any]) -> None:
    assert isinstance(parse_identity(maker.identity(payload=payload)), Identity | Failure)


@pytest.mark.parametrize(
    "piece", [" ", ";a", ";a=", '"', '\\"', "<", ";a=<", "a.", ".", "\t;", '="\\', "e30."]
)
def test_a_hostile_header_takes_no_longer_than_its_length(piece: str) -> None:
    text = ("e30.e30." + "A" * 86 + ";info=" + piece * MAX_HEADER)[:MAX_HEADER]
    begun = time.process_time()
    for _ in range(10):
        parse_identity(text)
    assert time.process_time() - begun < 0.5
