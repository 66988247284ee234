"""One answer of a web server that may be hostile, read with an end to everything.

Knows HTTP/1.1 as far as one GET needs it, and nothing of certificates. A client of our own,
because with a general one a single server that sends interim answers (1xx) without end, as fast
as it can, holds the loop that answers calls for a tenth of a second at a time.
"""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

from ringfence.certificates.location import Location

MAX_HEAD = 16_384
"""Bytes of a status line with its headers; also how far the stream reads ahead."""
MAX_HEADERS = 100
MAX_INTERIM = 3
CHUNK_BYTES = 512
"""Chunks of a body are this large on average, or there are too many of them."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?", re.ASCII)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]{0,256})?\r\n", re.ASCII)


class BadAnswer(ValueError):  # noqa: N818 - what it is
    """An answer that is not to be used; the text says why."""


class Answer(NamedTuple):
    """Status, where a redirect leads, and the body of a 200."""

    status: int
    location: str
    body: bytes


def get(location: Location) -> bytes:
    """The request. It asks for nothing compressed, so that a small answer stays small."""
    return (
        f"GET {location.path} HTTP/1.1\r\nHost: {location.authority}\r\n"
        "User-Agent: ringfence\r\nAccept: application/pem-certificate-chain, */*;q=0.5\r\n"
        "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


async def read_answer(reader: asyncio.StreamReader, limit: int) -> Answer:
    """The answer to one GET, its body at most `limit` bytes. `BadAnswer` says what is wrong."""
    try:
        for _ in range(MAX_INTERIM + 1):
            status, headers = await _head(reader)
            if status >= 200:
                break
        else:
            raise BadAnswer("interim answers without end")
        if status != 200:
            return Answer(status, headers.get("location", ""), b"")
        return Answer(status, "", await _body(reader, headers, limit))
    except asyncio.IncompleteReadError:
        raise BadAnswer("ended in the middle") from None
    except asyncio.LimitOverrunError:
        raise BadAnswer("headers or chunks too large") from None


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = await reader.readuntil(b"\r\n\r\n")
    if len(head) > MAX_HEAD:
        raise BadAnswer(f"more than {MAX_HEAD} bytes of headers")
    first, *lines = head[:-4].split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise BadAnswer("no HTTP/1.1")
    if len(lines) > MAX_HEADERS:
        raise BadAnswer(f"more than {MAX_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise BadAnswer("a broken header")
        key, text = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        if key in ("content-length", "transfer-encoding", "content-encoding", "location") and (
            headers.setdefault(key, text) != text
        ):
            raise BadAnswer(f"{key} twice")
    return int(status[1]), headers


async def _body(reader: asyncio.StreamReader, headers: dict[str, str], limit: int) -> bytes:
    if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise BadAnswer("compressed, though it was asked not to be")
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise BadAnswer("a transfer encoding that is not chunked")
        return await _chunks(reader, limit)
    if "content-length" not in headers:
        return await _rest(reader, limit)
    length = headers["content-length"]
    if not re.fullmatch(r"[0-9]{1,12}", length, re.ASCII):
        raise BadAnswer("a broken content-length")
    if int(length) > limit:
        raise BadAnswer(f"more than {limit} bytes")
    return await reader.readexactly(int(length))


async def _rest(reader: asyncio.StreamReader, limit: int) -> bytes:
    body = bytearray()
    while part := await reader.read(MAX_HEAD):
        body += part
        if len(body) > limit:
            raise BadAnswer(f"more than {limit} bytes")
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader, limit: int) -> bytes:
    body = bytearray()
    for _ in range(limit // CHUNK_BYTES + 64):
        size = _CHUNK.fullmatch(await reader.readuntil(b"\r\n"))
        if size is None:
            raise BadAnswer("a broken chunk")
        length = int(size[1], 16)
        if length == 0:
            return bytes(body)  # what may follow is of no use, and the connection is closed
        if len(body) + length > limit:
            raise BadAnswer(f"more than {limit} bytes")
        body += await reader.readexactly(length)
        if await reader.readexactly(2) != b"\r\n":
            raise BadAnswer("a broken chunk")
    raise BadAnswer("too many chunks")
