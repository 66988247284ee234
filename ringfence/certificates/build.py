"""Puts the parts of this package together as the settings say; the only place that does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from ringfence.attestation.chain import MAX_CERTIFICATE
from ringfence.attestation.revocation import MAX_CRL
from ringfence.certificates.addresses import AddressGuard
from ringfence.certificates.anchors import AnchorFiles
from ringfence.certificates.disk import DiskCache
from ringfence.certificates.fetch import Fetcher, has_authorities, tls_context, tls_fault
from ringfence.certificates.lane import PACE, Lane
from ringfence.certificates.lookup import Lookup, Resolver, system_lookup
from ringfence.certificates.memory import Memory
from ringfence.certificates.revocation import RevocationLists
from ringfence.certificates.source import Source
from ringfence.certificates.store import CertificateStore
from ringfence.certificates.threads import Threads
from ringfence.certificates.upkeep import Upkeep
from ringfence.settings import AttestationSection, SettingsRefused

log = structlog.get_logger(__name__)

FOLDER = "certificates"
MAX_LISTS_KEPT = 64


class Certificates(NamedTuple):
    """What calls ask, and what is run behind them. `store.close()` ends both."""

    store: CertificateStore
    upkeep: Upkeep


def open_certificates(
    settings: AttestationSection,
    state: Path,
    *,
    clock: Callable[[], float] = time.time,
    lookup: Lookup = system_lookup,
) -> Certificates:
    """Reads the trust roots; fetches nothing yet. Wrong roots stop no start: the log and `problem`
    name them, and no signature counts. `SettingsRefused` where `tls_ca` cannot be read."""
    threads = Threads()
    guard = AddressGuard(settings.networks)
    seconds = settings.fetch_timeout
    try:
        tls = tls_context(Path(settings.tls_ca) if settings.tls_ca else None)
    except OSError as error:
        raise SettingsRefused(
            f"attestation.tls_ca: {settings.tls_ca}: {tls_fault(error)}"
        ) from None
    if settings.roots and not has_authorities(tls):
        log.error(
            "nobody vouches for certificate servers: no signature can be verified",
            mend="install this machine's ca-certificates, or set attestation.tls_ca",
        )
    disk = DiskCache(state / FOLDER / "signers", MAX_CERTIFICATE)
    lists_disk = DiskCache(state / FOLDER / "lists", MAX_CRL, most_new=MAX_LISTS_KEPT)

    def source(disk: DiskCache, limit: int, *, pace: float = 0.0) -> Source:
        # Each has its own turns and its own look-ups, so that none can use up another's.
        fetcher = Fetcher(tls, guard, Resolver(lookup), seconds)
        lane = Lane(pace=pace)
        return Source(fetcher, disk, lane, threads, clock, limit=limit, patience=seconds)

    anchors = AnchorFiles(
        Path(settings.roots) if settings.roots else None,
        Path(settings.crl_issuers) if settings.crl_issuers else None,
    )
    anchors.look(clock())
    memory = Memory()
    lists = RevocationLists(
        source(lists_disk, MAX_CRL), lambda: anchors.current, clock, settings.crl
    )
    store = CertificateStore(
        memory,
        source(disk, MAX_CERTIFICATE, pace=PACE),
        source(disk, MAX_CERTIFICATE),
        anchors,
        lists,
        clock,
    )
    return Certificates(
        store, Upkeep(store, memory, anchors, lists, (disk, lists_disk), threads, clock)
    )
