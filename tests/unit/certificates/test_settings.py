"""The section [attestation]: secure where nothing is set, and refused by name where wrong."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from ringfence.config import Settings, SettingsRefused, load_settings


def load(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    file = tmp_path / "ringfence.toml"
    file.write_text(text)
    return load_settings(file, environ)


def test_by_default_nobody_is_trusted_and_no_inner_address_is_allowed(tmp_path: Path) -> None:
    section = load(tmp_path).attestation
    assert (section.roots, section.tls_ca, section.networks) == ("", "", ())
    assert section.crl == "check"


def test_networks_are_written_with_commas_between(tmp_path: Path) -> None:
    settings = load(tmp_path, RINGFENCE_ATTESTATION_ALLOW_ADDRESSES="127.0.0.0/8, fd00::/8,")
    assert settings.attestation.networks == (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("fd00::/8"),
    )


@pytest.mark.parametrize("wrong", ["lab", "10.0.0.1/8", "10.0.0.0/8 127.0.0.0/8", "10.*"])
def test_what_is_no_network_stops_the_start(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(SettingsRefused, match=r"attestation\.allow_addresses: .* such as 10") as e:
        load(tmp_path, f'[attestation]\nallow_addresses = "{wrong}"')
    assert "\n" not in str(e.value)


def test_a_call_cannot_be_told_to_wait_for_long(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"attestation\.wait"):
        load(tmp_path, "[attestation]\nwait = 60.0")
