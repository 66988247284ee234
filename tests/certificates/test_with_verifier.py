"""The verifier asks the store: pending for the first call, passed for the next."""

from __future__ import annotations

import time

from lab.shaken import Authority, identity_header, shaken_passport, sign
from ringfence.attestation.model import Level, Verification
from ringfence.attestation.verifier import CallFacts, verify
from tests.certificates.conftest import Clock, Open, Web

FACTS = CallFacts("+12155551212", "+12155551213")


async def test_the_first_call_is_unverified_and_the_next_passes(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    credential = authority.signer("818H")
    x5u = web.put("/818H.pem", credential.pem)
    token = shaken_passport(
        orig="12155551212",
        dest=["12155551213"],
        attest="A",
        iat=int(time.time()),
        origid="123e4567-e89b-12d3-a456-426655440000",
        x5u=x5u,
    )
    identity = [identity_header(sign(*token, credential.key), x5u)]
    store = open_store().store

    def attested() -> tuple[Level, Verification, str, str]:
        said = verify(identity, FACTS, lambda x5u: store.get(x5u, clock.now), clock.now)
        return said.level, said.verification, said.reason, said.signer

    assert attested() == (Level.NONE, Verification.NONE, "certificate-pending", "")
    await store.settled()
    assert attested() == (Level.A, Verification.PASSED, "", "818H")
