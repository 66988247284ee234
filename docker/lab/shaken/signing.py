"""Owns the signers of one lab and the trunks whose calls are verified; it must not start Asterisk.

It joins authority, tokens and server, so that a test says what is particular about a call and
nothing else.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from email.utils import formatdate
from typing import Any

from lab.errors import LabError
from lab.shaken.authority import Authority, Credential
from lab.shaken.passport import (
    compact,
    digits,
    div_passport,
    identity_header,
    shaken_passport,
    sign,
)
from lab.shaken.server import CertificateServer
from lab.trunks import Trunk

SPC = "818H"
DIVERTER = "709J"
PROFILE = "verify"
REFUSING = "refuse"

Header = tuple[str, str]


class Shaken:
    """Signatures for calls of one lab: `Lab(shaken=Shaken())`, then `lab.shaken.identity(...)`."""

    trunk = Trunk(
        "carrier-s", 5, "from-trunk", trusted=True, options=(f"stir_shaken_profile = {PROFILE}",)
    )
    """The trunk whose calls Asterisk verifies."""

    refusing_trunk = Trunk(
        "carrier-r", 6, "from-trunk", trusted=True, options=(f"stir_shaken_profile = {REFUSING}",)
    )
    """One whose calls Asterisk itself refuses, with its own code, where they do not verify."""

    def __init__(self) -> None:
        self.authority = Authority()
        self._server: CertificateServer | None = None
        self._honest: dict[str, tuple[Credential, str]] = {}

    @property
    def roots_pem(self) -> str:
        return self.authority.roots_pem.decode()

    @property
    def server(self) -> CertificateServer:
        if self._server is None:
            raise LabError("no certificates are served yet: pass the signatures on, Lab(shaken=…)")
        return self._server

    @contextlib.contextmanager
    def serving(self, address: str) -> Iterator[None]:
        """Certificates can be fetched from that address meanwhile."""
        web = self.authority.web_server(address)
        with CertificateServer(address, web) as self._server:
            yield
        self._server = None
        self._honest.clear()

    def publish(self, credential: Credential, *, https: bool = True) -> str:
        """Serve a credential's certificates; gives back their address, a new one each time."""
        path = f"/{uuid.uuid4()}.pem"
        self.server.publish(path, credential.pem)
        return self.server.url(path, https=https)

    def x5u(self, spc: str = SPC) -> str:
        """Where the honest signer with that code has its certificate."""
        return self._honest_signer(spc)[1]

    def identity(
        self,
        caller: str,
        called: str,
        *,
        attest: str = "A",
        spc: str = SPC,
        age: float = 0.0,
        origid: str | None = None,
        credential: Credential | None = None,
        x5u: str | None = None,
        header: Mapping[str, Any] | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> Header:
        """An Identity header, name and value, for a call from `caller` to `called`.

        `age` in seconds, below 0 for the future. `credential` signs in the place of that of
        `spc`; `x5u` is where the certificates are said to be. `header` and `payload` change the
        token before it is signed, with None to leave something out.
        """
        signer, x5u = self._signer(spc, credential, x5u)
        token = sign(
            *shaken_passport(
                orig=digits(caller), dest=[digits(called)], attest=attest,
                iat=int(time.time() - age), origid=origid or str(uuid.uuid4()), x5u=x5u,
                header=header, payload=payload,
            ),
            signer.key,
        )  # fmt: skip
        return "Identity", identity_header(token, x5u)

    def diversion(
        self,
        caller: str,
        div: str,
        called: str,
        *,
        spc: str = DIVERTER,
        age: float = 0.0,
        credential: Credential | None = None,
        x5u: str | None = None,
    ) -> Header:
        """The Identity header of who diverts calls for `div` to `called` (RFC 8946)."""
        signer, x5u = self._signer(spc, credential, x5u)
        token = sign(
            *div_passport(
                orig=digits(caller), dest=[digits(called)], div=digits(div),
                iat=int(time.time() - age), x5u=x5u,
            ),
            signer.key,
        )  # fmt: skip
        return "Identity", identity_header(token, x5u, ppt="div")

    def compact(
        self, caller: str, called: str, *, spc: str = SPC, age: float = 0.0
    ) -> Sequence[Header]:
        """A token without what the call says itself, and the Date header that belongs to it."""
        at = int(time.time() - age)
        signer, x5u = self._honest_signer(spc)
        token = sign(
            *shaken_passport(
                orig=digits(caller), dest=[digits(called)], attest="", iat=at, origid="", x5u=x5u,
                header={"ppt": None}, payload={"attest": None, "origid": None},
            ),
            signer.key,
        )  # fmt: skip
        identity = "Identity", identity_header(compact(token), x5u, ppt="")
        return identity, ("Date", formatdate(at, usegmt=True))

    def _signer(
        self, spc: str, credential: Credential | None, x5u: str | None
    ) -> tuple[Credential, str]:
        """Who signs, and where their certificate is said to be."""
        signer, address = (credential, "") if credential else self._honest_signer(spc)
        if x5u is None:
            x5u = address or self.publish(signer)
        return signer, x5u

    def _honest_signer(self, spc: str) -> tuple[Credential, str]:
        if spc not in self._honest:
            credential = self.authority.signer(spc)
            self._honest[spc] = credential, self.publish(credential)
        return self._honest[spc]
