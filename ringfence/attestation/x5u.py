"""Which addresses a certificate may be said to be at (RFC 8225, ATIS-1000074); pure.

What the host resolves to is not looked at here: who fetches must do that, see
`ringfence.certificates`.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_X5U = 1_024
PORTS = (443, 8443)
ADDRESSES = 1_024
"""Signers come again: so many of their addresses are not looked at twice."""
# One strict pattern, where a URL library would forgive: readers that differ over what is the host
# are how a guarded fetcher is led to an inner address.
_ADDRESS = re.compile(
    r"https://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>\d{1,5}))?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?",
    re.ASCII | re.IGNORECASE,
)


def fault_of(x5u: str) -> str:
    """Why nothing may be fetched from there; "" where it may."""
    if len(x5u) > MAX_X5U:
        return f"longer than {MAX_X5U} characters"
    return _fault_of(x5u)


@lru_cache(maxsize=ADDRESSES)
def _fault_of(x5u: str) -> str:
    match = _ADDRESS.fullmatch(x5u)
    if match is None:
        if not x5u.lower().startswith("https://"):
            return "not https"
        if "@" in x5u.partition("//")[2].partition("/")[0]:
            return "with a user or password"
        if "?" in x5u or "#" in x5u:
            return "with a query or fragment"
        return "no plain https address"
    if match["port"] is not None and int(match["port"]) not in PORTS:
        return f"port {match['port']}, not 443 or 8443"
    return ""
