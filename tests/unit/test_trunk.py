"""A trunk's settings."""

from __future__ import annotations

import msgspec
import pytest

from ringfence.numbers import NumberPlan
from ringfence.trunk import DEFAULT_TRUNK, MAX_TRUNK_BYTES, Trunk, decode_trunk, encode_trunk


def test_settings_left_out_have_the_values_of_a_plain_american_trunk() -> None:
    assert decode_trunk("carrier-a", b"{}") == DEFAULT_TRUNK == Trunk()
    assert encode_trunk(DEFAULT_TRUNK) == b"{}"


def test_all_settings_are_read_and_written_back() -> None:
    text = (
        b'{"country":"gb","international":["00"],"strip":"1234#",'
        b'"attestation":["headers","asterisk"],"verstat_passed":"B","fail":"closed",'
        b'"provider":"acme","note":"why"}'
    )
    trunk = decode_trunk("carrier-a", text)
    called, caller = trunk.plans
    assert called == NumberPlan("GB", ("00",), "1234#")
    assert caller == NumberPlan("GB", ("00",), "")
    assert msgspec.json.decode(encode_trunk(trunk)) == msgspec.json.decode(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "truncated"),
        (b"[]", "object"),
        (b'{"contry":"US"}', "contry"),
        (b'{"country":"UK"}', "country"),
        (b'{"country":"USA"}', "country"),
        (b'{"country":"U\\n"}', "country"),
        (b'{"strip":"1234567890123"}', "strip"),
        (b'{"strip":"12,34"}', "strip"),
        (b'{"strip":"9\\n"}', "strip"),
        (b'{"international":["+x"]}', "international"),
        (b'{"international":"00"}', "international"),
        (b'{"fail":"shut"}', "fail"),
        (b'{"attestation":["hearsay"]}', "attestation"),
        (b'{"verstat_passed":"D"}', "verstat_passed"),
        (b'{"fail":"open","fail":"closed"}', "`fail` is there twice"),
        (b'{"note":"\xff"}', "UTF-8|utf-8"),
        ('{"note":"\ud800"}', "surrogates"),
        (b"[" * 60_000, "object|recursion"),
        (b'{"note":"' + b"x" * MAX_TRUNK_BYTES + b'"}', "larger"),
    ],
)
def test_wrong_settings_are_refused_in_one_line_that_names_them(
    text: bytes | str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        decode_trunk("carrier-a", text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) <= 300


@pytest.mark.parametrize("name", ["", "a b", "-a", "a\n", "é", "a" * 81, "a,b"])
def test_a_trunk_is_named_as_its_endpoint(name: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        decode_trunk(name, b"{}")
