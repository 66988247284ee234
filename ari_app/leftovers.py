"""Finds the calls that wait in the application although nobody heard of them; judges none.

After a cut connection Asterisk keeps them there, and their StasisStart is not sent again: what
they brought is read from the channel variables that the dialplan set (dialplan/README.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container
from typing import NamedTuple

import msgspec
import structlog

from ari_app.events import Channel
from ari_app.rest import AriUnreachable, Rest, path_of, value_in
from ringfence.answer import VERDICT_VARIABLE

log = structlog.get_logger(__name__)

FACTS_VARIABLES = ("RINGFENCE_FACTS", "RINGFENCE_TOKENS")
"""Together what the dialplan handed to Stasis()."""
PATIENCE = 1.0
"""Seconds for each request."""


class Leftover(NamedTuple):
    """A waiting call; `judged` where it has its verdict and only its release was lost."""

    channel: Channel
    facts: str
    judged: bool


class _Application(msgspec.Struct):
    channel_ids: tuple[str, ...] = ()


async def left_waiting(rest: Rest, app: str, known: Container[str]) -> AsyncIterator[Leftover]:
    """The calls that wait in `app` and are not `known`. A call that goes meanwhile is left out."""
    body = await _get(rest, path_of("applications", app))
    waiting = msgspec.json.decode(body, type=_Application).channel_ids if body else ()
    waiting = tuple(channel for channel in waiting if channel not in known)
    if waiting:
        log.info("calls found waiting in the ARI application", calls=len(waiting))
    for identity in waiting:
        body = await _get(rest, path_of("channels", identity))
        if not body:
            continue
        channel = msgspec.json.decode(body, type=Channel)
        if await _variable(rest, identity, VERDICT_VARIABLE):
            yield Leftover(channel, "", judged=True)
        else:
            told = [await _variable(rest, identity, name) for name in FACTS_VARIABLES]
            yield Leftover(channel, "".join(told), judged=False)


async def _variable(rest: Rest, channel: str, name: str) -> str:
    return value_in(await _get(rest, path_of("channels", channel, "variable"), {"variable": name}))


async def _get(rest: Rest, path: str, params: dict[str, str] | None = None) -> bytes:
    try:
        async with asyncio.timeout(PATIENCE):
            reply = await rest.request("GET", path, params or {})
    except (AriUnreachable, TimeoutError):
        return b""
    return reply.body if reply.ok else b""
