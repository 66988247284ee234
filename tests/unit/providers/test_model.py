"""A provider of the register, and which trunk is whose."""

from __future__ import annotations

import msgspec
import pytest

from ringfence.providers.model import Provider, decode_provider, encode_provider
from ringfence.providers.register import disputed, trunks_of, with_providers
from ringfence.trunk import Trunk

FULL = (
    b'{"name":"Example Gateway, Inc.","aliases":["EG","Example"],"role":"gateway",'
    b'"status":"suspended","trunks":["gateway-c"],"addresses":["192.0.2.0/24","2001:db8::1"],'
    b'"signers":["818H"],"frn":"0012345678","rmd":"RMD0001234",'
    b'"contacts":[{"name":"Ann Lee","role":"traceback","email":"noc@example.com"}],'
    b'"documents":[{"title":"Contract","date":"2020-01-02","where":"shelf 3"}],'
    b'"remarks":"since 2019","added_by":"alice","added_at":"2020-04-03T15:00:00Z"}'
)


def test_all_of_a_provider_is_read_and_written_back() -> None:
    provider = decode_provider("gateway", FULL)
    assert msgspec.json.decode(encode_provider(provider)) == msgspec.json.decode(FULL)
    assert decode_provider("gateway", b"{}") == Provider()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "truncated"),
        (b"[]", "object"),
        (b'{"nam":"x"}', "nam"),
        (b'{"role":"friend"}', "friend.*role"),
        (b'{"trunks":["a b"]}', "trunks: 'a b'"),
        (b'{"addresses":["192.0.2.7/24"]}', "addresses: 192.0.2.7/24 has host bits set"),
        (b'{"addresses":["example.com"]}', "addresses"),
        (b'{"signers":["818-H"]}', "SPC"),
        (b'{"frn":"12345"}', "ten digits"),
        (b'{"rmd":"1234"}', "RMD0001234"),
        (b'{"name":"a","name":"b"}', "`name` is there twice"),
        (b'{"added_at":"2020-04-03T15:00:00"}', "timezone|added_at"),
        (b'{"remarks":"' + b"x" * 70_000 + b'"}', "larger"),
        (b'{"remarks":"' + b"x" * 5_000 + b'"}', "remarks"),
    ],
)
def test_a_wrong_provider_is_refused_in_one_line_that_names_what_is_wrong(
    text: bytes, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        decode_provider("gateway", text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) <= 300


@pytest.mark.parametrize("id", ["", "a b", "-a", "a\n", "é", "a" * 65, "a:b"])
def test_a_providers_id_is_one_plain_word(id: str) -> None:
    with pytest.raises(ValueError, match="provider's id"):
        decode_provider(id, b"{}")


def test_a_trunk_in_the_register_is_that_providers_with_and_without_settings_of_its_own() -> None:
    trunks = {"one": Trunk(country="GB"), "other": Trunk(provider="acme")}
    providers = {"gateway": Provider(trunks=("one", "two"))}
    found = with_providers(trunks, providers)
    assert found["one"] == Trunk(country="GB", provider="gateway")
    assert found["two"] == Trunk(provider="gateway")
    assert found["other"] is trunks["other"]
    assert trunks["one"].provider == ""
    assert trunks_of("gateway", trunks, providers) == ("one", "two")
    assert trunks_of("acme", trunks, providers) == ("other",)


def test_the_trunks_own_provider_counts_before_the_register_and_the_first_id_after_it() -> None:
    trunks = {"one": Trunk(provider="acme")}
    providers = {"b": Provider(trunks=("one", "two")), "a": Provider(trunks=("two",))}
    found = with_providers(trunks, providers)
    assert (found["one"].provider, found["two"].provider) == ("acme", "a")
    assert disputed("b", trunks, providers)["one"].whose == "acme"
    assert disputed("a", trunks, providers) == {}


def test_a_trunk_that_two_providers_list_is_said_to_be_anothers_for_the_second() -> None:
    providers = {"a": Provider(trunks=("one",)), "b": Provider(trunks=("one", "two"))}
    assert trunks_of("b", {}, providers) == ("two",), "a block of b would leave one open"
    assert disputed("b", {}, providers)["one"].whose == "a"
    assert disputed("a", {}, providers) == {}
