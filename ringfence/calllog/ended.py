"""How a call ended, in few bytes, and which record it belongs to. Pure: knows no store, no manager
interface.

An end and its record reach the archive on different ways, and either may be hours late. So they
meet by what both say of themselves: the channel's uniqueid and its name.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ringfence.calllog.record import CallRecord, utc_text

LONGEST_MS = 31 * 86_400_000
"""A channel that is older is none; without a bound a wrong clock would write into any day."""
EARLY, LATE = 60, 900
"""Seconds by which the door's clock may be behind Asterisk's, and by which a call may be screened
after it came in: near midnight, an end belongs to either day."""
_LATEST_MS = 4_000_000_000_000
_HASHED = 46
_UNIQUEID = re.compile(r"(?:.*-)?(\d{9,10})\.\d+", re.ASCII | re.DOTALL)


class CallEnd(NamedTuple):
    """The end of one channel; times in milliseconds since 1970. `answered` None: it never was.
    `cause` is Q.850's, 0 where there is none."""

    uniqueid: str
    channel: str
    answered: int | None
    ended: int
    cause: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(CallEnd)


def encode_end(end: CallEnd) -> bytes:
    """One entry of the stream of ends: a JSON array."""
    return _encoder.encode(end)


def decode_end(data: bytes) -> CallEnd:
    """The end in `data`; ValueError where it is none, or says what cannot be."""
    try:
        end = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:300]) from None
    first = end.ended if end.answered is None else end.answered
    if not (0 <= first <= end.ended <= _LATEST_MS and 0 <= end.cause <= 0xFFFF):
        raise ValueError("times or cause that cannot be")
    return end


def born(uniqueid: str) -> int | None:
    """When Asterisk made the channel, in Unix seconds; None where the uniqueid does not say so."""
    found = _UNIQUEID.fullmatch(uniqueid)
    return int(found[1]) if found else None


def key_of(uniqueid: str, channel: str) -> int | None:
    """What an end is found by, 63 bits; None for a uniqueid without its time.

    The time comes first: ends of calls of one minute then lie beside each other, and writing many
    touches few pages. The rest is a hash, as two Asterisks may give the same uniqueid.
    """
    second = born(uniqueid)
    if second is None:
        return None
    text = f"{uniqueid}\n{channel}".encode("utf-8", "replace")
    hashed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> (64 - _HASHED)
    # of the time what tells apart the seconds of a day and of the one beside it
    return (second & 0x1FFFF) << _HASHED | hashed


def days_of(end: CallEnd) -> list[date]:
    """The UTC days that its record can be of: one, two about midnight, none of a wrong clock."""
    second = born(end.uniqueid)
    if second is None or not -LONGEST_MS < second * 1000 - end.ended < EARLY * 1000:
        return []
    first, last = _day((second - EARLY) // 60), _day((second + LATE) // 60)
    return [first] if first == last else [first, last]


@lru_cache(maxsize=64)
def _day(minute: int) -> date:
    return datetime.fromtimestamp(minute * 60, UTC).date()


def with_end(record: CallRecord, answered: int | None, ended: int, cause: int) -> CallRecord:
    """The record with how its call ended. A door's clock and Asterisk's are two: the duration is
    of one of them alone."""
    told = msgspec.structs.replace(record, ended=utc_text(ended / 1000), cause=cause)
    if answered is None:
        return told
    # what has its default is not given: a zero that is equal to it would not be left out
    return msgspec.structs.replace(
        told, answered=utc_text(answered / 1000), duration=(ended - answered) / 1000
    )
