"""The files that `ringfence init` writes: their texts, made of one set of settings. Writes none."""

from __future__ import annotations

import json
from importlib.resources import files
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from ringfence.config import Address


class Setup(NamedTuple):
    """What the files have to agree on. The passwords are letters, digits, - and _ alone."""

    agi: Address
    ari_url: str
    ari_password: str
    ami: Address
    ami_password: str
    app: str = "ringfence"

    def __repr__(self) -> str:
        return f"Setup(agi={self.agi}, ari_url={self.ari_url!r}, ami={self.ami})"


class Written(NamedTuple):
    """One file; `secret` where it has a password in it."""

    name: str
    text: str
    secret: bool = False


def all_files(setup: Setup) -> list[Written]:
    """Everything, in the order in which an admin meets it."""
    return [
        Written("ringfence.conf", (files("dialplan") / "ringfence.conf").read_text("utf-8")),
        Written("ringfence-http.conf", _http(setup)),
        Written("ringfence-ari.conf", _ari(setup), secret=True),
        Written("ringfence-manager.conf", _manager(setup), secret=True),
        Written("ringfence.toml", _toml(setup), secret=True),
    ]


def _http(setup: Setup) -> str:
    at = urlsplit(setup.ari_url)
    return f"""\
; Asterisk's HTTP server, which ARI needs. At the end of http.conf: #include ringfence-http.conf
[general](+)
enabled = yes
bindaddr = {at.hostname}
bindport = {at.port or 8088}
"""


def _ari(setup: Setup) -> str:
    return f"""\
; The account of Ringfence's ARI door. At the end of ari.conf: #include ringfence-ari.conf
; There, [general] needs: enabled = yes
[ringfence]
type = user
read_only = no
password_format = plain
password = {setup.ari_password}
"""


def _manager(setup: Setup) -> str:
    return f"""\
; The account of `ringfence doctor`, which only asks, of notices with `--hang-up`, which end the
; calls in progress of a provider that is blocked, and of `ringfence serve`, which hears how calls
; end (read = call) and has Asterisk leave out all other events (write = system).
; At the end of manager.conf: #include ringfence-manager.conf
[general](+)
enabled = yes
bindaddr = {setup.ami.host}
port = {setup.ami.port}

[ringfence]
secret = {setup.ami_password}
deny = 0.0.0.0/0.0.0.0
{_permit(setup.ami.host)}
read = system,call
write = system,reporting
"""


def _permit(host: str) -> str:
    if ip_address(host).is_loopback:
        return "permit = 127.0.0.0/255.0.0.0"
    return "; the address that `ringfence doctor` comes from:\n; permit = 192.0.2.1/255.255.255.255"


def _toml(setup: Setup) -> str:
    quoted = json.dumps  # TOML's basic strings are JSON's, as far as these values go
    return f"""\
# Ringfence's settings, for /etc/ringfence/ringfence.toml. The same in the environment, which goes
# before this file: RINGFENCE_<SECTION>_<KEY>, such as RINGFENCE_REDIS_URL.

[redis]
# Without a URL an embedded Valkey runs under the state directory.
# url = "redis://127.0.0.1:6379/0"

[agi]
bind = {quoted(str(setup.agi))}

[ari]
url = {quoted(setup.ari_url)}
username = "ringfence"
password = {quoted(setup.ari_password)}
app = {quoted(setup.app)}

[ami]
host = {quoted(setup.ami.host)}
port = {setup.ami.port}
username = "ringfence"
password = {quoted(setup.ami_password)}

[screening]
# true: rules only note what they would have done. Good for the first days.
monitor = false

[score]
# From how many points on a call is flagged, challenged, blocked; 0: never.
# flag_at = 30
# challenge_at = 50
# block_at = 70
"""
