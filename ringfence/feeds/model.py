"""A feed as its admin set it up, and what came of it: the two JSON texts in Redis. Does no I/O."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ringfence.call import clean
from ringfence.feeds.refused import FeedRefused
from ringfence.lists import LIST_NAME

DAY = 86_400
LEAST_EVERY, MOST_EVERY = 900, 366 * DAY
RETRY_FIRST = 300
"""Seconds from a failure to the next try; each one more doubles it, up to the schedule itself."""
MAX_FAILURE = 400
KEPT_VALIDATORS = 20


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an admin may say of a feed besides where it is; which kinds take what, `kinds` knows."""

    list: str = ""
    column: str = ""
    min_votes: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    token_file: str = ""
    block_missing: bool = False


class Feed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A feed that is refreshed from `url` every so many seconds."""

    kind: str
    url: str
    every: Annotated[int, Meta(ge=LEAST_EVERY, le=MOST_EVERY)]
    options: Options = Options()
    added_by: Annotated[str, Meta(max_length=200)] = ""
    added_at: float = 0.0


class FeedState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a feed. `current_at`: when it was last known to be what its publisher has;
    `dated` is the file's own date. `validators` are ETag and Last-Modified, by URL."""

    kind: str = ""
    place: str = ""
    current_at: float = 0.0
    dated: str = ""
    rows: int = 0
    left_out: int = 0
    lists: dict[str, int] = {}
    attempted_at: float = 0.0
    failed_at: float = 0.0
    failure: str = ""
    failures: int = 0
    validators: dict[str, tuple[str, str]] = {}
    version: int = 0
    whole_at: float = 0.0
    alarms: tuple[str, ...] = ()

    def failing(self, why: str, now: float) -> FeedState:
        """After an attempt that brought nothing."""
        return msgspec.structs.replace(
            self, attempted_at=now, failed_at=now, failure=clean(why, MAX_FAILURE),
            failures=self.failures + 1,
        )  # fmt: skip

    def confirmed(self, now: float) -> FeedState:
        """After an attempt that found everything as it was."""
        return msgspec.structs.replace(
            self, attempted_at=now, current_at=now, failures=0, failure="", failed_at=0.0
        )

    def with_validator(self, url: str, etag: str, modified: str) -> FeedState:
        """With what tells later whether there is anything new at `url`."""
        kept = {known: both for known, both in self.validators.items() if known != url}
        if etag or modified:
            kept[url] = (etag[:200], modified[:100])
        newest = dict(list(kept.items())[-KEPT_VALIDATORS:])
        return msgspec.structs.replace(self, validators=newest)


def due_at(feed: Feed, state: FeedState) -> float:
    """When a feed is to be refreshed, in Unix seconds: at once where it never was."""
    if not state.attempted_at:
        return 0.0
    wait = feed.every
    if state.failures:
        wait = min(wait, RETRY_FIRST * 2 ** min(state.failures - 1, 20))
    return state.attempted_at + wait


def checked_name(name: str) -> str:
    """A feed's name; it is the name of a source, too."""
    if not LIST_NAME.fullmatch(name) or len(name) > 32:
        raise FeedRefused(
            f"feed {name[:80]!r}: write 1 to 32 letters, digits, _ . - and start with a letter or "
            "a digit"
        )
    return name


def decode_feed(name: str, text: bytes | str) -> Feed:
    """As Redis has it. FeedRefused in one line where a hand has spoilt it."""
    try:
        return msgspec.json.decode(text, type=Feed)
    except (msgspec.DecodeError, ValueError) as error:
        raise FeedRefused(f"feed {clean(name, 80)}: {error}") from None


def encode_feed(feed: Feed) -> bytes:
    """The JSON that is kept in Redis: only what differs from the defaults."""
    return msgspec.json.encode(feed)


def decode_state(text: bytes | None) -> FeedState:
    """As Redis has it; of what a hand has spoilt nothing is known."""
    try:
        return msgspec.json.decode(text or b"{}", type=FeedState)
    except (msgspec.DecodeError, ValueError):
        return FeedState()
