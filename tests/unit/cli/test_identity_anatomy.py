"""What is in an Identity header, also in one that is no good."""

from __future__ import annotations

import json

import msgspec
import pytest

from ringfence.attestation.jws import encode_base64url
from ringfence.cli.identity_anatomy import age_text, content_text, issued, take_apart
from ringfence.cli.identity_view import print_anatomies
from tests.unit.attestation.maker import CALLED, CALLER, NOW, ORIGID, Maker


@pytest.fixture(scope="session")
def maker() -> Maker:
    return Maker()


def test_a_shaken_token_shows_its_claims(maker: Maker) -> None:
    found = take_apart(1, maker.identity(age=42), NOW)
    assert (found.kind, found.form, found.level, found.faults) == ("shaken", "full", "A", ())
    assert (found.orig, found.dest, found.origid) == (CALLER, (CALLED,), ORIGID)
    assert (found.age, found.info_is_x5u, found.info) == (42, True, found.x5u)
    assert found.claims["orig"] == {"tn": CALLER}
    assert found.protected["typ"] == "passport"


def test_a_diversion_shows_both_its_ends(maker: Maker) -> None:
    found = take_apart(2, maker.div(CALLED, ["12155551214"]), NOW)
    assert (found.kind, found.div, found.dest) == ("div", CALLED, ("12155551214",))


def test_a_compact_token_has_no_more_than_its_parameters() -> None:
    text = f"..{encode_base64url(bytes(64))};info=<https://cert.example.org/a.pem>;alg=ES256"
    found = take_apart(1, text, NOW)
    assert (found.kind, found.form, found.info) == ("", "compact", "https://cert.example.org/a.pem")
    assert (found.claims, found.iat, found.faults) == (None, None, ())
    (fault,) = take_apart(1, text.replace("https", "http"), NOW).faults
    assert (fault.reason, fault.code) == ("bad-x5u", 436)


def test_what_is_malformed_is_named_and_what_can_be_read_is_shown(maker: Maker) -> None:
    text = maker.identity(payload={"orig": "12155551212"})
    found = take_apart(1, text, NOW)
    assert found.kind == "shaken"
    assert found.claims["orig"] == "12155551212"
    (fault,) = found.faults
    assert (fault.reason, fault.code) == ("malformed", 438)
    assert "orig" in fault.detail


def test_what_can_be_told_wrong_without_a_certificate_is(maker: Maker) -> None:
    text = maker.identity(attest="D").replace("info=<https://cert", "info=<https://other")
    found = take_apart(1, text, NOW)
    assert [(f.reason, f.code) for f in found.faults] == [("bad-x5u", 436), ("bad-attest", 438)]
    assert found.info_is_x5u is False


@pytest.mark.parametrize(
    "payload",
    ["", "no JSON", '{"iat": 1e999}', '{"name": "\\ud800"}', '{"a": 1, "a": 2}', "\x1b[2J\xff"],
)
def test_whatever_a_stranger_wrote_can_be_shown(
    payload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = (encode_base64url(text.encode("latin-1")) for text in ('{"ppt":"shaken"}', payload))
    found = take_apart(1, ".".join([*parts, "c2ln"]) + ";info=<x>", NOW)
    assert found.faults[0].reason == "malformed"
    print_anatomies([found])
    assert "\x1b" not in capsys.readouterr().out
    json.dumps(msgspec.to_builtins(found), ensure_ascii=False, allow_nan=False).encode()
    assert len(content_text(found.claims)) < 100


def test_times_are_told_in_words_and_never_fail() -> None:
    assert issued(NOW).endswith("Z")
    assert issued(1e18) == ""
    assert (age_text(5), age_text(-5)) == ("5 s ago", "5 s in the future")
    assert age_text(90_061) == "1 day, 1:01:01 ago"
    assert age_text(1e18) == "long ago"
