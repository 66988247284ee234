"""Limits on claims: what they say, and no bytes are an exception."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.attestation.constraints import ClaimConstraints, parse_constraints
from ringfence.attestation.der import DerError
from tests.unit.attestation.maker import der

ALL_THREE = ClaimConstraints(("origid",), (("attest", ("B", "C")),), ("rcd", "crn"))
ALL_THREE_DER = der(
    0x30,
    der(0xA0, der(0x30, der(0x16, b"origid"))),
    der(
        0xA1,
        der(
            0x30,
            der(0x30, der(0x16, b"attest"), der(0x30, der(0x0C, b"B"), der(0x0C, b"C"))),
        ),
    ),
    der(0xA2, der(0x30, der(0x16, b"rcd"), der(0x16, b"crn"))),
)


def test_all_three_kinds_are_read() -> None:
    assert parse_constraints(ALL_THREE_DER) == ALL_THREE


@pytest.mark.parametrize("at", range(len(ALL_THREE_DER)))
def test_limits_that_are_cut_short_are_refused(at: int) -> None:
    with pytest.raises(DerError):
        parse_constraints(ALL_THREE_DER[:at])


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"origid": "1", "attest": "B"}, ""),
        ({"origid": "1"}, ""),
        ({"attest": "B"}, "without the claim origid"),
        ({"origid": "1", "attest": "A"}, "with a value of attest that is not permitted"),
        ({"origid": "1", "attest": ["B"]}, "with a value of attest that is not permitted"),
        ({"origid": "1", "crn": "x"}, "with the claim crn"),
    ],
)
def test_claims_stay_within_the_limits(claims: dict[str, Any], fault: str) -> None:
    assert ALL_THREE.fault_of(claims) == fault


def test_a_value_that_is_no_text_is_compared_as_json() -> None:
    limits = ClaimConstraints(permitted=(("orig", ('{"tn":"1"}',)),))
    assert limits.fault_of({"orig": {"tn": "1"}}) == ""
    assert limits.fault_of({"orig": {"tn": "2"}}) != ""


@given(st.binary(max_size=64) | st.binary(max_size=40).map(lambda b: b"\x30" + bytes([len(b)]) + b))
def test_no_bytes_are_another_exception(data: bytes) -> None:
    with contextlib.suppress(DerError):
        parse_constraints(data)
