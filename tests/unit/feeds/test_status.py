"""How a feed is, in one word."""

from __future__ import annotations

import pytest

from ringfence.cli.feed_status import Shown, word_of
from ringfence.feeds.model import Feed, FeedState

NOW = 1_000_000.0
FEED = Feed("npa", "https://example.net/npa_report.csv", 3_600)
GOOD = FeedState(kind="npa").confirmed(NOW - 3_600)


@pytest.mark.parametrize(
    ("shown", "word"),
    [
        (Shown("npa", FEED, FeedState()), "waiting"),
        (Shown("npa", FEED, GOOD), "ok"),
        (Shown("npa", FEED, FeedState(kind="npa").confirmed(NOW - 4 * 3_600)), "old"),
        (Shown("npa", None, FeedState(kind="npa").confirmed(NOW - 400 * 3_600)), "ok"),
        (Shown("npa", FEED, GOOD.failing("no answer", NOW)), "FAIL"),
        (Shown("npa", None, GOOD, "feed npa: no JSON"), "REFUSED"),
    ],
)
def test_a_feed_waits_is_well_is_old_fails_or_cannot_be_read(shown: Shown, word: str) -> None:
    assert word_of(shown, NOW) == word
