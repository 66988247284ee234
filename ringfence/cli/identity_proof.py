"""Identity headers verified for one command as the service does it, with every step on record.

Knows no rules, and prints nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ringfence.attestation import PENDING, Attestation, Failure, Pending, Reason
from ringfence.attestation.certificate import Signer
from ringfence.attestation.identity import Compact, parse_identity
from ringfence.attestation.verifier import CallFacts, Step, verify
from ringfence.call import MAX_IDENTITIES, MAX_VALUE, clean
from ringfence.cli.identity_certificates import (
    Obtain,
    Obtained,
    fetching,
    from_files,
    read_trust_roots,
)
from ringfence.settings import AttestationSection, Settings


class Token(NamedTuple):
    """What of a header its steps are shown with: when it was signed, and by which certificate."""

    iat: float | None
    x5u: str


class Proof(NamedTuple):
    """What was found. `at` is the time that counted; `tokens` are by their place in the call,
    counted from 0 as in `steps`, and `certificates` by their x5u."""

    attestation: Attestation
    steps: list[Step]
    tokens: dict[int, Token]
    certificates: dict[str, Obtained]
    notes: list[str]
    at: float


class Means(NamedTuple):
    """What to verify with. With `files` nothing is fetched; `at` is None for now."""

    section: AttestationSection
    state: Path
    files: tuple[str, ...] = ()
    at: float | None = None


def means_of(
    settings: Settings, files: tuple[str, ...] = (), roots: str = "", at: float | None = None
) -> Means:
    """As the settings say; `roots` instead of theirs."""
    section = settings.attestation
    if roots:
        section = msgspec.structs.replace(section, roots=roots)
    return Means(section, settings.state.path, files, at)


def as_handed_over(identities: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The headers as the dialplan hands them to the service, and what is lost on that way."""
    handed = identities[:MAX_IDENTITIES]
    notes = [
        f"header {at} is longer than {MAX_VALUE} characters: the dialplan hands on no more of it"
        for at, text in enumerate(handed, 1)
        if len(text) > MAX_VALUE
    ]
    if len(identities) > len(handed):
        notes.append(f"the dialplan hands on {len(handed)} of {len(identities)} Identity headers")
    return tuple(clean(text) for text in handed), notes


async def prove(identities: Sequence[str], facts: CallFacts, means: Means) -> Proof:
    """Every check of these headers. `Refused` where trust roots or a file cannot be read."""
    roots = read_trust_roots(means.section)
    at = time.time() if means.at is None else means.at
    proof = Proof(Attestation(), [], _tokens(identities, facts), {}, [], at)
    if roots.store is None:
        proof.notes.append(
            "there are no trust roots: set attestation.roots (`identity verify` takes --roots)"
        )
    if means.files:
        given = from_files(means.files, roots, identities, at)
        proof.notes.append("with --certificate, revocation lists are not looked at")

        async def obtain(x5u: str) -> Obtained:
            return given(x5u)

        return await _with(identities, facts, obtain, proof)
    async with fetching(means.section, means.state, means.at, proof.notes) as fetch:
        proof = await _with(identities, facts, fetch, proof)
    wait = means.section.wait
    proof.notes.extend(
        f"{x5u} took {got.seconds:.2f} s: a call waits {wait:g} s (attestation.wait), and has "
        "certificate-pending until it is there"
        for x5u, got in proof.certificates.items()
        if got.source == "fetched" and got.seconds > wait
    )
    said = proof.attestation
    used = proof.certificates.get(said.x5u)
    if used and used.source == "cache" and said.reason == Reason.BAD_SIGNATURE:
        proof.notes.append(
            f"{said.x5u} is from the cache: if its signer has a new one there, `ringfence serve` "
            "asks for it when a signature fails and its copy is ten minutes old"
        )
    return proof


async def _with(identities: Sequence[str], facts: CallFacts, obtain: Obtain, proof: Proof) -> Proof:
    # Only what the verifier asks for is had: nothing for a stale token, or from a bad address.
    while True:
        asked: list[str] = []

        def certificate_of(x5u: str, asked: list[str] = asked) -> Signer | Failure | Pending:
            if x5u in proof.certificates:
                return proof.certificates[x5u].found
            asked.append(x5u)
            return PENDING

        proof.steps.clear()
        said = verify(identities, facts, certificate_of, proof.at, proof.steps)
        if not asked:
            return proof._replace(attestation=said)
        for x5u in dict.fromkeys(asked):
            proof.certificates[x5u] = await obtain(x5u)


def _tokens(identities: Sequence[str], facts: CallFacts) -> dict[int, Token]:
    tokens = {}
    for at, text in enumerate(identities):
        identity = parse_identity(text)
        if isinstance(identity, Failure):
            continue
        if isinstance(identity.token, Compact):
            tokens[at] = Token(facts.date, identity.info)
        else:
            tokens[at] = Token(identity.token.iat, identity.token.x5u)
    return tokens
