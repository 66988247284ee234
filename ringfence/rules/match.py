"""One value of one field becomes one condition; knows nothing of rules or their order.

A condition takes a call and answers with the evidence, a short text that says what matched, or
with "" where nothing did. Everything is parsed here once, so that a call only compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from ringfence.attestation.model import Level, Verification
from ringfence.call import Call
from ringfence.lists import LIST_NAME, Entry, NumberList, parse_entry
from ringfence.numbers import Number

Lists = Mapping[str, NumberList]
Condition = Callable[[Call, Lists, float], str]

ENDPOINT_PATTERN = re.compile(r"[A-Za-z0-9_.@*-]{1,80}", re.ASCII)


class Key(NamedTuple):
    """What a value is found by in the index: a kind and what to look up; see `index`."""

    kind: str
    entry: Entry


class Compiled(NamedTuple):
    """One value, ready to be held against calls; `key` is None where no index finds it."""

    test: Condition
    key: Key | None = None


def compile_value(field: str, text: str) -> Compiled:
    """The condition of one value. ValueError says in one line what the field takes."""
    return _FIELDS[field](field, text)


def _number_value(field: str, text: str) -> Compiled:
    number = _caller if field == "caller" else _called
    if text == "anonymous":
        return Compiled(_anonymous(number), Key("anonymous", Entry(text)))
    if text.startswith("@"):
        name = text[1:]
        if not LIST_NAME.fullmatch(name):
            raise ValueError(f"{text!r} is no list: letters, digits, _ . - after the @")
        return Compiled(_in_list(number, name), Key("list", Entry(name)))
    if text.startswith("~"):
        raise ValueError("~ patterns are not known to this version: use a prefix such as +1900*")
    try:
        entry = parse_entry(text)
    except ValueError:
        raise ValueError(
            f"{text[:80]!r} is not known: write +12025550123, +1900*, "
            "+12025550100-+12025550199, @list or anonymous"
        ) from None
    if entry.prefix:
        return Compiled(_under_prefix(number, entry), Key("prefix", entry))
    if not entry.first:
        return Compiled(_written(number, entry), Key("text", entry))
    return Compiled(_between(number, entry), Key("range", entry))


def _caller(call: Call) -> Number:
    return call.caller


def _called(call: Call) -> Number:
    return call.called


_Which = Callable[[Call], Number]


def _anonymous(which: _Which) -> Condition:
    return lambda call, lists, now: "anonymous" if which(call).anonymous else ""


def _in_list(which: _Which, name: str) -> Condition:
    def test(call: Call, lists: Lists, now: float) -> str:
        numbers = lists.get(name)
        entry = numbers.contains(which(call), now) if numbers is not None else ""
        return f"@{name} ({entry})" if entry else ""

    return test


def _under_prefix(which: _Which, entry: Entry) -> Condition:
    start = "+" + entry.prefix
    return lambda call, lists, now: entry.text if which(call).e164.startswith(start) else ""


def _written(which: _Which, entry: Entry) -> Condition:
    def test(call: Call, lists: Lists, now: float) -> str:
        number = which(call)
        return entry.text if not number.key and number.text == entry.text else ""

    return test


def _between(which: _Which, entry: Entry) -> Condition:
    first, last, text = entry.first, entry.last, entry.text
    return lambda call, lists, now: text if first <= which(call).key <= last else ""


def _trunk_value(field: str, text: str) -> Compiled:
    if not ENDPOINT_PATTERN.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no endpoint's name: letters, digits, _ . @ -, and *")
    if "*" not in text:
        return Compiled(
            lambda call, lists, now: text if call.trunk == text else "", Key("trunk", Entry(text))
        )
    first, *middle, last = (re.escape(part) for part in re.split(r"\*+", text))
    # Atomic groups: each part is taken where it first stands, so no name makes the search go back.
    inner = "".join(f"(?>.*?{part})" for part in middle)
    pattern = re.compile(f"{first}{inner}.*{last}", re.DOTALL)
    return Compiled(
        lambda call, lists, now: f"{text} ({call.trunk})" if pattern.fullmatch(call.trunk) else ""
    )


def _address_value(field: str, text: str) -> Compiled:
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


def _level_value(field: str, text: str) -> Compiled:
    level = _one_of(Level, text)
    return Compiled(lambda call, lists, now: level if call.attestation.level == level else "")


def _verification_value(field: str, text: str) -> Compiled:
    wanted = _one_of(Verification, text)

    def test(call: Call, lists: Lists, now: float) -> str:
        return wanted if call.attestation.verification == wanted else ""

    return Compiled(test)


def _one_of(kind: type[Level] | type[Verification], text: str) -> str:
    try:
        return str(kind(text))
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not one of {', '.join(kind)}") from None


_FIELDS: dict[str, Callable[[str, str], Compiled]] = {
    "caller": _number_value,
    "called": _number_value,
    "trunk": _trunk_value,
    "source_ip": _address_value,
    "attestation": _level_value,
    "verification": _verification_value,
}
