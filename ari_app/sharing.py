"""Tells the dialplan whether several workers share the calls, so that no admin has to.

One worker is served fastest by ``Stasis``; several need ``StasisBroadcast``, which offers a call to
all of them (Asterisk 20.17, 22.7, 23.1 and later). What the admin set in [globals] is left alone.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from ari_app.rest import AriUnreachable, Rest, path_of, value_in

log = structlog.get_logger(__name__)

VARIABLE = "RINGFENCE_BROADCAST"
BY_US = "auto"
MODULE = "app_stasis_broadcast.so"
PATIENCE = 2.0
"""Seconds for all of it; no call waits for this."""


async def tell_sharing(rest: Rest, *, shared: bool) -> None:
    """Set Asterisk's global, or take back what an earlier run of ours set."""
    try:
        async with asyncio.timeout(PATIENCE):
            now = await _value(rest)
            if shared and not now:
                await _share(rest)
            elif not shared and now == BY_US:
                await _set(rest, "")
    except (AriUnreachable, TimeoutError, msgspec.MsgspecError) as error:
        log.warning("Asterisk was not told how many ARI workers there are", why=str(error))


async def _share(rest: Rest) -> None:
    if (await rest.request("GET", path_of("asterisk", "modules", MODULE))).ok:
        await _set(rest, BY_US)
    else:
        log.warning("this Asterisk has no StasisBroadcast: the first worker gets all ARI calls")


async def _value(rest: Rest) -> str:
    reply = await rest.request("GET", "asterisk/variable", {"variable": VARIABLE})
    return value_in(reply.body) if reply.ok else ""


async def _set(rest: Rest, value: str) -> None:
    await rest.request("POST", "asterisk/variable", {"variable": VARIABLE, "value": value})
