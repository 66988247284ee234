"""Signed calls, honest and spoilt, as what their INVITE carries; knows nothing of who verifies."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from lab.shaken import Authority, Credential, Shaken
from lab.shaken.authority import tn_auth_list_of_numbers

Headers = Sequence[tuple[str, str]]
Made = Callable[[Shaken], Headers]

CALLER, CALLED = "+12125550142", "+12025550100"
MEANT = "+12025550177"
"""Whom the caller of a diverted call meant."""
OTHER = "+12025550188"
_DAY = datetime.timedelta(days=1)


def unsigned(shaken: Shaken) -> Headers:
    return ()


def signed(caller: str = CALLER, called: str = CALLED, **how: Any) -> Made:
    return lambda shaken: (shaken.identity(caller, called, **how),)


def in_turn(*each: Made) -> Made:
    """The headers of several, in this order."""
    return lambda shaken: [header for one in each for header in one(shaken)]


def text(value: str) -> Made:
    """Whatever a stranger may write."""
    return lambda shaken: (("Identity", value),)


def rewritten(old: str, new: str, made: Made) -> Made:
    """The same, with something in its headers written otherwise."""
    return lambda shaken: [(name, value.replace(old, new)) for name, value in made(shaken)]


def spoken(spc: str = "818H", **particular: Any) -> Callable[[Shaken], Credential]:
    """A signer's credential with something particular about it."""
    return lambda shaken: shaken.authority.signer(spc, **particular)


def by(credential: Callable[[Shaken], Credential]) -> Made:
    return lambda shaken: (shaken.identity(CALLER, CALLED, credential=credential(shaken)),)


# -- the signature ------------------------------------------------------------------------------


def forged(shaken: Shaken) -> Headers:
    """Signed with a key of the forger's own, in the name of an honest signer."""
    forger = Authority().signer("818H")
    return (shaken.identity(CALLER, CALLED, credential=forger, x5u=shaken.x5u()),)


def raised(shaken: Shaken) -> Headers:
    """A C that was made an A of on the way."""
    name, high = shaken.identity(CALLER, CALLED, attest="A")
    _, low = shaken.identity(CALLER, CALLED, attest="C")
    claims, signature = high.partition(";")[0].rpartition(".")[0], low.partition(";")[0]
    token = f"{claims}.{signature.rpartition('.')[2]}"
    return ((name, f"{token};{high.partition(';')[2]}"),)


# -- the certificate ----------------------------------------------------------------------------


def by_stranger(shaken: Shaken) -> Headers:
    """Signed by an authority that nobody trusts."""
    return (shaken.identity(CALLER, CALLED, credential=Authority().signer("818H")),)


def expired(shaken: Shaken) -> Headers:
    now = datetime.datetime.now(datetime.UTC)
    credential = shaken.authority.signer("818H", begins=now - 9 * _DAY, ends=now - _DAY)
    return (shaken.identity(CALLER, CALLED, credential=credential),)


def not_yet_valid(shaken: Shaken) -> Headers:
    now = datetime.datetime.now(datetime.UTC)
    credential = shaken.authority.signer("818H", begins=now + _DAY, ends=now + 9 * _DAY)
    return (shaken.identity(CALLER, CALLED, credential=credential),)


def revoked(shaken: Shaken) -> Headers:
    """By a certificate that its authority's revocation list names."""
    path = f"/{uuid.uuid4()}.crl"
    credential = shaken.authority.signer("818H", crl=shaken.server.url(path))
    shaken.server.publish(path, shaken.authority.revocation_list(credential.chain[:1]))
    return (shaken.identity(CALLER, CALLED, credential=credential),)


without_a_code = by(spoken(tn_auth_list=b""))
for_other_numbers = by(spoken(tn_auth_list=tn_auth_list_of_numbers("13015550100")))
for_this_number = by(spoken("709J", tn_auth_list=tn_auth_list_of_numbers(CALLER[1:])))


# -- where it is said to be ---------------------------------------------------------------------


def not_found(shaken: Shaken) -> Headers:
    return (shaken.identity(CALLER, CALLED, x5u=shaken.server.url("/none.pem")),)


def no_certificate_there(shaken: Shaken) -> Headers:
    shaken.server.publish("/garbage.pem", b"-----BEGIN CERTIFICATE-----\nnone\n")
    return (shaken.identity(CALLER, CALLED, x5u=shaken.server.url("/garbage.pem")),)


def nobody_there(shaken: Shaken) -> Headers:
    return (shaken.identity(CALLER, CALLED, x5u="https://127.0.0.1:8443/none.pem"),)


def by_http(shaken: Shaken) -> Headers:
    """As real as any, but anybody on the way could put another certificate in its place."""
    credential = shaken.authority.signer("818H")
    x5u = shaken.publish(credential, https=False)
    return (shaken.identity(CALLER, CALLED, credential=credential, x5u=x5u),)


def with_a_query(shaken: Shaken) -> Headers:
    return (shaken.identity(CALLER, CALLED, x5u=shaken.x5u() + "?a=1"),)


def info_elsewhere(shaken: Shaken) -> Headers:
    """The header's own address of the certificate is not the token's."""
    name, value = shaken.identity(CALLER, CALLED)
    return ((name, value.replace("info=<https://", "info=<https://a.")),)


# -- how it is written --------------------------------------------------------------------------


def by_short_name(shaken: Shaken) -> Headers:
    """As RFC 8224 section 4 allows; Asterisk reads the header by its full name alone."""
    return [("y", value) for _, value in signed()(shaken)]


# -- diverted calls -----------------------------------------------------------------------------


def diversion(div: str = MEANT, caller: str = CALLER, **how: Any) -> Made:
    return lambda shaken: (shaken.diversion(caller, div, CALLED, **how),)


meant = signed(called=MEANT)
"""The token of a call that was diverted after it was signed."""


def compact(**how: Any) -> Made:
    return lambda shaken: shaken.compact(CALLER, CALLED, **how)


def compact_without_date(shaken: Shaken) -> Headers:
    return shaken.compact(CALLER, CALLED)[:1]


# -- large ones ---------------------------------------------------------------------------------


def large(characters: int) -> Made:
    """A token that holds, with a claim that makes its header about so many characters longer."""
    return signed(payload={"x": "y" * (characters * 3 // 4)})
