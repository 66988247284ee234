"""A feed's set-up as a file brings it: taken as `feed schedule` would, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ringfence.feeds.refused import FeedRefused
from ringfence.feeds.set_up import decode_set_up

GOOD = {"kind": "npa", "url": "https://files.example.net/npa.csv", "every": 604_800}


def test_a_set_up_is_read_as_it_was_written() -> None:
    feed = decode_set_up("npa", json.dumps(GOOD))
    assert (feed.kind, feed.url, feed.every) == (GOOD["kind"], GOOD["url"], GOOD["every"])


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("npa", {"kind": "weather"}, "no kind of feed"),
        ("codes", {}, "one feed of kind npa"),
        ("no name", {}, "has 1 to 32 letters"),
        ("npa", {"url": "ftp://files.example.net/npa.csv"}, "is no address"),
        ("npa", {"url": "https://me:secret@files.example.net/"}, "no password"),
        ("npa", {"url": "https://files.example.net/{date}.csv"}, "a file a day"),
        ("npa", {"every": 900}, "at most every 6h"),
        ("npa", {"every": 1}, "every"),
        ("npa", {"options": {"min_votes": 3}}, "--min-votes means nothing"),
        ("npa", {"colour": "red"}, "colour"),
    ],
)
def test_what_could_not_be_scheduled_is_refused(
    name: str, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(FeedRefused, match=said):
        decode_set_up(name, json.dumps(GOOD | changed))


@pytest.mark.parametrize("text", ["", "[]", "null", '{"kind": "npa", "kind": "npa"}', "{" * 5_000])
def test_what_is_no_set_up_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(FeedRefused) as refused:
        decode_set_up("npa", text)
    assert "\n" not in str(refused.value)
