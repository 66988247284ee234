"""Tokens and certificates made for tests: what is particular about each, and nothing else."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from lab.shaken import (
    Authority,
    Credential,
    div_passport,
    identity_header,
    shaken_passport,
    sign,
)
from ringfence.attestation import PENDING, Attestation, Failure, Pending
from ringfence.attestation.certificate import Signer, validate
from ringfence.attestation.revocation import Revocations
from ringfence.attestation.roots import Roots
from ringfence.attestation.verifier import CallFacts, Step, verify

NOW = float(int(time.time()))
CALLER, CALLED = "12155551212", "12155551213"
ORIGID = "123e4567-e89b-12d3-a456-426655440000"
SPC = "818H"


class Maker:
    """An authority that is trusted, its signers, and their certificates by address."""

    def __init__(self) -> None:
        self.authority = Authority("Trusted")
        self.roots = Roots([self.authority.root])
        self.published: dict[str, Signer | Failure | Pending] = {}
        self._credentials: dict[str, Credential] = {}

    def credential(self, spc: str = SPC) -> Credential:
        if spc not in self._credentials:
            self._credentials[spc] = self.authority.signer(spc)
        return self._credentials[spc]

    def signer(self, credential: Credential, *revocations: Revocations) -> Signer | Failure:
        return validate(credential.pem, self.roots, NOW, revocations)

    def publish(self, credential: Credential, *, pending: bool = False) -> str:
        """Where that credential's certificate is from now on."""
        x5u = f"https://certificates.example.org/{uuid.uuid4()}.pem"
        self.published[x5u] = PENDING if pending else self.signer(credential)
        return x5u

    def token(
        self,
        *,
        orig: str = CALLER,
        dest: Sequence[str] = (CALLED,),
        attest: str = "A",
        age: float = 0,
        credential: Credential | None = None,
        x5u: str | None = None,
        header: Mapping[str, Any] | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> tuple[str, str]:
        """A signed token, and the address in it."""
        credential = credential or self.credential()
        x5u = x5u or self.publish(credential)
        made = shaken_passport(
            orig=orig, dest=list(dest), attest=attest, iat=int(NOW - age), origid=ORIGID, x5u=x5u,
            header=header, payload=payload,
        )  # fmt: skip
        return sign(*made, credential.key), x5u

    def identity(self, **particular: Any) -> str:
        """The Identity header of a token; what is particular about it as in `token`."""
        return identity_header(*self.token(**particular))

    def div(
        self,
        div: str,
        dest: Sequence[str],
        *,
        orig: str = CALLER,
        age: float = 0,
        spc: str = "709J",
        credential: Credential | None = None,
        x5u: str | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> str:
        """The Identity header of a diversion of calls for `div` to `dest`."""
        credential = credential or self.credential(spc)
        x5u = x5u or self.publish(credential)
        made = div_passport(
            orig=orig, dest=list(dest), div=div, iat=int(NOW - age), x5u=x5u, payload=payload
        )
        return identity_header(sign(*made, credential.key), x5u, ppt="div")

    def verify(
        self,
        *identities: str,
        caller: str = f"+{CALLER}",
        called: str = f"+{CALLED}",
        date: float | None = None,
        now: float = NOW,
        steps: list[Step] | None = None,
    ) -> Attestation:
        facts = CallFacts(caller, called, date)
        return verify(identities, facts, self.published.__getitem__, now, steps)


def der(tag: int, *parts: bytes) -> bytes:
    """A short DER element of these parts."""
    content = b"".join(parts)
    return bytes([tag, len(content)]) + content


def said(attestation: Attestation) -> tuple[str, str, str, int]:
    """What a test mostly asks for: verification, level, reason, code."""
    return (
        attestation.verification.value,
        attestation.level.value,
        attestation.reason,
        attestation.code,
    )


def failed(reason: str, code: int) -> tuple[str, str, str, int]:
    return ("failed", "none", reason, code)


def unproven(reason: str, code: int = 0) -> tuple[str, str, str, int]:
    return ("none", "none", reason, code)


def passed(level: str = "A") -> tuple[str, str, str, int]:
    return ("passed", level, "", 0)
