"""The dialplan's facts, as strangers fill them."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.call import (
    MAX_FACTS,
    MAX_FACTS_COUNT,
    MAX_VALUE,
    CallAttempt,
    clean,
    endpoint_of,
    parse_facts,
)


def test_all_facts_of_a_call_are_read() -> None:
    attempt = parse_facts(
        "called=2025550123&caller=%2B13015550199&name=Jane%20Doe&pres=allowed_not_screened"
        "&addr=192.0.2.7%3A5060&callid=abc%40192.0.2.7&h.P-Asserted-Identity=%3Csip%3A1%40x%3E"
        "&ss.0=success%3AA&ss.1=cert_not_trusted%3AB",
        channel="PJSIP/carrier-a-0000002f",
        uniqueid="1700000000.7",
    )
    assert attempt == CallAttempt(
        called="2025550123",
        caller="+13015550199",
        caller_name="Jane Doe",
        presentation="allowed_not_screened",
        trunk="carrier-a",
        source="192.0.2.7:5060",
        sip_call_id="abc@192.0.2.7",
        channel="PJSIP/carrier-a-0000002f",
        uniqueid="1700000000.7",
        headers={"p-asserted-identity": "<sip:1@x>"},
        stir_shaken=(("success", "A"), ("cert_not_trusted", "B")),
    )


def test_no_facts_are_an_attempt_without_any() -> None:
    assert parse_facts("") == CallAttempt()
    assert parse_facts("&&=&called&=x&nonsense=1") == CallAttempt()


def test_a_trunk_that_the_dialplan_names_goes_before_the_channels() -> None:
    assert parse_facts("trunk=carrier-b", channel="PJSIP/carrier-a-0000002f").trunk == "carrier-b"


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [
        ("PJSIP/carrier-a-0000002f", "carrier-a"),
        ("PJSIP/carrier-0000002f", "carrier"),
        ("SIP/gw.example-00000001", "gw.example"),
        ("", ""),
        ("nonsense", ""),
        ("PJSIP/", ""),
    ],
)
def test_the_endpoint_is_read_from_the_channels_name(channel: str, endpoint: str) -> None:
    assert endpoint_of(channel) == endpoint


def test_a_channels_name_is_bounded_and_cleaned_and_so_is_its_trunk() -> None:
    attempt = parse_facts(
        "", channel="PJSIP/a\x00\x1b[31m" + "x" * 9_000 + "-1", uniqueid="u" * 900
    )
    assert len(attempt.channel) <= 256
    assert len(attempt.uniqueid) == 128
    assert len(attempt.trunk) <= 256
    assert "\x1b" not in parse_facts("", channel="PJSIP/a\x1bb-1").trunk


@pytest.mark.parametrize(
    "name",
    [
        "a,b,c",
        'say "hi"',
        "100% sure",
        "a&caller=+19005550100",
        "a=b",
        "${SHELL(reboot)}",
        "a;b",
        "Zoë Ångström",
        "電話",
    ],
)
def test_what_means_something_to_a_dialplan_stays_inside_its_value(name: str) -> None:
    attempt = parse_facts(f"name={quote(name, safe='')}&caller=2025550123")
    assert attempt.caller_name == name
    assert attempt.caller == "2025550123"


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        ("Jos%E9", "José"),
        ("Jos%E9%20Ruiz", "José Ruiz"),
        ("Ren%E9e", "Renée"),
        ("%C5%C4%D6", "ÅÄÖ"),
        ("Jos%C3%A9", "José"),
        # cut by the dialplan within the last letter
        ("J%C3%B6rg%20Jos%C3", "Jörg Jos"),
        (quote("x" * 127) + "%C3", "x" * 127),
        (quote("x" * 126) + "%E2%82", "x" * 126),
    ],
)
def test_a_name_is_read_as_utf8_or_latin1_and_never_refused(encoded: str, name: str) -> None:
    assert parse_facts(f"name={encoded}").caller_name == name


def test_control_characters_become_a_space() -> None:
    assert parse_facts("name=a%00b%0D%0Ac%1B%5B31m%C2%85%E2%80%A8d").caller_name == "a b c [31m d"
    assert clean("a\ud800b") == "a b"


@pytest.mark.parametrize("value", ["%", "%4", "%zz", "%%%", "100%", "\ud800", "é%20\udfff", "²"])
def test_a_broken_encoding_is_read_as_far_as_it_goes(value: str) -> None:
    attempt = parse_facts(f"name={value}&caller=2025550123")
    assert attempt.caller == "2025550123"
    assert attempt.caller_name.encode()


def test_identity_headers_are_read_in_their_order() -> None:
    attempt = parse_facts("called=911&id=read&id.2=second%3Bppt%3Ddiv&id.1=first&h.date=Sat")
    assert attempt.identities == ("first", "second;ppt=div")
    assert attempt.headers == {"date": "Sat"}


@given(st.text('a%3BDFCE;=<>/&+:@ ."', min_size=1, max_size=60), st.booleans())
def test_an_identity_header_comes_out_as_it_was_whatever_it_holds(text: str, named: bool) -> None:
    """Also what looks like a code of its own, and what ends a fact where it is not encoded."""
    encoded = quote(text, safe="")
    attempt = parse_facts(f"called=911&name={encoded if named else ''}&id=read&id.1={encoded}")
    assert attempt.identities == (text,)
    assert attempt.caller_name == (text if named else "")
    assert attempt.called == "911"


def test_an_identity_header_that_could_not_be_handed_over_keeps_its_place() -> None:
    assert parse_facts("id=read&id.1=&id.2=second&id.3=").identities == ("", "second")


def test_no_identity_header_is_something_else_than_one_that_nobody_looked_for() -> None:
    assert parse_facts("called=911&id=read&id.1=&id.2=").identities == ()
    assert parse_facts("called=911").identities is None
    assert parse_facts("id=read&id.5=fifth").identities == ()


def test_a_repeated_name_keeps_its_first_value() -> None:
    attempt = parse_facts("caller=1&caller=2&h.From=a&h.FROM=b&ss.0=success:A&ss.0=success:B")
    assert attempt.caller == "1"
    assert attempt.headers == {"from": "a"}
    assert attempt.stir_shaken == (("success", "A"),)


def test_the_facts_are_bounded_in_length_and_number() -> None:
    assert len(parse_facts("name=" + "x" * 4_096).caller_name) == MAX_VALUE
    assert len(parse_facts("name=" + "%20" * 2_500).caller_name) == MAX_VALUE
    many = "&".join(f"h.{n}=x" for n in range(1_000))
    assert len(parse_facts(many).headers) == MAX_FACTS_COUNT
    assert parse_facts("h.a=" + "x" * MAX_FACTS + "&caller=1").caller == ""


@pytest.mark.parametrize(
    ("sent", "timeout"),
    [
        ("30", "30"),
        ("0.250", "0.250"),
        ("", "0"),
        ("-1", "0"),
        ("1e9", "0"),
        ("1,RINGFENCE_ACTION=allow", "0"),
        ("30%0A", "0"),
        ("9999999", "0"),
        ("٣", "0"),
    ],
)
def test_a_time_out_is_plain_seconds_or_none(sent: str, timeout: str) -> None:
    assert parse_facts(f"to={sent}").timeout == timeout


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("192.0.2.1:5060", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]:5060", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_the_address_is_read_from_the_source(source: str, address: str) -> None:
    assert CallAttempt(source=source).source_ip == address


@given(
    st.text(alphabet=st.characters(codec=None), max_size=200) | st.text("&=%.0aEss:h", max_size=99)
)
def test_no_text_makes_the_facts_raise(text: str) -> None:
    attempt = parse_facts(text, channel=text, uniqueid=text)
    for value in (attempt.caller_name, attempt.trunk, *attempt.headers.values()):
        value.encode()
        assert "\n" not in value


@given(st.text("xy1%+: @2370=é\n", max_size=24))
def test_a_fact_is_decoded_once_and_cleaned_whatever_signs_are_in_it(value: str) -> None:
    attempt = parse_facts(f"called={value}&caller=1")
    assert attempt.called == clean(unquote(value))
    assert attempt.caller == "1"
    assert parse_facts(f"called={quote(value, safe='')}").called == clean(value)
