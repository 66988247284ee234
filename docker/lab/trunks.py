"""Owns the trunks of a lab as PJSIP sections; it must not know who calls through them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trunk:
    """One endpoint, known by its loopback address 127.77.<slot>.<host>."""

    name: str
    host: int
    context: str
    trusted: bool = False  # believe P-Asserted-Identity and Privacy
    options: Sequence[str] = ()  # more lines for the endpoint section


UPSTREAM = (
    Trunk("carrier-a", 2, "from-trunk", trusted=True),
    Trunk("gateway-b", 3, "from-trunk", trusted=True),
)
CUSTOMER = Trunk("customer", 4, "from-customer")
STANDARD = (*UPSTREAM, CUSTOMER)

_SECTIONS = """\
[{name}]
type = endpoint
transport = lab
context = {context}
disallow = all
allow = ulaw
direct_media = no
identify_by = ip
trust_id_inbound = {trusted}
media_address = {asterisk}
bind_rtp_to_media_address = yes
{more}

[{name}]
type = identify
endpoint = {name}
match = {address}
"""


def render(
    trunk: Trunk, asterisk: str, address: str, set_var: Mapping[str, str] | None = None
) -> str:
    """The trunk's part of pjsip.conf."""
    return _SECTIONS.format(
        name=trunk.name,
        context=trunk.context,
        trusted="yes" if trunk.trusted else "no",
        asterisk=asterisk,
        address=address,
        more="\n".join([*trunk.options, *set_var_lines(set_var or {})]),
    )


def set_var_lines(variables: Mapping[str, str]) -> list[str]:
    """Channel variables that every call of an endpoint starts with."""
    return [f"set_var = {name}={value}" for name, value in variables.items()]
