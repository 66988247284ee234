"""What a certificate may be fetched from, and what numbers are equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.attestation.canonical import canonical
from ringfence.attestation.x5u import fault_of


@pytest.mark.parametrize(
    "x5u",
    [
        "https://cert.example.org/passport.cer",
        "https://cert.example.org:443/passport.cer",
        "https://cert.example.org:8443/a/b/c-d_e~f.pem",
        "HTTPS://CERT.EXAMPLE.ORG/",
        "https://cert.example.org",
        "https://198.51.100.7/a.pem",
        "https://[2001:db8::1]:8443/a.pem",
        "https://cert.example.org/a%20b;c=d,@",
    ],
)
def test_an_https_address_is_one_to_fetch_from(x5u: str) -> None:
    assert fault_of(x5u) == ""


@pytest.mark.parametrize(
    ("x5u", "fault"),
    [
        ("", "not https"),
        ("http://cert.example.org/a.pem", "not https"),
        ("file:///etc/passwd", "not https"),
        ("ftp://cert.example.org/a.pem", "not https"),
        ("//cert.example.org/a.pem", "not https"),
        ("https://cert.example.org:80/a.pem", "port 80, not 443 or 8443"),
        ("https://cert.example.org:22/a.pem", "port 22, not 443 or 8443"),
        ("https://cert.example.org:99999/a.pem", "port 99999, not 443 or 8443"),
        ("https://user@cert.example.org/a.pem", "with a user or password"),
        ("https://user:password@cert.example.org/a.pem", "with a user or password"),
        ("https://cert.example.org/a.pem?b", "with a query or fragment"),
        ("https://cert.example.org/a.pem#b", "with a query or fragment"),
        ("https://cert.example.org?b", "with a query or fragment"),
        ("https:///a.pem", "no plain https address"),
        ("https://cert.example.org:/a.pem", "no plain https address"),
        ("https://cert.example.org:４４３/a.pem", "no plain https address"),
        ("https://cert.example.org\\@inner/a.pem", "with a user or password"),
        ("https://cert.example.org\\a.pem", "no plain https address"),
        ("https://cert.example.org/a b.pem", "no plain https address"),
        ("https://cert.example.org/a.pem\n", "no plain https address"),
        ("https://cert.exa\tmple.org/a.pem", "no plain https address"),
        ("https://bücher.example.org/a.pem", "no plain https address"),
        ("https://.example.org/a.pem", "no plain https address"),
        ("https://cert.example.org/" + "a" * 1_000, "longer than 1024 characters"),
    ],
)
def test_anything_else_is_refused(x5u: str, fault: str) -> None:
    assert fault_of(x5u) == fault


@given(st.text())
def test_no_text_is_an_exception(text: str) -> None:
    assert isinstance(fault_of(text), str)
    assert isinstance(canonical(text), str)


@pytest.mark.parametrize(
    "number",
    ["+1-(215)-555-1212", "12155551212", "+12155551212", "1 215 555 1212", "1.215.555.1212"],
)
def test_a_number_is_its_digits_with_the_country_code(number: str) -> None:
    assert canonical(number) == "12155551212"


def test_no_country_code_is_made_up() -> None:
    assert canonical("215-555-1212") == "2155551212"


@pytest.mark.parametrize(
    "number", ["", "+", "anonymous", "1215555121a", "++1", "1" * 33, "１２", "-"]
)
def test_what_is_no_number_equals_none(number: str) -> None:
    assert canonical(number) == ""


@pytest.mark.parametrize("number", ["*98", "#31#", "911"])
def test_service_codes_are_kept(number: str) -> None:
    assert canonical(number) == number
