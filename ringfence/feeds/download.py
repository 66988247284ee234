"""Gets one file by http or https, with an end to its size and to the time that it takes.

Knows addresses and servers; nothing of what is in the file. The address is an admin's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from ringfence.call import clean
from ringfence.feeds.address import checked_url, shown
from ringfence.feeds.refused import FeedRefused, NotThere
from ringfence.store.imports.list_copy import Bar, no_bar

CONNECT_SECONDS, SILENCE_SECONDS, ALL_SECONDS = 15.0, 60.0, 1_800.0
MAX_REDIRECTS = 5
CHUNK = 1 << 16
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Downloaded(NamedTuple):
    """A file that goes when it is closed; None where nothing is new. `etag` and `modified` tell
    so the next time."""

    file: IO[bytes] | None
    etag: str
    modified: str


class Downloader:
    """Downloads to temporary files. `token_file` has a bearer token, and nothing else."""

    def __init__(
        self,
        *,
        silence: float = SILENCE_SECONDS,
        whole: float = ALL_SECONDS,
        agent: str = "ringfence",
        bar: Bar = no_bar,
    ) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=whole, sock_connect=CONNECT_SECONDS, sock_read=silence
        )
        self._agent = agent
        self._bar = bar

    async def download(
        self, url: str, most_bytes: int, *, known: tuple[str, str] = ("", ""), token_file: str = ""
    ) -> Downloaded:
        """Get `url`; `known` are ETag and Last-Modified of what is there already."""
        headers = {"User-Agent": self._agent, "Accept-Encoding": "identity"}
        headers |= {"If-None-Match": known[0]} if known[0] else {}
        headers |= {"If-Modified-Since": known[1]} if known[1] else {}
        if token_file:
            headers["Authorization"] = f"Bearer {_token(checked_url(url), token_file)}"
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.get(
                    checked_url(url), headers=headers, max_redirects=MAX_REDIRECTS
                ) as answer,
            ):
                return await self._kept(answer, url, most_bytes)
        except TimeoutError:
            raise FeedRefused(f"{shown(url)}: the server took too long") from None
        except aiohttp.TooManyRedirects:
            raise FeedRefused(f"{shown(url)}: redirected again and again") from None
        except (aiohttp.ClientError, ValueError) as error:
            if isinstance(error, FeedRefused):
                raise
            said = clean(str(error), 160) or type(error).__name__
            raise FeedRefused(f"{shown(url)}: {said}") from None

    async def _kept(self, answer: aiohttp.ClientResponse, url: str, most_bytes: int) -> Downloaded:
        etag = answer.headers.get("ETag", "")
        modified = answer.headers.get("Last-Modified", "")
        if answer.status == 304:
            return Downloaded(None, etag, modified)
        if answer.status != 200:
            kind = NotThere if answer.status in (404, 410) else FeedRefused
            said = f"{answer.status} {clean(answer.reason or '', 60)}"
            raise kind(f"{shown(url)}: expected the file, the server answered {said}")
        size = answer.content_length or 0
        if size > most_bytes:
            raise FeedRefused(f"{shown(url)}: {size} bytes, more than the {most_bytes} allowed")
        file, done = tempfile.TemporaryFile(), 0  # noqa: SIM115 - closed by who asked for it
        try:
            with self._bar(f"downloading {shown(url)}", size) as tell:
                async for chunk in answer.content.iter_chunked(CHUNK):
                    done += len(chunk)
                    if done > most_bytes:
                        raise FeedRefused(f"{shown(url)}: more than the {most_bytes} bytes allowed")
                    file.write(chunk)
                    tell(done)
            file.flush()
        except BaseException:
            file.close()
            raise
        return Downloaded(file, etag, modified)


def _token(url: str, path: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise FeedRefused(f"{shown(url)}: a token goes by https only")
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FeedRefused(f"token file {path[:120]}: {error}") from None
    if not token or any(c.isspace() for c in token) or len(token) > 4_096:
        raise FeedRefused(f"token file {path[:120]}: one token is to be in it, and nothing else")
    return token
