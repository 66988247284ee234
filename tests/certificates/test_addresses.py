"""Which addresses are public, and how an x5u is taken apart."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.attestation.x5u import fault_of
from ringfence.certificates.addresses import AddressGuard
from ringfence.certificates.location import BadLocation, Location, follow, parse_location

GUARD = AddressGuard()
LAB = AddressGuard([ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("fd00::/8")])

PUBLIC = ["8.8.8.8", "193.0.6.139", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
INNER = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1"),
    *("192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "203.0.113.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:808:808::1", "3fff::1", "5f00::1"),
    *(
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%1",
        "fec0::1",
        "ff02::1",
    ),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_connected_to(address: str) -> None:
    assert GUARD.permits(address)


@pytest.mark.parametrize("address", [*INNER, "", "localhost", "127.1", "0x7f.1", "8.8.8.8/32"])
def test_an_inner_address_or_none_may_not(address: str) -> None:
    assert not GUARD.permits(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "fd00::1", "::ffff:127.0.0.1"])
def test_what_the_admin_allows_may_be_connected_to(address: str) -> None:
    assert LAB.permits(address)
    assert not LAB.permits("10.0.0.1")


@given(st.ip_addresses())
def test_no_address_is_an_error(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert GUARD.permits(str(address)) in (True, False)


@pytest.mark.parametrize(
    ("x5u", "location", "site"),
    [
        ("https://c.example.com/a.pem", ("c.example.com", 443, "/a.pem"), "example.com"),
        ("HTTPS://A.Example.com:8443", ("A.Example.com", 8443, "/"), "example.com"),
        ("https://8.8.8.8:443/a/b@c:d", ("8.8.8.8", 443, "/a/b@c:d"), "8.8.8.8"),
        ("https://[2606:4700:0::1]:8443/", ("2606:4700::1", 8443, "/"), "2606:4700::1"),
        ("https://localhost/a", ("localhost", 443, "/a"), "localhost"),
    ],
)
def test_an_x5u_is_read_in_one_way(x5u: str, location: tuple[str, int, str], site: str) -> None:
    assert parse_location(x5u) == location
    assert parse_location(x5u).site == site


def test_the_host_header_has_the_port_where_it_is_not_443() -> None:
    assert Location("a.example", 443, "/").authority == "a.example"
    assert Location("::1", 8443, "/").authority == "[::1]:8443"


@pytest.mark.parametrize(
    "x5u",
    [
        *("https://a/\r\nX: y", "https://a/ b", "https://a\\@b/", "https://a:8080/", "https:///a"),
        *("https://a@b/", "https://a?b", "https://a#b", "https://[:::]/", "https://[1.2.3.4]/"),
        "https://a/" + "x" * 2_000,
    ],
)
def test_whatever_could_be_read_in_two_ways_is_refused(x5u: str) -> None:
    with pytest.raises(BadLocation):
        parse_location(x5u)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://a", "https://[", "/"]))
def test_no_text_is_an_error_but_a_bad_location(text: str, front: str) -> None:
    try:
        location = parse_location(front + text)
    except BadLocation:
        return
    assert fault_of(str(location)) == ""
    assert parse_location(str(location)) == location


def test_a_redirect_within_the_server_keeps_host_and_port() -> None:
    assert follow(Location("a.example", 8443, "/x/y"), "/z") == ("a.example", 8443, "/z")


@pytest.mark.parametrize("to", ["", "z", "../z", "//b.example/z", "http://a.example/", "/z?q"])
def test_a_redirect_to_anything_less_plain_is_refused(to: str) -> None:
    with pytest.raises(BadLocation, match="redirected to a place"):
        follow(Location("a.example", 443, "/x"), to)
