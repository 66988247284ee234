"""Opens the store for one command and says in one line what is wrong with it; shows nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ringfence.cli.refusals import Refused
from ringfence.cli.signature import Signature, account
from ringfence.config import LogSection, Settings, SettingsRefused
from ringfence.logs import set_up_logs
from ringfence.store.connection import address_of, connect_redis, explain_failure
from ringfence.store.embedded import ValkeyFailed, running_valkey
from ringfence.store.keys import Keys
from ringfence.store.reader import Reader
from ringfence.store.writing.writer import Writer

T = TypeVar("T")
# A command may wait longer than a call: the import of a long list keeps Redis busy for a while.
COMMAND_SECONDS = 10.0


class Store(NamedTuple):
    """The store, open for one command."""

    redis: Redis
    keys: Keys
    reader: Reader
    writer: Writer


def run(work: Coroutine[None, None, T]) -> T:
    """Run a command's coroutine; what the store refuses becomes one line."""
    set_up_logs(LogSection(level="error"))
    try:
        return asyncio.run(work)
    except (ValkeyFailed, ValueError) as error:
        if isinstance(error, SettingsRefused):
            raise
        raise Refused(str(error)) from None


@asynccontextmanager
async def open_store(
    settings: Settings, signature: Signature | None = None
) -> AsyncIterator[Store]:
    """The store behind the configured URL; else the embedded one, started where none runs.

    What is written there is signed with `signature`: commands that write hand it on.
    """
    signature = signature or Signature(account())
    if settings.redis.url:
        async with _connected(settings.redis.url, settings, signature) as store:
            yield store
        return
    _check_access(settings.state.path)
    async with (
        running_valkey(settings.state.path) as url,
        _connected(url, settings, signature) as store,
    ):
        yield store


@asynccontextmanager
async def _connected(url: str, settings: Settings, signature: Signature) -> AsyncIterator[Store]:
    try:
        keys = Keys(settings.redis.prefix)
        redis = connect_redis(url, timeout=COMMAND_SECONDS)
    except ValueError as error:
        raise SettingsRefused(str(error)) from None
    try:
        writer = Writer(redis, keys, signature.who, why=signature.why)
        yield Store(redis, keys, Reader(redis, keys), writer)
    except BrokenPipeError:
        raise  # stdout's, as in `ringfence calls --follow | head`: the client wraps its own
    except (RedisError, ConnectionError) as error:
        raise Refused(explain_failure(error, address_of(redis))) from None
    finally:
        await redis.aclose()


def _check_access(state: Path) -> None:
    if state.exists() and not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        raise Refused(
            f"no access to the state directory {state}: run this as the account that runs "
            "`ringfence serve`, or set RINGFENCE_REDIS_URL"
        )
