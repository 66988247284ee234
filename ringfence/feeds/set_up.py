"""Whether a feed's set-up is in order as a whole, as an import takes it; knows no store."""

from __future__ import annotations

import msgspec

from ringfence.durations import duration_text
from ringfence.feeds.address import DATE, checked_url
from ringfence.feeds.kinds import checked_options, kind_of
from ringfence.feeds.model import Feed, checked_name
from ringfence.feeds.refused import FeedRefused
from ringfence.strict_json import decode_strictly

_decoder = msgspec.json.Decoder(Feed)


def decode_set_up(name: str, text: bytes | str) -> Feed:
    """The set-up in `text` (JSON). FeedRefused says in one line what to mend."""
    try:
        checked_name(name)
    except FeedRefused:
        raise FeedRefused(
            "a feed's name has 1 to 32 letters, digits, _ . - and starts with a letter or a digit"
        ) from None
    try:
        feed = decode_strictly(_decoder, text)
    except ValueError as error:
        raise FeedRefused(str(error)) from None
    kind = kind_of(feed.kind)
    if kind.alone and name != kind.name:
        raise FeedRefused(f"there is one feed of kind {kind.name}, and it has that name")
    checked_url(feed.url)
    checked_options(kind, feed.options)
    if DATE in feed.url and kind.name != "ftc":
        raise FeedRefused(f"{DATE} is for a feed of a file a day: ftc")
    if feed.every < kind.least_every:
        raise FeedRefused(
            f"every {feed.every}: a feed of kind {kind.name} is asked for at most every "
            f"{duration_text(kind.least_every)}"
        )
    return feed
