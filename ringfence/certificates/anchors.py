"""Whom chains must lead to, and who may sign revocation lists: from the admin's files.

Knows which files, and that the last good ones stay in force. What a signer's certificate is worth
is not decided here. Blocking: it is called in a thread, but for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog
from cryptography import x509

from ringfence.attestation.failure import printable
from ringfence.attestation.roots import Roots, RootsError, read_roots
from ringfence.certificates.watched import Unreadable, Watched

log = structlog.get_logger(__name__)


class Anchors(NamedTuple):
    """What is in force. `issuers` sign revocation lists besides the roots. `expires` is when the
    administrator's list wants to be replaced, in Unix seconds; None where it does not say."""

    roots: Roots
    expires: float | None = None
    issuers: tuple[x509.Certificate, ...] = ()


class AnchorFiles:
    """The files of `attestation.roots` and `attestation.crl_issuers`, and what is in force."""

    def __init__(self, roots: Path | None, issuers: Path | None = None) -> None:
        self._roots = Watched(roots) if roots else None
        self._issuers = Watched(issuers) if issuers else None
        self._refused = ""
        self.current = Anchors(Roots())

    def problem(self, now: float) -> str:
        """What is wrong with the files, in one line; "" where nothing is."""
        expires = self.current.expires
        if not self._refused and self._roots and expires is not None and expires < now:
            return f"{self._roots.path}: the list has expired; fetch it again"
        return self._refused

    def look(self, now: float) -> bool:
        """Read them again if they have changed. True where something else is in force now."""
        watched = [each for each in (self._roots, self._issuers) if each]
        # Without roots nobody's list is of interest.
        if self._roots is None or not any(each.changed() for each in watched):
            return False
        try:
            self.current = parse_anchors(watched)
        except (RootsError, Unreadable) as error:
            self._refused = printable(str(error))
            left = len(self.current.roots.certificates)
            log.error("trust roots refused", reason=self._refused, still_in_force=left)
            return False
        self._refused = ""
        log.info("trust roots in force", of=len(self.current.roots.certificates))
        if problem := self.problem(now):
            log.warning("trust roots are old", reason=problem)
        return True


def parse_anchors(watched: Sequence[Watched]) -> Anchors:
    """What the files hold now, that of the roots first. `RootsError` or `Unreadable`."""
    roots, *issuers = _read(watched)
    certificates, expires = _parse_roots(watched[0].path, roots)
    signers = _parse_issuers(issuers[0]) if issuers else ()
    return Anchors(Roots(certificates), expires, signers)


def _read(watched: Sequence[Watched]) -> list[dict[Path, bytes]]:
    """All, also where one cannot be read: each is to be told from what it will be next time."""
    contents, first = [], None
    for each in watched:
        try:
            contents.append(each.read())
        except Unreadable as error:
            first = first or error
    if first is not None:
        raise first
    return contents


def _parse_roots(
    place: Path, contents: Mapping[Path, bytes]
) -> tuple[list[x509.Certificate], float | None]:
    certificates: list[x509.Certificate] = []
    expiries: list[float] = []
    for path, content in contents.items():
        try:
            listed = read_roots(content)
        except RootsError as error:
            raise RootsError(f"{path}: {error}") from None
        certificates += listed.certificates
        if listed.expires is not None:
            expiries.append(listed.expires)
    if not certificates:
        raise RootsError(f"{place}: no certificates in it; put PEM files there")
    return certificates, min(expiries, default=None)


def _parse_issuers(contents: Mapping[Path, bytes]) -> tuple[x509.Certificate, ...]:
    found: list[x509.Certificate] = []
    for path, content in contents.items():
        try:
            found += x509.load_pem_x509_certificates(content)
        except Exception:  # not always a ValueError
            raise RootsError(f"{path}: no PEM certificates; export it again as PEM") from None
    return tuple(found)
