"""Owns where certificates are fetched from; it must not know what is in them.

A web server on one loopback address, by HTTP and by HTTPS: signers' certificates must come by
HTTPS, and a verifier that takes them by HTTP as well is to be seen doing so.
"""

import contextlib
import socketserver
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from lab.shaken.authority import Credential

# ATIS-1000074 allows 443 and 8443; the lab's Asterisk has its REST interface on 8088.
HTTP_PORT = 8080
HTTPS_PORT = 8443
_SILENCE_SECONDS = 10.0


class CertificateServer:
    """Serves what was published, from `with` to the end of it; counts who asked for what."""

    def __init__(self, address: str, credential: Credential) -> None:
        self._address = address
        self._tls = _tls(credential)
        self._shelf = _Shelf()
        self._servers: list[_Server] = []

    @property
    def fetched(self) -> Counter[str]:
        """How often each path was asked for."""
        return self._shelf.fetched

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def publish(self, path: str, content: bytes) -> None:
        """Serve `content` at a path such as ``/818H.pem``."""
        self._shelf.files[path] = content

    def url(self, path: str, *, https: bool = True) -> str:
        """Where that path is fetched from."""
        if https:
            return f"https://{self._address}:{HTTPS_PORT}{path}"
        return f"http://{self._address}:{HTTP_PORT}{path}"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Who asks for something meanwhile gets no answer before the end of it."""
        self._shelf.may_answer.clear()
        try:
            yield
        finally:
            self._shelf.may_answer.set()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens meanwhile."""
        self._close()
        try:
            yield
        finally:
            self._open()

    def _open(self) -> None:
        for port, tls in ((HTTP_PORT, None), (HTTPS_PORT, self._tls)):
            server = _Server((self._address, port), self._shelf, tls)
            self._servers.append(server)
            # a short poll: it is how long leaving takes
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def _close(self) -> None:
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()


class _Shelf:
    """What both servers hand out. Each request has a thread of its own."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fetched: Counter[str] = Counter()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._counting = threading.Lock()

    def take(self, path: str) -> bytes | None:
        with self._counting:
            self.fetched[path] += 1
        self.may_answer.wait(_SILENCE_SECONDS)
        return self.files.get(path)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], shelf: _Shelf, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(address, _Handler)
        self.shelf = shelf
        if tls is not None:
            # The handshake belongs to the peer's own thread: a silent peer must not hold the rest.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def handle_error(self, request: object, client_address: object) -> None:
        """A peer that went away in the middle, or does not trust us, is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _SILENCE_SECONDS

    def do_GET(self) -> None:
        content = cast(_Server, self.server).shelf.take(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/pem-certificate-chain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the console."""


def _tls(credential: Credential) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # the library reads a key from files only
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(credential.key_pem + credential.pem)
        context.load_cert_chain(path)
    return context
