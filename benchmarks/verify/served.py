"""Owns what a stage needs so that Ringfence verifies its signed calls; it measures nothing.

The trust roots are a file before anything starts; the certificate is served once there is an
address to serve it at.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.verify.signer import SPC, Signer
from lab.shaken import Authority, CertificateServer

_PATH = f"/certificates/{SPC}/{'a' * 64}.pem"
"""As long as such addresses are: it stands in each header twice."""


class Served:
    """An authority that Ringfence trusts, and a signer whose certificate it can fetch."""

    def __init__(self, folder: Path) -> None:
        self._authority = Authority("Bench")
        self._signer = Signer(self._authority)
        self._roots = folder / "roots.pem"
        self._roots.write_bytes(self._authority.roots_pem)

    @property
    def environment(self) -> Mapping[str, str]:
        """Ringfence's settings: whom to trust, and that the lab's own network may be asked."""
        return {
            "RINGFENCE_ATTESTATION_ROOTS": str(self._roots),
            "RINGFENCE_ATTESTATION_TLS_CA": str(self._roots),
            "RINGFENCE_ATTESTATION_ALLOW_ADDRESSES": "127.0.0.0/8",
        }

    @contextlib.contextmanager
    def serving(self, address: str) -> Iterator[None]:
        """The certificate can be fetched meanwhile."""
        with CertificateServer(address, self._authority.web_server(address)) as server:
            server.publish(_PATH, self._signer.credential.pem)
            self._signer.x5u = server.url(_PATH)
            yield

    def identities(
        self, callers: Sequence[str], called: str, offset: int, count: int
    ) -> tuple[str, ...]:
        """Headers for the next calls: a token is fresh for a minute, so no earlier than that."""
        return self._signer.of_calls(callers, called, offset, count, int(time.time()))


@contextlib.contextmanager
def served() -> Iterator[Served]:
    """With its files, which are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ringfence-roots-") as name:
        yield Served(Path(name))
