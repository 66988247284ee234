"""From which score on something happens to a call; knows no rule."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Points = Annotated[int, Meta(ge=1, le=100_000)]


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The score from which on a call is flagged, challenged, blocked; None: never."""

    flag_at: Points | None = None
    challenge_at: Points | None = None
    block_at: Points | None = None


NO_THRESHOLDS = Thresholds()
