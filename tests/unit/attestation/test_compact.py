"""Compact tokens: what they sign is what the call itself says."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.shaken import compact
from ringfence.attestation.compact import date_of
from tests.unit.attestation.maker import CALLED, NOW, SPC, Maker, failed, said

BASE = {"header": {"ppt": None}, "payload": {"attest": None, "origid": None}}


def header(maker: Maker, **particular: object) -> str:
    token, x5u = maker.token(**{**BASE, **particular})  # type: ignore[arg-type]
    return f"{compact(token)};info=<{x5u}>;alg=ES256"


def test_a_compact_token_of_this_very_call_holds(maker: Maker) -> None:
    attestation = maker.verify(header(maker), date=NOW)
    assert said(attestation) == ("passed", "none", "", 0)
    assert attestation.signer == SPC
    assert attestation.detail == "no SHAKEN token: the signature has no level"


def test_a_compact_token_of_another_call_does_not(maker: Maker) -> None:
    identity = header(maker)
    assert said(maker.verify(identity, date=NOW + 1)) == failed("bad-signature", 438)
    assert said(maker.verify(identity, date=NOW, caller="1")) == failed("bad-signature", 438)
    assert said(maker.verify(identity, date=NOW, called="1")) == failed("bad-signature", 438)
    several = header(maker, dest=[CALLED, "12125550000"])
    assert said(maker.verify(several, date=NOW)) == failed("bad-signature", 438)


def test_its_address_is_that_of_info(maker: Maker) -> None:
    identity = header(maker, x5u="https://certificates.example.org/a.pem?b")
    assert said(maker.verify(identity, date=NOW)) == failed("bad-x5u", 436)


def test_without_a_date_there_is_nothing_to_check(maker: Maker) -> None:
    assert said(maker.verify(header(maker))) == failed("malformed", 438)


def test_a_date_that_is_not_now_is_stale(maker: Maker) -> None:
    assert said(maker.verify(header(maker, age=99), date=NOW - 99)) == failed("stale", 403)


def test_shaken_has_no_compact_form(maker: Maker) -> None:
    token, x5u = maker.token()
    identity = f"{compact(token)};info=<{x5u}>;alg=ES256;ppt=shaken"
    assert said(maker.verify(identity, date=NOW)) == failed("unsupported", 438)


def test_a_sip_date_is_read() -> None:
    assert date_of("Sat, 13 Nov 2010 23:29:00 GMT") == 1_289_690_940


@pytest.mark.parametrize("zone", ["", " -0000", " GMT"])
def test_a_date_is_never_in_the_zone_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "America/New_York")
        time.tzset()
        assert date_of(f"Sat, 13 Nov 2010 23:29:00{zone}") == 1_289_690_940
    time.tzset()


@pytest.mark.parametrize("text", ["", "today", "Sat, 99 Nov 2010 23:29:00 GMT", "x" * 100, "1"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert date_of(text) is None


@given(st.text(max_size=70))
def test_no_text_of_a_date_is_an_exception(text: str) -> None:
    assert isinstance(date_of(text), float | None)
