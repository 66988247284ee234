"""Fetches a few bytes by https from where a stranger says, and from no inner address.

Knows connections, TLS and time; not what is fetched, nor when. A name is looked up once, its
addresses are judged, and the connection goes to an address that was judged: a name that means
something else a moment later (DNS rebinding) gains nothing. So it is again after each redirect.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from ringfence.attestation.failure import printable
from ringfence.certificates.addresses import AddressGuard
from ringfence.certificates.http import MAX_HEAD, Answer, get, read_answer
from ringfence.certificates.location import Location, follow
from ringfence.certificates.lookup import Resolver

MAX_REDIRECTS = 2
CONNECT_SECONDS = 2.0
"""For one of a name's addresses, so that a dead one leaves time for the next."""
_OURS = frozenset(
    {
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT),
        # what this machine refuses, or has no more of
        *(errno.EPERM, errno.EACCES, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE),
        *(errno.ENOBUFS, errno.ENOMEM, socket.EAI_AGAIN, socket.EAI_SYSTEM),
    }
)
GOODBYE_SECONDS = 1.0
"""For who falls silent in the middle of TLS's handshake: the loop keeps the socket that long."""


class FetchFailed(Exception):  # noqa: N818 - what happened, in the past
    """Nothing usable came; the text says why in a few words."""


class Unreachable(FetchFailed):
    """Nobody answered at all: that may as well be our own network."""


class Fetcher:
    """Fetches within `seconds`, from connection to the last byte, redirects included."""

    def __init__(
        self, tls: ssl.SSLContext, guard: AddressGuard, resolver: Resolver, seconds: float
    ) -> None:
        self._tls = tls
        self._guard = guard
        self._resolver = resolver
        self._seconds = seconds

    async def fetch(self, location: Location, limit: int) -> bytes:
        """The body of a 200, at most `limit` bytes. `FetchFailed` where there is none, and
        `LaneFull` where too many names are being looked up."""
        reached = False
        try:
            async with asyncio.timeout(self._seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    reached = False
                    connected = await self._connect(location)
                    reached = True
                    answer = await self._ask(location, connected, limit)
                    if answer.status == 200:
                        return answer.body
                    if answer.status not in (301, 302, 303, 307, 308):
                        raise FetchFailed(f"status {answer.status}")
                    location = follow(location, answer.location)
                raise FetchFailed("redirected again and again")
        except TimeoutError as error:
            kind = FetchFailed if reached else Unreachable
            late = f"took longer than {self._seconds:g} s"
            raise kind("no answer" if error.errno else late) from None
        except (ValueError, OSError) as error:
            # BadAnswer and BadLocation are such, and what idna makes of an odd name
            kind = FetchFailed if reached or not _is_ours(error) else Unreachable
            if isinstance(error, ssl.SSLCertVerificationError) and not has_authorities(self._tls):
                kind = Unreachable  # to whom this machine believes nobody, nobody is a liar
            raise kind(printable(_words(error), 160)) from None

    async def _ask(self, location: Location, connected: socket.socket, limit: int) -> Answer:
        reader, writer = await asyncio.open_connection(
            sock=connected,
            ssl=self._tls,
            server_hostname=location.host,
            ssl_shutdown_timeout=GOODBYE_SECONDS,
            limit=MAX_HEAD,
        )
        try:
            writer.write(get(location))
            return await read_answer(reader, limit)
        finally:
            # At once: who is hostile would take its time to say goodbye.
            writer.transport.abort()

    async def _connect(self, location: Location) -> socket.socket:
        failed: Exception = OSError("no address")
        for address in await self._addresses(location):
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await _connected(address, location.port)
            except TimeoutError:
                failed = TimeoutError(errno.ETIMEDOUT, "no answer")
            except OSError as error:
                failed = error
        raise failed

    async def _addresses(self, location: Location) -> Sequence[str]:
        """Judged, all of them: a name with an inner address beside a public one is no mishap."""
        with contextlib.suppress(ValueError):
            found: Sequence[str] = [str(ipaddress.ip_address(location.host))]
            return self._judged(found)
        return self._judged(await self._resolver.resolve(location.host, location.port))

    def _judged(self, addresses: Sequence[str]) -> Sequence[str]:
        for address in addresses:
            if not self._guard.permits(address):
                raise FetchFailed(f"{printable(address, 64)} is an inner address")
        return addresses


def tls_context(authorities: Path | None) -> ssl.SSLContext:
    """Trusts the machine's authorities, and those in the file besides. OSError, which `ssl`'s own
    errors are, where that cannot be read."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if authorities is not None:
        context.load_verify_locations(authorities)
    return context


def tls_fault(error: OSError) -> str:
    """Why `tls_context` cannot have its file, in a few words."""
    return "no PEM certificates" if isinstance(error, ssl.SSLError) else str(error.strerror)


def has_authorities(context: ssl.SSLContext) -> bool:
    """Whether anybody can vouch for a server: an image without ca-certificates has nobody."""
    if context.cert_store_stats()["x509_ca"]:
        return True
    # those of a folder are read when they are needed, by names such as 4042bcee.0
    folder = ssl.get_default_verify_paths().capath
    return folder is not None and any(Path(folder).glob("*.[0-9]"))


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except BaseException:
        opened.close()
        raise
    return opened


def _is_ours(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _OURS


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
