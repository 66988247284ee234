"""TNAuthList: the published check values, ranges, delegation, and no bytes are an exception."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.shaken.authority import tn_auth_list_of, tn_auth_list_of_numbers
from ringfence.attestation.der import DerError
from ringfence.attestation.tnauthlist import MAX_ENTRIES, Range, TNAuthList, parse_tnauthlist


def test_the_published_values_are_read() -> None:
    assert parse_tnauthlist(bytes.fromhex("3005a003160131")) == TNAuthList(("1",))
    assert parse_tnauthlist(base64.b64decode("MAigBhYEODE4SA==")) == TNAuthList(("818H",))


def test_numbers_and_ranges_are_read() -> None:
    data = tn_auth_list_of_numbers("12155551212", ("12155550000", 100))
    assert parse_tnauthlist(data).numbers == (Range("12155551212", 1), Range("12155550000", 100))


def test_a_provider_may_sign_for_any_number() -> None:
    assert TNAuthList(("818H",)).covers("12155551212")


@pytest.mark.parametrize(
    ("number", "covered"),
    [
        ("12155551212", True),
        ("12155551213", False),
        ("12155550000", True),
        ("12155550099", True),
        ("12155550100", False),
        ("12155549999", False),
        ("2155550000", False),
        ("121555500000", False),
        ("", False),
        ("1215555000x", False),
    ],
)
def test_a_list_of_numbers_covers_what_is_on_it(number: str, covered: bool) -> None:
    listed = TNAuthList((), (Range("12155551212", 1), Range("12155550000", 100)))
    assert listed.covers(number) is covered


def test_nobody_hands_on_numbers_that_are_not_theirs() -> None:
    above = TNAuthList((), (Range("12155550000", 100),))
    assert above.encompasses(TNAuthList((), (Range("12155550010", 90),)))
    assert above.encompasses(TNAuthList((), (Range("12155550099", 1),)))
    assert not above.encompasses(TNAuthList((), (Range("12155550010", 91),)))
    assert not above.encompasses(TNAuthList((), (Range("12155550100", 1),)))
    assert not above.encompasses(TNAuthList(("818H",)))
    assert TNAuthList(("818H",)).encompasses(TNAuthList((), (Range("1", 1),)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30\x00",
        b"\x30",
        b"\x30\x80\xa0\x03\x16\x01\x31\x00\x00",  # of no definite length
        b"\x30\x81\x05\xa0\x03\x16\x01\x31",  # a length in needless bytes
        b"\x30\x05\xa0\x03\x16\x01\x31x",  # more behind it
        b"\x30\x05\xa0\x03\x16\x01\x00",  # a control character
        b"\x30\x05\xa0\x03\x0c\x01\x31",  # a UTF8String
        b"\x30\x03\x80\x01\x31",  # an implicit tag
        b"\x30\x05\xa3\x03\x16\x01\x31",  # a fourth kind
        b"\x30\x04\xa0\x02\x16\x00",  # an empty code
        b"\x30\x06\xa0\x04\x16\x02\x31\xff",
        b"\x30\x84\xff\xff\xff\xff",
        tn_auth_list_of("1" * 33),
        tn_auth_list_of_numbers("1215555121x"),
        tn_auth_list_of_numbers("1234567890123456"),
        tn_auth_list_of_numbers(("12155550000", 1)),
        tn_auth_list_of_numbers(("12155550000", 1 << 70)),
        tn_auth_list_of_numbers(*["1"] * (MAX_ENTRIES + 1)),
    ],
)
def test_another_value_is_no_list(data: bytes) -> None:
    with pytest.raises(DerError):
        parse_tnauthlist(data)


@given(st.binary(max_size=64))
def test_no_bytes_are_another_exception(data: bytes) -> None:
    with contextlib.suppress(DerError):
        parse_tnauthlist(data)


@given(
    st.sampled_from(
        [tn_auth_list_of("818H"), tn_auth_list_of_numbers("12155551212", ("12155550000", 300))]
    ),
    st.integers(0, 40),
    st.integers(0, 255),
)
def test_no_change_of_a_byte_is_another_exception(data: bytes, at: int, byte: int) -> None:
    changed = bytearray(data)
    changed[at % len(data)] = byte
    with contextlib.suppress(DerError):
        parse_tnauthlist(bytes(changed))
