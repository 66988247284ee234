"""The id of a call in the call log: made here, read here, known everywhere else as a text."""

from __future__ import annotations

import random
import re

CALL_ID = re.compile(r"[0-9a-f]{22}", re.ASCII)


def new_call_id(now: float) -> str:
    """A new id for a call at `now` (Unix seconds): 22 hexadecimal digits, sorted by time.

    48 bits of milliseconds and 40 random ones: two of the same millisecond meet once in 10^12.
    Letters and digits only, so that it may stand in a SIP Reason text (ATIS-1000099).
    """
    return f"{int(now * 1000):012x}{random.getrandbits(40):010x}"


def time_of(call_id: str) -> float:
    """When the call with this id was screened, in Unix seconds. ValueError where it is none."""
    if not CALL_ID.fullmatch(call_id):
        raise ValueError(f"{call_id[:40]!r} is no call id: it has 22 digits and letters a to f")
    return int(call_id[:12], 16) / 1000
