"""A feed's address: whether it may be fetched, and how it is shown; fetches nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

from ringfence.call import clean
from ringfence.feeds.refused import FeedRefused

DATE = "{date}"
"""In an address: a day as 2026-03-05. There is a file for each weekday of the last week or so."""


def checked_url(url: str) -> str:
    """`url`, if it may be fetched."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise FeedRefused(f"{url[:80]!r} is no address: write https://HOST/PATH") from None
    if parts.scheme not in ("http", "https") or not host:
        raise FeedRefused(f"{url[:80]!r} is no address: write https://HOST/PATH")
    if parts.username or parts.password:
        raise FeedRefused(f"{shown(url)}: no password in an address: --token-file FILE has it")
    return url


def shown(url: str) -> str:
    """The address without what may be secret."""
    parts = urlsplit(url)
    return clean(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", 200)
