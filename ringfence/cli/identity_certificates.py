"""Certificates for one command: by the service's own store and cache, or from files of the admin's.

Owns how they are had, and says so of each. What a token is worth is not known here; prints nothing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ringfence.attestation import Failure, Pending, Reason
from ringfence.attestation.certificate import Signer, validate
from ringfence.attestation.chain import MAX_CERTIFICATE
from ringfence.attestation.identity import parse_identity
from ringfence.attestation.jws import signature_holds
from ringfence.attestation.passport import Passport
from ringfence.attestation.roots import Roots, RootsError
from ringfence.certificates import open_certificates
from ringfence.certificates.anchors import parse_anchors
from ringfence.certificates.build import FOLDER
from ringfence.certificates.disk import DiskCache
from ringfence.certificates.watched import Unreadable, Watched
from ringfence.cli.refusals import Refused
from ringfence.settings import AttestationSection

FLIGHT = 4
"""One flight waits for another worker, fetches, and fetches a revocation list. Each is bounded by
attestation.fetch_timeout, and what comes of it is to be seen."""


class Obtained(NamedTuple):
    """A certificate, or why there is none, and how it came: "cache", "fetched" or "file"; "none"
    where nothing was tried."""

    found: Signer | Failure | Pending
    source: str
    seconds: float = 0.0


Obtain = Callable[[str], Awaitable[Obtained]]


def read_trust_roots(section: AttestationSection) -> Roots:
    """The roots, or none where none are set. `Refused` where they cannot be read: the store would
    log that, and go on without."""
    if not section.roots:
        return Roots()
    files = [Watched(Path(name)) for name in (section.roots, section.crl_issuers) if name]
    try:
        return parse_anchors(files).roots
    except (RootsError, Unreadable) as error:
        raise Refused(f"trust roots: {error}") from None


@contextlib.asynccontextmanager
async def fetching(
    section: AttestationSection, state: Path, at: float | None, notes: list[str]
) -> AsyncIterator[Obtain]:
    """Fetches as the service does. With `at` all is judged as at that time."""
    offset = 0.0 if at is None else at - time.time()
    with _cache(state, at, notes) as folder:
        disk = DiskCache(folder / FOLDER / "signers", MAX_CERTIFICATE)
        opened = open_certificates(section, folder, clock=lambda: time.time() + offset)

        async def obtain(x5u: str) -> Obtained:
            before = disk.load(x5u)
            began = time.monotonic()
            found = await opened.store.wait(x5u, section.fetch_timeout * FLIGHT)
            took = time.monotonic() - began
            after = disk.load(x5u)
            if isinstance(found, Failure) and found.reason is Reason.NO_TRUST_ROOTS:
                return Obtained(found, "none")
            cached = isinstance(found, Signer) and before and after and before.at == after.at
            return Obtained(found, "cache" if cached else "fetched", took)

        try:
            yield obtain
        finally:
            await opened.store.close()


def from_files(
    files: Sequence[str], roots: Roots, identities: Sequence[str], at: float
) -> Callable[[str], Obtained]:
    """Fetches nothing. Of several files each token gets the one that it is signed with."""
    found = [Obtained(validate(_read(name), roots, at), "file") for name in files]
    fitting = {
        passport.x5u: each
        for passport in _passports(identities)
        for each in found
        if isinstance(each.found, Signer)
        and signature_holds(passport.signed, passport.signature, each.found.key)
    }
    return lambda x5u: fitting.get(x5u, found[0])


def _passports(identities: Sequence[str]) -> Iterator[Passport]:
    for text in identities:
        identity = parse_identity(text)
        if not isinstance(identity, Failure) and isinstance(identity.token, Passport):
            yield identity.token


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_CERTIFICATE + 1)
    except OSError as error:
        raise Refused(f"--certificate {name}: {error.strerror}") from None


@contextlib.contextmanager
def _cache(state: Path, at: float | None, notes: list[str]) -> Iterator[Path]:
    """The service's state directory. One of another account's is left alone: what is written there
    now, the service could not write again. So it is with another time."""
    owner = _owner(state) if at is None else None
    if owner == os.geteuid():
        yield state
        return
    if owner is not None:
        notes.append(f"{state} is another account's: its cache of certificates is not used")
    with tempfile.TemporaryDirectory(prefix="ringfence-") as folder:
        yield Path(folder)


def _owner(folder: Path) -> int | None:
    try:
        return folder.stat().st_uid
    except OSError:
        return None
