"""A trunk's settings as admins keep them in Redis; knows nothing of calls or of the store."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec
import phonenumbers

from ringfence.numbers import NumberPlan
from ringfence.strict_json import decode_strictly
from ringfence.thresholds import Thresholds

MAX_TRUNK_BYTES = 65_536
TRUNK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,79}", re.ASCII)

AttestationSource = Literal["ringfence", "asterisk", "headers"]


class Trunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one trunk writes numbers, what it is trusted for, and what happens when we fail.

    `attestation` names the sources that are believed, in this order: Ringfence's own verifier on
    the Identity headers, Asterisk's STIR_SHAKEN() results, the carrier's headers. The first two
    check a signature, so the trunk need not be trusted for them. `verstat_passed` is the level that
    a bare ``TN-Validation-Passed`` means at this carrier. `fail` overrides the global fail mode,
    and `score` the global thresholds.
    """

    country: str = "US"
    international: tuple[str, ...] = ("011", "00")
    strip: str = ""
    attestation: tuple[AttestationSource, ...] = ("ringfence", "asterisk")
    verstat_passed: Literal["A", "B", "C", "none"] = "none"
    fail: Literal["", "open", "closed"] = ""
    score: Thresholds | None = None
    provider: str = ""
    note: str = ""

    @property
    def plans(self) -> tuple[NumberPlan, NumberPlan]:
        """How this trunk writes called numbers, and how callers: only the former are stripped."""
        return _plans(self.country, self.international, self.strip)


@lru_cache(maxsize=1024)
def _plans(
    country: str, international: tuple[str, ...], strip: str
) -> tuple[NumberPlan, NumberPlan]:
    caller = NumberPlan(country.upper(), international)
    return caller._replace(strip=strip), caller


DEFAULT_TRUNK = Trunk()
_decoder = msgspec.json.Decoder(Trunk)


def decode_trunk(name: str, text: bytes | str) -> Trunk:
    """The settings in `text` (JSON). ValueError says in one line what to mend."""
    if not TRUNK_NAME.fullmatch(name):
        raise ValueError("a trunk's name is that of its endpoint: letters, digits, _ . @ -")
    if len(text) > MAX_TRUNK_BYTES:
        raise ValueError(f"larger than {MAX_TRUNK_BYTES} bytes")
    trunk = decode_strictly(_decoder, text)
    if trunk.country.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("country is an ISO code of two letters, such as US or GB")
    for prefix in (*trunk.international, trunk.strip):
        if not re.fullmatch(r"\+?[0-9*#]{0,12}", prefix):
            raise ValueError("international and strip are up to 12 dialled digits")
    return trunk


def encode_trunk(trunk: Trunk) -> bytes:
    """The JSON that is kept in Redis: only what differs from the defaults."""
    return msgspec.json.encode(trunk)
