"""A provider of the register as admins keep it in Redis; knows nothing of calls or of the store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringfence.rules.conditions.text import SIGNER
from ringfence.strict_json import decode_strictly
from ringfence.trunk import TRUNK_NAME

MAX_PROVIDER_BYTES = 65_536
PROVIDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_FRN = re.compile(r"\d{10}", re.ASCII)
_RMD = re.compile(r"RMD\d{7}", re.ASCII)

Short = Annotated[str, Meta(max_length=200)]
Long = Annotated[str, Meta(max_length=4_000)]
Several = Meta(max_length=1_000)
Role = Literal["gateway", "peer", "customer", "foreign"]
ROLES: tuple[Role, ...] = ("gateway", "peer", "customer", "foreign")
Status = Literal["active", "suspended", "ended"]
STATUSES: tuple[Status, ...] = ("active", "suspended", "ended")


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom to ask there; `role` is what for: traceback, noc, legal."""

    name: Short = ""
    role: Short = ""
    email: Short = ""
    telephone: Short = ""
    note: Short = ""


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A piece of evidence, and where it is kept: a contract, a form on who they are, a letter."""

    title: Short
    date: Short = ""
    where: Short = ""
    note: Short = ""


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An upstream provider or a customer, and by what their calls are known.

    `trunks` and `addresses` are the ways on which calls come from them directly, `signers` the
    service provider codes (SPC) that their certificates carry. `status` is a word for people: what
    blocks calls is a rule.
    """

    name: Short = ""
    aliases: Annotated[tuple[Short, ...], Several] = ()
    role: Role = "peer"
    status: Status = "active"
    trunks: Annotated[tuple[str, ...], Several] = ()
    addresses: Annotated[tuple[str, ...], Several] = ()
    signers: Annotated[tuple[str, ...], Several] = ()
    frn: str = ""
    rmd: str = ""
    contacts: Annotated[tuple[Contact, ...], Meta(max_length=50)] = ()
    documents: Annotated[tuple[Document, ...], Meta(max_length=200)] = ()
    remarks: Long = ""
    added_by: Short = ""
    added_at: Annotated[datetime, Meta(tz=True)] | None = None


_decoder = msgspec.json.Decoder(Provider)


def decode_provider(id: str, text: bytes | str) -> Provider:
    """The provider in `text` (JSON). ValueError says in one line what to mend."""
    if not PROVIDER_ID.fullmatch(id):
        raise ValueError("a provider's id has 1 to 64 letters, digits, _ . - and no sign first")
    if len(text) > MAX_PROVIDER_BYTES:
        raise ValueError(f"larger than {MAX_PROVIDER_BYTES} bytes")
    provider = decode_strictly(_decoder, text)
    for name in provider.trunks:
        if not TRUNK_NAME.fullmatch(name):
            raise ValueError(f"trunks: {name[:80]!r} is no endpoint's name: letters, digits, _ . -")
    for network in provider.addresses:
        try:
            ip_network(network)
        except ValueError as error:
            raise ValueError(f"addresses: {error}: write 192.0.2.7 or 192.0.2.0/24") from None
    for signer in provider.signers:
        if not SIGNER.fullmatch(signer):
            raise ValueError(f"signers: {signer[:80]!r} is no SPC: up to 10 letters and digits")
    if provider.frn and not _FRN.fullmatch(provider.frn):
        raise ValueError("frn is the FCC registration number, of ten digits")
    if provider.rmd and not _RMD.fullmatch(provider.rmd):
        raise ValueError("rmd is the number in the Robocall Mitigation Database: RMD0001234")
    return provider


def encode_provider(provider: Provider) -> bytes:
    """The JSON that is kept in Redis: only what differs from the defaults."""
    return msgspec.json.encode(provider)


def each_once(values: Iterable[str]) -> tuple[str, ...]:
    """The values in their order, each once, empty ones left out."""
    return tuple(dict.fromkeys(value.strip() for value in values if value.strip()))
