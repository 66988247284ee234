"""From the flags of `ringfence provider add|set` to a provider; whether it is in order, the core
says. Opens no store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from ringfence.providers.model import ROLES, STATUSES, Contact, Document, Provider, each_once

F = TypeVar("F", bound=Callable[..., Any])
CLEARED = ("aliases", "trunks", "addresses", "signers", "contacts", "documents")
_SEVERAL = {"alias": "aliases", "trunk": "trunks", "address": "addresses", "signer": "signers"}
_PARTS = {"contact": "contacts", "document": "documents"}


def provider_flags(function: F) -> F:
    """Adds the flags that say what is known of a provider."""
    for option in reversed((
        click.option("--name", help="The company's name."),
        click.option("--alias", multiple=True, help="Also known as; repeatable."),
        click.option("--role", type=click.Choice(ROLES), help="What they are to us."),
        click.option("--status", type=click.Choice(STATUSES),
                     help="A word for people: what blocks calls is a rule."),
        click.option("--trunk", multiple=True, metavar="NAME",
                     help="PJSIP endpoint on which they call in; repeatable."),
        click.option("--address", multiple=True, metavar="ADDRESS",
                     help="Address or network that they call from; repeatable."),
        click.option("--signer", multiple=True, metavar="SPC",
                     help="Service provider code of their certificate; repeatable."),
        click.option("--frn", help="FCC registration number, ten digits."),
        click.option("--rmd", help="Number in the Robocall Mitigation Database: RMD0001234."),
        click.option("--contact", multiple=True, metavar="'NAME=…; EMAIL=…'",
                     help="With name, role, email, telephone, note; repeatable."),
        click.option("--document", multiple=True, metavar="'TITLE=…; WHERE=…'",
                     help="With title, date, where, note; repeatable."),
        click.option("--remarks", help="Whatever the next admin should know."),
    )):  # fmt: skip
        function = option(function)
    return function


def provider_of(old: Provider, flags: dict[str, Any], clear: tuple[str, ...] = ()) -> Provider:
    """`old` with what was given; what may be there several times takes the old one's place."""
    given: dict[str, Any] = dict.fromkeys(clear, ())
    for name, value in flags.items():
        if value is None or value == ():
            continue
        if name in _PARTS:
            kind = Contact if name == "contact" else Document
            given[_PARTS[name]] = tuple(_part(name, kind, text) for text in value)
        elif name in _SEVERAL:
            given[_SEVERAL[name]] = each_once(value)
        else:
            given[name] = value
    if not given:
        raise click.UsageError("nothing to set: give what is known, such as --trunk gateway-c")
    return msgspec.structs.replace(old, **given)


def _part(option: str, kind: type[Contact | Document], text: str) -> Contact | Document:
    """``name=Ann Lee; email=noc@example.com`` as a contact or a document."""
    known, found = kind.__struct_fields__, dict[str, str]()
    for piece in filter(str.strip, text.split(";")):
        name, equals, value = piece.partition("=")
        name = name.strip().lower()
        if not equals or name not in known:
            raise click.UsageError(
                f"--{option} {text[:80]!r}: write '{known[0]}=…; {known[2]}=…' of "
                f"{', '.join(known)}"
            )
        found[name] = value.strip()
    if not found.get(known[0]):
        raise click.UsageError(f"--{option} {text[:80]!r} has no {known[0]}")
    return kind(**found)
