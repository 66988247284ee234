"""Which IP addresses may be connected to; knows no names and opens nothing.

Who calls us chooses where a certificate is fetched from, so that without this any caller could
make Ringfence connect to the machine itself, to its neighbours, or to a cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What Python's is_global lets through, in one version or another, and must not be fetched from.
_INNER = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("192.0.0.0/24", "192.88.99.0/24"),  # protocol assignments, 6to4 relays
        "168.63.129.16/32",  # the host agent in Azure: a public number, an inner service
        *("3fff::/20", "5f00::/16"),  # documentation, segment routing
        # IPv4 in disguise, by tunnels that anyone may point anywhere
        *("2001::/32", "2002::/16"),
    )
)
_UNICAST6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressGuard:
    """Says yes to public addresses, and to the networks that the admin allowed besides."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def permits(self, text: str) -> bool:
        """Whether that address may be connected to; what is none may not."""
        try:
            address = _plain(ipaddress.ip_address(text))
        except ValueError:
            return False
        return any(address in network for network in self._allowed) or _is_public(address)


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where the kernel or a gateway takes it so."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64 and not address.scope_id:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (
        address.scope_id or address not in _UNICAST6
    ):
        return False
    if address.is_multicast or not address.is_global:
        return False
    return not any(address in network for network in _INNER)
