"""Owns the signers of one lab and the trunk whose calls are verified; it must not start Asterisk.

It joins authority, tokens and server, so that a test says what is particular about a call and
nothing else.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from lab.errors import LabError
from lab.shaken.authority import Authority, Credential
from lab.shaken.passport import digits, identity_header, shaken_passport, sign
from lab.shaken.server import CertificateServer
from lab.trunks import Trunk

SPC = "818H"
PROFILE = "verify"


class Shaken:
    """Signatures for calls of one lab: `Lab(shaken=Shaken())`, then `lab.shaken.identity(...)`."""

    trunk = Trunk(
        "carrier-s", 5, "from-trunk", trusted=True, options=(f"stir_shaken_profile = {PROFILE}",)
    )
    """The trunk whose calls Asterisk verifies."""

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

    def publish(self, credential: Credential, *, https: bool = False) -> str:
        """Serve a credential's certificates; gives back their address, a new one each time.

        By HTTP, because Asterisk's fetcher cannot be told of the lab's own authority.
        """
        path = f"/{uuid.uuid4()}.pem"
        self.server.publish(path, credential.pem)
        return self.server.url(path, https=https)

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
    ) -> tuple[str, str]:
        """An Identity header, name and value, for a call from `caller` to `called`.

        `age` in seconds, below 0 for the future. `credential` signs in the place of that of
        `spc`; `x5u` is where the certificates are said to be. `header` and `payload` change the
        token before it is signed, with None to leave something out.
        """
        honest, address = self._honest_signer(spc)
        signer = credential or honest
        if x5u is None:
            x5u = address if signer is honest else self.publish(signer)
        token = sign(
            *shaken_passport(
                orig=digits(caller), dest=[digits(called)], attest=attest,
                iat=int(time.time() - age), origid=origid or str(uuid.uuid4()), x5u=x5u,
                header=header, payload=payload,
            ),
            signer.key,
        )  # fmt: skip
        return "Identity", identity_header(token, x5u)

    def _honest_signer(self, spc: str) -> tuple[Credential, str]:
        if spc not in self._honest:
            credential = self.authority.signer(spc)
            self._honest[spc] = credential, self.publish(credential)
        return self._honest[spc]
