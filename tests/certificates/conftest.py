"""A real certificate server by HTTPS on a loopback address of its own, and a clock to turn."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from lab.shaken.authority import Authority, Credential
from ringfence.certificates import Certificates, open_certificates
from ringfence.certificates.lookup import Lookup, system_lookup
from ringfence.settings import AttestationSection

PORT = 8443
NAMES = ("certificates.example", "other.example", "rebound.example")

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Clock:
    """Unix seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Web:
    """Hands out what was put at a path, or plays what misbehaves; counts who asked for what."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: Counter[str] = Counter()
        self.connections = 0
        self._plays: dict[str, Play] = {}

    def url(self, path: str, host: str = "") -> str:
        return f"https://{host or self.address}:{PORT}{path}"

    def put(self, path: str, content: bytes, *headers: str) -> str:
        """Serve it; gives back its address."""
        more = "".join(f"{header}\r\n" for header in headers)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n{more}\r\n".encode()
        return self.raw(path, head + content)

    def raw(self, path: str, answer: bytes) -> str:
        """Answer with these bytes, whatever they are."""

        async def play(writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            await writer.drain()

        return self.play(path, play)

    def play(self, path: str, play: Play) -> str:
        self._plays[path] = play
        return self.url(path)

    def remove(self, path: str) -> None:
        del self._plays[path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            self.asked[path] += 1
            if path in self._plays:
                await self._plays[path](writer)
            else:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    @contextlib.asynccontextmanager
    async def serving(self, credential: Credential, folder: Path) -> AsyncIterator[None]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pem = folder / "web.pem"
        pem.write_bytes(credential.key_pem + credential.pem)
        context.load_cert_chain(pem)
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            with contextlib.suppress(asyncio.CancelledError):
                await self._serve(reader, writer)
            writer.transport.abort()
            tasks.discard(task)

        server = await asyncio.start_server(serve, self.address, PORT, ssl=context)
        try:
            yield
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def web(authority: Authority, tmp_path: Path) -> AsyncIterator[Web]:
    # an address of its own, as the port is not free to choose
    address = f"127.{random.randint(64, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
    each = Web(address)
    async with each.serving(authority.web_server(address, *NAMES), tmp_path):
        yield each


@pytest.fixture
def settings(authority: Authority, tmp_path: Path) -> AttestationSection:
    roots, tls = tmp_path / "roots.pem", tmp_path / "tls.pem"
    for path in (roots, tls):
        path.write_bytes(authority.roots_pem)
    return AttestationSection(
        roots=str(roots), tls_ca=str(tls), allow_addresses="127.0.0.0/8", fetch_timeout=2.0
    )


Open = Callable[..., Certificates]


@pytest.fixture
async def open_store(
    settings: AttestationSection, tmp_path: Path, clock: Clock
) -> AsyncIterator[Open]:
    """A worker's certificates; several share one state directory."""
    opened: list[Certificates] = []

    def open_(
        section: AttestationSection = settings, *, lookup: Lookup = system_lookup
    ) -> Certificates:
        each = open_certificates(section, tmp_path / "state", clock=clock, lookup=lookup)
        opened.append(each)
        return each

    yield open_
    for each in opened:
        await each.store.close()
