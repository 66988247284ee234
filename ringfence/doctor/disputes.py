"""Is somebody who was blocked in error waiting for an answer? Writes nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from redis.asyncio import Redis

from ringfence.doctor.finding import Findings, fail, ok, warn
from ringfence.redress.clock import is_overdue
from ringfence.redress.register import Disputes
from ringfence.store.keys import Keys
from ringfence.store.writing.dispute_writer import DisputeWriter

PART = "disputes"
MOST_SHOWN = 3


async def examine_disputes(redis: Redis, keys: Keys, now: float) -> Findings:
    """What should have been answered, and what is no dispute; nothing where there is none."""
    kept = await Disputes(redis, keys, DisputeWriter(redis, keys)).all()
    for id, reason in list(kept.refused.items())[:MOST_SHOWN]:
        yield fail(PART, f"dispute {id} is refused: {reason}", "mend it by redis-cli HSET, or HDEL")
    if not kept.found:
        return
    at = datetime.fromtimestamp(now, UTC)
    waiting = sum(each.dispute.awaits_answer for each in kept.found)
    if overdue := [each.id for each in kept.found if is_overdue(each.dispute, at)]:
        more = f" and {len(overdue) - MOST_SHOWN} more" if len(overdue) > MOST_SHOWN else ""
        named = ", ".join(overdue[:MOST_SHOWN]) + more
        yield warn(PART, f"24 hours have passed, and nobody was told: {named}",
                   "ringfence dispute list --overdue")  # fmt: skip
    else:
        yield ok(PART, f"{len(kept.found)}, {waiting} of which wait for an answer in time")
