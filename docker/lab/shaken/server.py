"""Owns where certificates are fetched from; it must not know what is in them.

A web server on one loopback address, by HTTP and by HTTPS: signers' certificates must come by
HTTPS, yet Asterisk's own fetcher trusts no authority but the machine's.
"""

import socketserver
import ssl
import tempfile
import threading
from collections import Counter
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
        self._files: dict[str, bytes] = {}
        self.fetched: Counter[str] = Counter()
        self._servers = [
            _Server((address, HTTP_PORT), self._files, self.fetched),
            _Server((address, HTTPS_PORT), self._files, self.fetched, _tls(credential)),
        ]

    def __enter__(self) -> Self:
        for server in self._servers:
            # a short poll: it is how long leaving takes
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def publish(self, path: str, content: bytes) -> None:
        """Serve `content` at a path such as ``/818H.pem``."""
        self._files[path] = content

    def url(self, path: str, *, https: bool = True) -> str:
        """Where that path is fetched from."""
        if https:
            return f"https://{self._address}:{HTTPS_PORT}{path}"
        return f"http://{self._address}:{HTTP_PORT}{path}"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        files: dict[str, bytes],
        fetched: Counter[str],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(address, _Handler)
        self.files = files
        self.fetched = fetched
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
        server = cast(_Server, self.server)
        server.fetched[self.path] += 1
        content = server.files.get(self.path)
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
