"""Owns SIP's text form, as far as a caller needs it; it must not know sockets or calls."""

from collections.abc import Sequence
from dataclasses import dataclass

# The compact forms a sender may use (RFC 3261, section 20).
_LONG = {
    b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id", b"m": b"contact",
    b"l": b"content-length", b"c": b"content-type",
}  # fmt: skip

Headers = Sequence[tuple[str | bytes, str | bytes]]


@dataclass(slots=True)
class Message:
    """A parsed response or in-dialog message; header names are in lower case."""

    start: bytes
    headers: dict[bytes, list[bytes]]
    body: bytes

    @property
    def status(self) -> int:
        """The status code, or 0 when this is no response."""
        return int(self.start[8:11]) if self.start.startswith(b"SIP/2.0 ") else 0

    @property
    def method(self) -> bytes:
        return self.start.partition(b" ")[0]

    @property
    def phrase(self) -> str:
        return text(self.start[12:])

    @property
    def call_id(self) -> bytes:
        return self.first(b"call-id")

    def first(self, name: bytes) -> bytes:
        found = self.headers.get(name)
        return found[0] if found else b""

    def media_address(self) -> tuple[str, int] | None:
        """Where the body's SDP wants its audio."""
        host, port = "", 0
        for line in self.body.splitlines():
            if line.startswith(b"c=IN IP4 "):
                host = text(line[9:])
            elif line.startswith(b"m=audio "):
                port = int(line.split()[1])
        return (host, port) if host and port else None


def parse(datagram: bytes) -> Message | None:
    """Read a message; None for a keep-alive or what is no SIP."""
    head, _, body = datagram.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    if b"SIP/2.0" not in start:
        return None
    headers: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        key = name.strip().lower()
        headers.setdefault(_LONG.get(key, key), []).append(value.strip())
    return Message(start, headers, body)


def compose(start: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes = b"") -> bytes:
    lines = [start, *(name + b": " + value for name, value in headers)]
    if body:
        lines.append(b"Content-Type: application/sdp")
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def offer(address: str, port: int) -> bytes:
    """An SDP body that takes and sends µ-law."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
    ).encode()


def raw(value: str | bytes) -> bytes:
    """Text as UTF-8; bytes as they are, for what no honest caller would send."""
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def uri_of(contact: bytes) -> bytes:
    """The address in a Contact header, without its name and parameters."""
    inner = contact.partition(b"<")[2].partition(b">")[0]
    return inner or contact.partition(b";")[0].strip()


def quoted(name: str | bytes) -> bytes:
    """A display name: text is escaped as RFC 3261 wants, bytes are only put between quotes."""
    if isinstance(name, str):
        name = raw(name.replace("\\", "\\\\").replace('"', '\\"'))
    return b'"' + name + b'"'
