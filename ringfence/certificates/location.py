"""Where something is fetched from, taken apart; knows nothing of names' addresses or of calls."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from ringfence.attestation.x5u import fault_of


class BadLocation(ValueError):  # noqa: N818 - what it is
    """Nothing may be fetched from there; the text says why."""


class Location(NamedTuple):
    """An https address. `host` has no brackets; `path` begins with a slash."""

    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"

    @property
    def site(self) -> str:
        """Who has to share its turns."""
        return site_of(self.host)

    def __str__(self) -> str:
        return f"https://{self.authority}{self.path}"


def site_of(host: str) -> str:
    """Who is behind a host, as far as it can be told. Whoever owns a domain makes names in it at
    will, so of a name only the last two labels count; a public suffix that two owners share costs
    them no more than waiting for each other."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ".".join(host.lower().rsplit(".", 2)[-2:])


def parse_location(text: str) -> Location:
    """The location in `text`, by the rules of an x5u. `BadLocation` says what is wrong with it."""
    if fault := fault_of(text):
        raise BadLocation(fault)
    # After that check there is one way to read it: no user, and no colon or slash in a host.
    authority, slash, path = text[len("https://") :].partition("/")
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        port = rest.removeprefix(":")
        try:
            host = str(ipaddress.IPv6Address(host))
        except ValueError:
            raise BadLocation("no IPv6 address in brackets") from None
    else:
        host, _, port = authority.partition(":")
    return Location(host, int(port or 443), slash + path or "/")


def follow(location: Location, to: str) -> Location:
    """Where a redirect from `location` leads; by the same rules as the location itself."""
    if to.startswith("/") and not to.startswith("//"):
        to = f"https://{location.authority}{to}"
    try:
        return parse_location(to)
    except BadLocation as error:
        raise BadLocation(f"redirected to a place {error}") from None
