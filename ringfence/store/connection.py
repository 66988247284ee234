"""Connections to Redis with time-outs of our own; knows no key and no command of Ringfence's."""

from __future__ import annotations

from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

CONNECT_TIMEOUT = 1.0
COMMAND_TIMEOUT = 2.0
# A pooled connection that lay idle is tried with PING first, so that a dead peer costs
# the check and not the command.
HEALTH_CHECK_SECONDS = 15
_SCHEMES = ("redis", "rediss", "unix")


def connect_redis(
    url: str, *, connect_timeout: float = CONNECT_TIMEOUT, timeout: float = COMMAND_TIMEOUT
) -> Redis:
    """A client for ``redis://``, ``rediss://`` or ``unix://``; nothing is connected yet.

    ValueError in one line where the URL is none. Responses are bytes. There are no hidden
    retries: with them a command takes over four seconds to fail when the server is down.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not (parts.path if parts.scheme == "unix" else parts.netloc):
        raise ValueError(
            f"Redis URL {mask_url(url)!r}: write redis://HOST:PORT/0, rediss://HOST:PORT/0 or "
            "unix:///path/to/socket"
        )
    try:
        return Redis.from_url(
            url,
            socket_connect_timeout=connect_timeout,
            socket_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=HEALTH_CHECK_SECONDS,
            client_name="ringfence",
            # RESP2 is spoken by every server since 2.0, and by proxies in front of them.
            protocol=2,
            driver_info=None,
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"Redis URL {mask_url(url)!r}: {error}") from None


def mask_url(url: str) -> str:
    """The URL without its password, for messages and logs."""
    try:
        parts = urlsplit(url)
        userinfo, at, host = parts.netloc.rpartition("@")
    except ValueError:
        return "(not readable)"
    user, colon, _ = userinfo.partition(":")
    netloc = f"{user}:***@{host}" if colon else f"{user}{at}{host}"
    query = "&".join(
        "password=***" if pair.lower().startswith("password=") else pair
        for pair in parts.query.split("&")
    )
    # not urlunsplit: some Pythons make unix:/path of unix:///path
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return f"{scheme}{netloc}{parts.path}{'?' if query else ''}{query}"


def address_of(redis: Redis) -> str:
    """Where a client connects to, as ``HOST:PORT`` or a socket's path; never a secret."""
    settings = redis.connection_pool.connection_kwargs
    if path := settings.get("path"):
        return str(path)
    return f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"


def explain_failure(error: BaseException, address: str) -> str:
    """One line that says what is wrong with Redis and what to do."""
    text = " ".join(str(error).split())[:200]
    # On the way to a connection redis-py makes one kind of all, and only the text is left.
    if isinstance(error, BusyLoadingError) or "loading the dataset" in text:
        return f"Redis at {address} is still loading its data: wait until it is ready"
    if isinstance(error, NoPermissionError):
        return f"Redis at {address} denies a command to this user ({text}): widen its ACL"
    if isinstance(error, AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text:
        return (
            f"Redis at {address} refuses the login: check user and password in RINGFENCE_REDIS_URL"
        )
    if "READONLY" in text:
        return (
            f"Redis at {address} is a read-only replica: point RINGFENCE_REDIS_URL at the primary"
        )
    if isinstance(error, ResponseError):
        return f"Redis at {address} refused a command: {text}"
    if isinstance(error, RedisTimeoutError | TimeoutError) or text.startswith("Timeout "):
        return (
            f"Redis at {address} does not answer in time: see whether it is stopped or overloaded"
        )
    if isinstance(error, RedisError | OSError):
        return f"no Redis at {address}: start it, or set RINGFENCE_REDIS_URL ({text})"
    return f"Redis at {address}: {type(error).__name__}: {text}"
