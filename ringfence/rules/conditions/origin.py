"""Values that say where a call comes from and how it was signed: addresses, levels, results."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ringfence.attestation.failure import Reason
from ringfence.attestation.model import Level, Verification
from ringfence.call import Call
from ringfence.rules.conditions.condition import Compiled, Condition, Lists


def address_value(field: str, text: str) -> Compiled:
    """An address or a CIDR of either family."""
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text[:80]!r} is no address or CIDR: {error}") from None
    return Compiled(_from_network(network, text))


def _from_network(network: IPv4Network | IPv6Network, text: str) -> Condition:
    def test(call: Call, lists: Lists, now: float) -> str:
        try:
            address = ip_address(call.source_ip)
        except ValueError:
            return ""
        # A listener for both families sees IPv4 peers as ::ffff:192.0.2.1.
        if address.version == 6 and address.ipv4_mapped and network.version == 4:
            address = address.ipv4_mapped
        return f"{text} ({address})" if address in network else ""

    return test


def level_value(field: str, text: str) -> Compiled:
    """A level of attestation."""
    level = _one_of(Level, text)
    return Compiled(lambda call, lists, now: level if call.attestation.level == level else "")


def verification_value(field: str, text: str) -> Compiled:
    """A result of the verification."""
    wanted = _one_of(Verification, text)

    def test(call: Call, lists: Lists, now: float) -> str:
        return wanted if call.attestation.verification == wanted else ""

    return Compiled(test)


def reason_value(field: str, text: str) -> Compiled:
    """Why our own verifier let a signature count for nothing."""
    wanted = _one_of(Reason, text)
    return Compiled(lambda call, lists, now: wanted if call.attestation.reason == wanted else "")


def _one_of(kind: type[Level] | type[Verification] | type[Reason], text: str) -> str:
    try:
        return str(kind(text))
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not one of {', '.join(kind)}") from None
