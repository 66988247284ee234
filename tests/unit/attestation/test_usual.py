"""What is read in one go means exactly what it means at length, and all else is left to that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.shaken import identity_header
from ringfence.attestation.identity import Identity, parse_identity, read_at_length
from ringfence.attestation.jws import encode_base64url
from ringfence.attestation.usual import MAX_USUAL, read_usual
from tests.unit.attestation.maker import CALLED, CALLER, NOW, ORIGID, Maker

X5U = "https://certificates.example.org/a.pem"
HEAD = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": X5U}
CLAIMS: dict[str, Any] = {
    "attest": "A",
    "dest": {"tn": [CALLED]},
    "iat": int(NOW),
    "orig": {"tn": CALLER},
    "origid": ORIGID,
}
PARAMETERS = f";info=<{X5U}>;alg=ES256;ppt=shaken"
SIGNATURE = "A" * 86


def written(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def header_of(payload: str, head: str = written(HEAD), behind: str = PARAMETERS) -> str:
    parts = (encode_base64url(text.encode()) for text in (head, payload))
    return ".".join((*parts, SIGNATURE)) + behind


def same_or_left(text: str) -> bool:
    """Whether it was read in one go; if so, as it is read at length."""
    usual = read_usual(text)
    if usual is None:
        assert parse_identity(text) == read_at_length(text)
        return False
    said = usual.parameters
    assert read_at_length(text) == Identity(usual.passport, said.info, said.alg, said.ppt)
    return True


def test_a_header_as_signers_write_it_is_read_in_one_go(maker: Maker) -> None:
    assert same_or_left(maker.identity())
    assert same_or_left(header_of(written(CLAIMS)))
    assert same_or_left(header_of(written(CLAIMS), behind=f";info=<{X5U}>"))


@pytest.mark.parametrize(
    "changed",
    [
        {"attest": "D"},
        {"attest": None},
        {"dest": {"tn": [CALLED, CALLER]}},
        {"dest": {"tn": []}},
        {"dest": {"uri": ["sip:a@example.org"]}},
        {"iat": "1"},
        {"iat": NOW + 0.5},
        {"iat": -1},
        {"iat": 10**20},
        {"orig": {"tn": "+" + CALLER}},
        {"orig": {"tn": "١" * 11}},
        {"origid": ""},
        {"origid": 'a"b'},
        {"more": 1},
    ],
)
def test_claims_that_are_not_the_usual_ones_are_read_at_length(changed: Mapping[str, Any]) -> None:
    assert not same_or_left(header_of(written({**CLAIMS, **changed})))


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(CLAIMS),
        written(dict(reversed(CLAIMS.items()))),
        written(CLAIMS).replace(str(int(NOW)), "0" + str(int(NOW))),
        written(CLAIMS).replace(str(int(NOW)), "1e9"),
        written(CLAIMS)[:-1] + ',"attest":"C"}',
        written(CLAIMS) + "\n",
        "",
    ],
)
def test_claims_in_another_dress_are_read_at_length(payload: str) -> None:
    assert not same_or_left(header_of(payload))


@pytest.mark.parametrize(
    "changed",
    [{"ppt": "div"}, {"ppt": None}, {"alg": "RS256"}, {"crit": []}, {"typ": "JWT"}, {"x5u": 1}],
)
def test_a_token_of_another_kind_is_read_at_length(changed: Mapping[str, Any]) -> None:
    assert not same_or_left(header_of(written(CLAIMS), head=written({**HEAD, **changed})))


@pytest.mark.parametrize(
    "behind", ["", ";ppt=div", ";alg=none", ";info=<a", ";info=a;info=b", " ;info=a", ";info=a ,"]
)
def test_parameters_are_judged_as_they_are_at_length(behind: str) -> None:
    same_or_left(header_of(written(CLAIMS), behind=behind))


def test_no_change_of_one_character_makes_the_two_ways_differ(maker: Maker) -> None:
    text = maker.identity()
    for at in range(len(text)):
        for other in 'Q_+=. ;"é':
            same_or_left(text[:at] + other + text[at + 1 :])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text('a1+-"\\é', max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("tn"), inner),
    max_leaves=3,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(CLAIMS, _JSON)), st.booleans())
def test_no_claims_make_the_two_ways_differ(changed: dict[str, Any], blanks: bool) -> None:
    claims = {**CLAIMS, **changed}
    same_or_left(header_of(json.dumps(claims) if blanks else written(claims)))


def test_a_long_header_is_not_kept_in_mind() -> None:
    long = header_of(written(CLAIMS), behind=PARAMETERS + ";a=" + "b" * MAX_USUAL)
    assert not same_or_left(long)


def test_a_header_that_names_another_address_is_still_seen(maker: Maker) -> None:
    """A signer's own parts are kept in mind; what is compared with them is not."""
    token, x5u = maker.token()
    assert maker.verify(identity_header(token, x5u)).verification == "passed"
    assert maker.verify(identity_header(token, X5U)).reason == "bad-x5u"
    assert maker.verify(identity_header(token, x5u)).verification == "passed"
