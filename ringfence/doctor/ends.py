"""Does Ringfence hear how calls end? Asks Redis alone: Asterisk tells nobody what he may hear."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from redis.asyncio import Redis

from ringfence.archive.lease import read_status
from ringfence.doctor.finding import Findings, ok, warn
from ringfence.settings import AmiSection
from ringfence.store.keys import Keys

PART = "ends"
LONGEST = 3_600.0
"""Seconds: a call that came in longer ago has ended, nearly always."""


async def examine_ends(redis: Redis, keys: Keys, ami: AmiSection, now: float) -> Findings:
    """Whether ends come in, where they should."""
    if not ami.host:
        return
    heard = (await read_status(redis, keys)).ended
    first, last = int(heard * 1000) + 1, int((now - LONGEST) * 1000)
    later = await cast(Any, redis.xrange(keys.calls, min=first, max=last, count=1))
    when = datetime.fromtimestamp(heard, UTC).isoformat(sep=" ", timespec="seconds")
    if later:
        yield warn(
            PART,
            f"no end of a call was heard since {when}, though calls came in" if heard
            else "calls came in, and no end of one was heard: answered share and durations are "
                 "missing in reports",
            f"read = call (or all) for {ami.username} in manager.conf; the log of "
            "`ringfence serve` says whether the manager interface lets it in",
        )  # fmt: skip
    elif heard:
        yield ok(PART, f"how calls end is heard, the last at {when}")
