"""Owns an authority, a signer under it, and the Identity headers it signs; knows no clock.

Headers are made ahead, so that signing them is nobody's latency and nobody's processor time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from lab.shaken import (
    Authority,
    Credential,
    compact,
    div_passport,
    identity_header,
    shaken_passport,
    sign,
)
from lab.shaken.passport import digits

SPC = "818H"
ELSEWHERE = f"https://certificates.example.org/{SPC}/{'a' * 64}.pem"
_NO_SHAKEN = {"attest": None, "origid": None}


class Signer:
    """Signs for one service provider; `x5u` is where its certificate is said to be."""

    def __init__(self, authority: Authority, spc: str = SPC, x5u: str = ELSEWHERE) -> None:
        self.credential: Credential = authority.signer(spc)
        self.x5u = x5u

    def shaken(self, caller: str, called: str, iat: int) -> str:
        """A header as an originating provider writes it: level A."""
        header, payload = shaken_passport(
            orig=digits(caller), dest=[digits(called)], attest="A", iat=iat,
            origid=str(uuid.uuid4()), x5u=self.x5u,
        )  # fmt: skip
        return identity_header(sign(header, payload, self.credential.key), self.x5u)

    def div(self, caller: str, diverted: str, called: str, iat: int) -> str:
        """A header as who diverts a call for `diverted` to `called` adds it."""
        header, payload = div_passport(
            orig=digits(caller), dest=[digits(called)], div=digits(diverted), iat=iat, x5u=self.x5u
        )
        return identity_header(sign(header, payload, self.credential.key), self.x5u, ppt="div")

    def compact(self, caller: str, called: str, iat: int) -> str:
        """A header without what the call itself says, and without SHAKEN's own claims."""
        header, payload = shaken_passport(
            orig=digits(caller), dest=[digits(called)], attest="A", iat=iat, origid="",
            x5u=self.x5u, header={"ppt": None}, payload=_NO_SHAKEN,
        )  # fmt: skip
        token = compact(sign(header, payload, self.credential.key))
        return identity_header(token, self.x5u, ppt="")

    def of_calls(
        self, callers: Sequence[str], called: str, offset: int, count: int, iat: int
    ) -> tuple[str, ...]:
        """The headers of `count` calls whose callers take turns, beginning at `offset`."""
        turns = (callers[turn % len(callers)] for turn in range(offset, offset + count))
        return tuple(self.shaken(caller, called, iat) for caller in turns)
