"""Has a notice come to its deadline, and is its provider known? Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from ringfence.doctor.finding import Findings, fail, ok, warn
from ringfence.providers.model import decode_provider
from ringfence.providers.notice import decode_notice
from ringfence.store.reader import Reader

PART = "notices"
MOST_SHOWN = 3


async def examine_notices(reader: Reader, now: float) -> Findings:
    """What is overdue, what could not be enforced, and what is refused; nothing where there is
    none."""
    texts = await reader.notices()
    good, at = {}, datetime.fromtimestamp(now, UTC)
    refused: list[tuple[str, str]] = []
    for id, text in texts.items():
        try:
            good[id] = decode_notice(id, text)
        except ValueError as error:
            refused.append((id, str(error)))
    for id, reason in refused[:MOST_SHOWN]:
        yield fail(PART, f"notice {id[:40]} is refused, and not enforced: {reason}",
                   "mend it by redis-cli HSET, or HDEL")  # fmt: skip
    if len(refused) > MOST_SHOWN:
        yield fail(PART, f"{len(refused) - MOST_SHOWN} more are refused",
                   "ringfence notice list --all")  # fmt: skip
    open_ones = {id: each for id, each in good.items() if each.is_open}
    providers = await reader.providers() if open_ones else {}
    unknown = [id for id, each in open_ones.items() if each.provider not in ("", *providers)]
    for id in unknown[:MOST_SHOWN]:
        who = open_ones[id].provider
        yield fail(PART, f"notice {id} is about provider {who}, which is not in the register: "
                   "nothing will be blocked", f"ringfence provider add {who}")  # fmt: skip
    if len(unknown) > MOST_SHOWN:
        yield fail(PART, f"{len(unknown) - MOST_SHOWN} more name no provider of the register",
                   "ringfence notice list")  # fmt: skip
    about = defaultdict[str, list[str]](list)
    for id, each in open_ones.items():
        about[each.provider].append(id)
    for who in about.keys() & providers.keys():
        if why := _fault(who, providers[who]):
            yield fail(PART, f"provider {who} is refused, which {_few(about[who])} name: {why}",
                       f"ringfence provider set {who}")  # fmt: skip
    late = [id for id, each in open_ones.items() if each.deadline <= at and not each.blocked]
    blocking = [id for id, each in open_ones.items() if each.blocked]
    if late:
        yield warn(PART, f"the deadline has passed, and nothing is blocked: {_few(late)}",
                   f"ringfence notice show {late[0]}")  # fmt: skip
    elif good:
        yield ok(PART, f"{len(open_ones)} open, {len(blocking)} of which block, none is overdue")


def _fault(id: str, text: bytes) -> str:
    try:
        decode_provider(id, text)
    except ValueError as error:
        return str(error)
    return ""


def _few(ids: Iterable[str]) -> str:
    named = list(ids)
    more = f" and {len(named) - MOST_SHOWN} more" if len(named) > MOST_SHOWN else ""
    return ", ".join(named[:MOST_SHOWN]) + more
