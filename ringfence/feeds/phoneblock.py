"""PhoneBlock's list: numbers that people voted against. Knows no store.

The whole list comes at most once a month, and in between what has changed since a version.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Mapping
from typing import IO, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from ringfence.feeds.counts import WINDOW, day_number
from ringfence.feeds.model import DAY, FeedState
from ringfence.feeds.plan import Asked, Entries, Plan
from ringfence.feeds.refused import FeedRefused
from ringfence.feeds.tables import look_at
from ringfence.numbers import NumberPlan, normalise
from ringfence.store.imports.entry_set import EntrySet

EXPECTED = "PhoneBlock's list as JSON"
LIST = "phoneblock"
MIN_VOTES = 4
WHOLE_EVERY = 30 * DAY
MAX_BYTES = 256_000_000
PART = "all"
_LEGITIMATE = "A_LEGITIMATE"
_ELSEWHERE = NumberPlan(country="DE")
"""Numbers without a country code are German there."""
_WHY = re.compile(r"\s+")


class _Number(msgspec.Struct):
    phone: str
    votes: int
    rating: str | None = None


class _Document(msgspec.Struct):
    numbers: list[_Number]
    version: int


class Known(NamedTuple):
    """A number's votes, and the day on which they were last told."""

    votes: int
    day: int


def plan(file: IO[bytes], asked: Asked) -> Plan:
    """The numbers with enough votes, for as long as somebody has spoken of them of late."""
    look_at(file, EXPECTED)
    text = file.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise FeedRefused(f"expected {EXPECTED}, found more than {MAX_BYTES} bytes")
    try:
        document = msgspec.json.decode(text, type=_Document)
    except (msgspec.DecodeError, ValueError) as error:
        raise FeedRefused(f"expected {EXPECTED}, found {_WHY.sub(' ', str(error))[:200]}") from None
    asked.tell(len(text))
    today, left_out = day_number(asked.now), 0
    known: dict[str, Known] = unpack(asked.parts.get(PART)) if asked.increment else {}
    for each in document.numbers:
        number = normalise(each.phone, _ELSEWHERE).e164
        if not number:
            left_out += 1
        elif each.votes <= 0 or each.rating == _LEGITIMATE:
            known.pop(number, None)
        else:
            known[number] = Known(each.votes, today)
    known = {number: of for number, of in known.items() if of.day > today - WINDOW}
    least = asked.options.min_votes or MIN_VOTES
    by_day: defaultdict[int, list[str]] = defaultdict(list)
    for number, of in known.items():
        if of.votes >= least:
            by_day[of.day].append(number)
    groups = ((EntrySet(some), float((day + WINDOW) * DAY)) for day, some in by_day.items())
    return Plan(
        rows=len(known),
        lists={asked.options.list or LIST: Entries(groups)},
        left_out=left_out,
        put={PART: pack(known)},
        version=document.version,
        notes=(f"{len(document.numbers)} changes",) if asked.increment else (),
    )


def wants_increment(state: FeedState, now: float) -> bool:
    """Whether only what has changed is to be asked for."""
    return bool(state.version) and 0 <= now - state.whole_at < WHOLE_EVERY


def since(url: str, version: int) -> str:
    """The address of what has changed since a version."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "since"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("since", str(version))])))


def pack(known: Mapping[str, Known]) -> bytes:
    """As a field of Redis."""
    flat = [[int(number), *of] for number, of in sorted(known.items())]
    return zlib.compress(msgspec.msgpack.encode(flat))


def unpack(data: bytes | None) -> dict[str, Known]:
    """What `pack` has made. FeedRefused where a hand has spoilt it."""
    try:
        text = zlib.decompressobj().decompress(data, MAX_BYTES) if data else b"\x90"
        flat: list[Any] = msgspec.msgpack.decode(text, type=list[tuple[int, int, int]])
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise FeedRefused(f"what was kept of PhoneBlock cannot be read: {error}") from None
    return {f"+{number}": Known(votes, day) for number, votes, day in flat}
