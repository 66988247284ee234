"""Captures as admins have them: a whole INVITE, or headers alone, however they were broken."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.cli.identity_capture import load_capture, read_capture
from ringfence.cli.refusals import Refused

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJBIn0.c2ln"
OTHER = "eyJhbGciOiJFUzI1NiJ9.eyJkaXYiOiJBIn0.c2ln"
INFO = ";info=<https://cert.example.org/a.pem>;alg=ES256;ppt=shaken"
INVITE = (
    "INVITE sip:+12155551213@192.0.2.1:5060;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.7\r\n"
    'f: "Alice, A." <sip:12155551212@192.0.2.7>;tag=1\r\n'
    "To: <sip:2155551299@192.0.2.1>\r\n"
    "CSeq: 1 INVITE\r\n"
    "Date: Sat, 13 Nov 2027 23:29:00 GMT\r\n"
    f"Identity: {TOKEN}\r\n {INFO}\r\n"
    f"y:{OTHER}{INFO}\r\n"
    "\r\n"
    "o=- 1 1 IN IP4 192.0.2.7\r\n"
)


def identities(text: str) -> tuple[str, ...]:
    return read_capture(text.encode()).identities


@pytest.mark.parametrize(
    "text",
    [
        TOKEN + INFO,
        f"Identity: {TOKEN}{INFO}\n",
        f"identity :{TOKEN}{INFO}\r\n\r\n",
        f"\ufeffy: {TOKEN}\n\t{INFO}",
        f"Identity:\n  {TOKEN}{INFO}",
        # broken by a terminal or a mail, in the token and in the address
        f"{TOKEN[:10]}\n{TOKEN[10:]}{INFO}",
        f"Identity: {TOKEN[:21]}\n          {TOKEN[21:]}{INFO[:14]}\n          {INFO[14:]}",
    ],
)
def test_a_header_is_read_with_or_without_its_name_and_however_it_is_folded(text: str) -> None:
    assert identities(text) == (TOKEN + INFO,)


@pytest.mark.parametrize("between", ["\n", "\n\n", "\n \n", "\r\n"])
@pytest.mark.parametrize("name", ["", "Identity: "])
def test_several_headers_are_told_apart(between: str, name: str) -> None:
    text = f"{name}{TOKEN}{INFO}{between}{name}{OTHER}{INFO}{between}..c2ln;info=<https://c>"
    assert identities(text) == (TOKEN + INFO, OTHER + INFO, "..c2ln;info=<https://c>")


def test_what_is_no_token_is_a_header_all_the_same() -> None:
    assert identities("nonsense\n") == ("nonsense",)


def test_an_invite_says_who_calls_whom_and_when() -> None:
    found = read_capture(INVITE.encode())
    assert found.identities == (f"{TOKEN} {INFO}", OTHER + INFO)
    assert (found.caller, found.called) == ("12155551212", "+12155551213")
    assert found.caller_name == "Alice, A."
    assert found.headers["date"] == "Sat, 13 Nov 2027 23:29:00 GMT"
    assert "o=- 1 1 in ip4 192.0.2.7" not in found.headers
    assert not found.is_private


def test_an_asserted_identity_counts_before_the_from_header() -> None:
    more = 'P-Asserted-Identity: "B" <tel:+12155550000>\r\nPrivacy: user;id\r\n'
    found = read_capture(INVITE.replace("To:", f"{more}To:").encode())
    assert (found.caller, found.caller_name, found.is_private) == ("+12155550000", "B", True)


@pytest.mark.parametrize("uri", ["sip:ringfence@192.0.2.1", "sip:192.0.2.1:5060"])
def test_the_to_header_is_asked_where_the_request_goes_to_no_number(uri: str) -> None:
    text = INVITE.replace("sip:+12155551213@192.0.2.1:5060;user=phone", uri)
    assert read_capture(text.encode()).called == "2155551299"


def test_what_a_tool_wrote_around_an_invite_is_passed_over() -> None:
    around = "<--- Received SIP request (900 bytes) from UDP:192.0.2.7:5060 --->\n"
    indented = "".join(f"    {line}\n" for line in INVITE.splitlines())
    for text in (around + INVITE, "E..4.@...INVITE" + INVITE[6:], indented):
        found = read_capture(text.encode())
        assert found.called == "+12155551213"
        assert found.identities == (f"{TOKEN} {INFO}", OTHER + INFO)


def test_of_several_invites_the_first_with_an_identity_header_counts() -> None:
    bare = "INVITE sip:+12025550100@192.0.2.1 SIP/2.0\r\nFrom: <sip:1@192.0.2.7>\r\n\r\n"
    found = read_capture((bare + INVITE + INVITE).encode())
    assert (found.called, found.others) == ("+12155551213", 2)
    assert read_capture(bare.encode()).identities == ()


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"Identity:", b"From: x\nTo: y", b"\xef\xbb\xbf"]
)
def test_where_no_header_is_there_is_none(data: bytes) -> None:
    assert read_capture(data).identities == ()


@pytest.mark.parametrize("data", [b"\xff\xfe\0", b"\0" * 50, b":\n:", b"INVITE  SIP/2.0", b" \xa0"])
def test_odd_bytes_are_no_error(data: bytes) -> None:
    assert len(read_capture(data).identities) <= 1


@settings(max_examples=50)
@given(st.text(st.sampled_from('INVITE SIP/2.0\r\n:<>"yeJ.;=\t0f'), max_size=200))
def test_whatever_a_file_holds_it_is_read(text: str) -> None:
    read_capture(text.encode())


@pytest.mark.parametrize(
    "unit", [" ", "INVITE ", "From: ", '"', "a", "\n ", "eyJ.\n", "INVITE a SIP/2.0\n"]
)
def test_a_large_file_is_read_in_a_moment(unit: str) -> None:
    began = time.perf_counter()
    read_capture(f"From: x{unit * 20_000}<\nIdentity: {unit * 20_000}".encode())
    assert time.perf_counter() - began < 2


def test_a_file_that_is_away_or_too_large_is_refused_in_one_line(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"a" * 1_000_001)
    for path, said in ((tmp_path / "none", "No such file"), (large, "cut one INVITE out")):
        with pytest.raises(Refused, match=said) as refused:
            load_capture(str(path))
        assert "\n" not in refused.value.message
