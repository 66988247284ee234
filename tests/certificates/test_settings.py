"""The words of the section [attestation]: secure where nothing is set, and refused where wrong."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest

from ringfence.settings import AriSection, AttestationSection, Settings, SettingsRefused


def test_by_default_nobody_is_trusted_and_no_inner_address_is_allowed() -> None:
    section = AttestationSection()
    assert (section.roots, section.tls_ca, section.networks) == ("", "", ())
    assert section.crl == "check"


def test_networks_are_written_with_commas_between() -> None:
    section = AttestationSection(allow_addresses="127.0.0.0/8, fd00::/8,")
    assert section.networks == (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("fd00::/8"),
    )


@pytest.mark.parametrize("wrong", ["lab", "10.0.0.1/8", "10.0.0.0/8 127.0.0.0/8", "10.*"])
def test_what_is_no_network_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(SettingsRefused, match=r"attestation\.allow_addresses: .* such as 10") as e:
        _ = AttestationSection(allow_addresses=wrong).networks
    assert "\n" not in str(e.value)


def test_a_call_cannot_be_told_to_wait_for_long() -> None:
    with pytest.raises(msgspec.ValidationError, match="wait"):
        msgspec.convert({"wait": 60.0}, AttestationSection)


def test_a_wait_that_leaves_too_little_of_the_deadline_is_refused() -> None:
    ari = AriSection(url="http://127.0.0.1:8088/ari", password="x", deadline=0.25)
    Settings(ari=ari, attestation=AttestationSection(wait=0.125)).check()
    with pytest.raises(SettingsRefused, match="at most half"):
        Settings(ari=ari, attestation=AttestationSection(wait=0.24)).check()
